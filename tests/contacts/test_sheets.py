"""Sheets of every kind are read row by row in a separate process, and hostile ones are refused with a reason."""

import datetime
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pytest_django import Settings

from config.processes import children_of
from contacts import sheets
from contacts.sheets import SheetError
from tests.waiting import wait_until

Write = Callable[[list[list[Any]]], Path]


@pytest.fixture
def workbook(tmp_path: Path) -> Write:
    def write(rows: list[list[Any]]) -> Path:
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        for row in rows:
            sheet.append(row)
        sheet.title = "Customers"
        book.save(tmp_path / "book.xlsx")
        return tmp_path / "book.xlsx"

    return write


def text_file(tmp_path: Path, content: bytes | str, name: str = "list.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, encoding: str = "") -> tuple[list[str], list[tuple[int, list[str]]]]:
    with sheets.open_sheet(path, path.name, sheets.Options(encoding=encoding)) as sheet:
        return sheet.layout.header, [(row.number, row.cells) for row in sheet.rows()]


def refusal(path: Path, encoding: str = "") -> str:
    with pytest.raises(SheetError) as refused:
        read(path, encoding)
    assert refused.value.sentence.endswith(".")
    return refused.value.code


def test_it_reads_a_workbook_as_excel_shows_it(workbook: Write) -> None:
    day = datetime.datetime(2026, 3, 1)
    path = workbook(
        [["Phone ", "Balance", "Due", "Paid"], [27825550100.0, 12.5, day, True], ["0825550101", 3, None, 0.1]]
    )
    assert read(path) == (
        ["Phone", "Balance", "Due", "Paid"],
        [(2, ["27825550100", "12.5", "2026-03-01 0:00:00", "TRUE"]), (3, ["0825550101", "3", "", "0.1"])],
    )


def test_it_keeps_visible_number_formats(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Phone", "Balance", "Share"])
    sheet.append([825550100, 12.5, 0.25])
    sheet["A2"].number_format = "0000000000"
    sheet["B2"].number_format = "#,##0.00"
    sheet["C2"].number_format = "0%"
    book.save(tmp_path / "styled.xlsx")
    assert read(tmp_path / "styled.xlsx")[1] == [(2, ["0825550100", "12.50", "25%"])]


def test_row_numbers_are_the_sheets_and_trailing_blank_rows_are_dropped(workbook: Write) -> None:
    path = workbook([[], ["Phone"], ["1"], [], [" "], ["2"], [], [""]])
    assert read(path) == (["Phone"], [(3, ["1"]), (4, []), (5, []), (6, ["2"])])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_it_finds_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    path = text_file(tmp_path, f'Phone{delimiter}Name\n082{delimiter}"a, b; c"\n\n083{delimiter}d\n')
    assert read(path) == (["Phone", "Name"], [(2, ["082", "a, b; c"]), (3, []), (4, ["083", "d"])])


def test_a_column_may_hold_cells_of_several_lines(tmp_path: Path) -> None:
    rows = read(text_file(tmp_path, 'Phone,Name\n082,"a\nb"\n083,c\n084,"d\ne"\n'))[1]
    assert rows == [(2, ["082", "a\nb"]), (3, ["083", "c"]), (4, ["084", "d\ne"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_it_detects_encodings_by_their_bytes(tmp_path: Path, encoding: str) -> None:
    assert read(text_file(tmp_path, "Phone,Name\n082,Zoë\n".encode(encoding)))[1] == [(2, ["082", "Zoë"])]


def test_it_guesses_no_encoding(tmp_path: Path) -> None:
    path = text_file(tmp_path, "Phone,Name\n082,Zoë €\n".encode("cp1252"))
    assert refusal(path) == "encoding"
    assert read(path, "cp1252")[1] == [(2, ["082", "Zoë €"])]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("list.pdf", b"%PDF-1.7", "wrong_type"),
        ("list.csv", b"\x89PNG\r\n\x1a\n\x00\x00", "wrong_type"),
        ("list.csv", b"Phone\x00\n1\n", "wrong_type"),
        ("list.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "wrong_type"),
        ("list.xlsx", b"PK\x03\x04broken", "broken"),
        ("list.csv", b"", "empty"),
        ("list.csv", b"\n\n,,\n", "empty"),
        ("list.csv", b"Phone,Name\n,\n", "no_rows"),
        ("list.csv", b"Phone\n" + b"x" * 200_000, "broken"),
    ],
)
def test_it_refuses_files_that_are_not_sheets(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    assert refusal(text_file(tmp_path, content, name)) == code


def test_it_refuses_an_empty_workbook(workbook: Write) -> None:
    assert refusal(workbook([[None]])) == "empty"


def test_every_formula_without_its_result_is_named(workbook: Write) -> None:
    path = workbook([["Name", "Phone"], *(["Thandi", "=A1"] for _ in range(300))])
    with sheets.open_sheet(path, path.name) as sheet:
        problems = [row.problems for row in sheet.rows()]
    assert [codes[1][0] for codes in problems] == ["formula_without_result"] * 300
    assert problems[299][1][1].startswith("Cell B301 holds a formula without its result.")


def test_it_refuses_an_archive_that_unpacks_to_far_more(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "x")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 20_000_000)
    assert refusal(tmp_path / "bomb.xlsx") == "too_large"


def test_it_refuses_a_file_that_is_too_large(tmp_path: Path, settings: Settings) -> None:
    settings.UPLOAD_MAX_BYTES = 10
    assert refusal(text_file(tmp_path, "Phone\n0825550100\n")) == "too_large"


def test_it_stops_at_its_time_limit(tmp_path: Path) -> None:
    path = text_file(tmp_path, "Phone\n" + "0825550100\n" * 300_000)
    with pytest.raises(SheetError) as refused, sheets.open_sheet(path, path.name, seconds=0.01) as sheet:
        list(sheet.rows())
    assert refused.value.code == "too_slow"


def test_it_leaves_no_process_behind(tmp_path: Path) -> None:
    def children() -> set[str]:
        return {pid for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()}

    before = children()
    path = text_file(tmp_path, "Phone\n" + "0825550100\n" * 300_000)
    with sheets.open_sheet(path, path.name) as sheet:
        next(sheet.rows())
        assert children() - before
    assert children() <= before


def test_it_peeks_at_the_first_rows(workbook: Write) -> None:
    peeked = sheets.peek(
        workbook([["Phone"], *[[f"08255501{number:02}"] for number in range(20)]]), "book.xlsx", rows=2
    )
    layout = peeked.layout
    assert (layout.title, layout.header, layout.row_count) == ("Customers", ["Phone"], 20)
    assert peeked.rows == [sheets.Row(2, ["0825550100"]), sheets.Row(3, ["0825550101"])]


def test_it_passes_on_options_problems_and_what_was_left_out(tmp_path: Path) -> None:
    path = text_file(tmp_path, 'Clients\nName,Cell\n"Open,0825550100\nZoe,0825550101\n"Close,0825550102\n')
    with sheets.open_sheet(path, path.name, sheets.Options(header_row=2)) as sheet:
        (row,) = sheet.rows()
        assert sheet.layout.first_rows[:2] == [sheets.Row(1, ["Clients"]), sheets.Row(2, ["Name", "Cell"])]
        assert (row.number, row.problems[sheets.WHOLE_ROW][0]) == (3, "missing_quote")
        assert sheet.left_out == {"above_header": 2, "hidden": 0, "swallowed": 2}


def test_it_offers_encodings(tmp_path: Path) -> None:
    path = text_file(tmp_path, "Name,Cell\nŁukasz,0825550100\n".encode("cp1250"))
    assert sheets.offers(path, path.name)[0] == sheets.Offer("cp1250", ["Name", "Cell"], [["Łukasz", "0825550100"]])


def test_the_reader_ends_with_a_killed_parent(tmp_path: Path) -> None:
    sheet = tmp_path / "large.csv"
    sheet.write_text("Phone\n" + "082 555 0100\n" * 200_000)
    script = (
        "import sys, time, django; django.setup()\n"
        "from contacts.sheets import open_sheet\n"
        "with open_sheet(sys.argv[1], 'large.csv'): print('open', flush=True); time.sleep(60)\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    with subprocess.Popen(
        [sys.executable, "-c", script, str(sheet)], env=environment, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"open\n"
        (reader,) = children_of(parent.pid)
        parent.kill()

    wait_until(lambda: not Path(f"/proc/{reader}").exists(), "the reader has ended")
