"""Workbooks of many programs, right and wrong, are read as a person saw them, and every row is accounted for."""

from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import pytest

from contacts.sheet_reader import worksheet
from contacts.sheet_reader.layout import Contents
from contacts.sheet_reader.reading import read
from contacts.sheet_reader.sheet_scan import Scan, column_letters, quick_scan
from contacts.sheet_reader.types import Options, Row, SheetError
from contacts.sheet_reader.workbook import open_workbook
from tests.samples.workbooks import CASES, Case

IMPORTS = Path(__file__).parent.parent / "samples" / "import"


def problems(rows: list[Row]) -> dict[str, str]:
    """The codes of problems by the name of the cell."""
    return {f"{column_letters(column)}{row.number}": code for row in rows for column, (code, _) in row.problems.items()}


def assert_accounted_for(contents: Contents, rows: list[Row]) -> None:
    layout, left_out = contents.layout, contents.left_out
    assert left_out["above_header"] == layout.header_row
    assert layout.row_count == len(rows) + left_out["hidden"]
    numbers = [row.number for row in rows]
    assert numbers == sorted(set(numbers))
    assert min(numbers, default=layout.header_row + 1) > layout.header_row


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_workbook_is_read_as_a_person_sees_it(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(case.write())
    if case.refused:
        with pytest.raises(SheetError) as refusal:
            list(read(path, f"book.{case.ending}", case.options).rows)
        assert refusal.value.code == case.refused
        assert refusal.value.sentence.endswith(".")
        return
    contents = read(path, f"book.{case.ending}", case.options)
    rows = list(contents.rows)
    assert [row.cells for row in rows] == list(map(list, case.shown))
    assert problems(rows) == case.problems
    assert contents.left_out == {"above_header": 1, "hidden": case.hidden, "swallowed": 0}
    assert contents.layout.hidden_rows == (1 if case.options.hidden_rows else case.hidden)
    assert_accounted_for(contents, rows)
    if case.sheets is not None:
        assert [(sheet.title, sheet.rows) for sheet in contents.layout.sheets] == list(case.sheets)
    if case.hidden_sheets is not None:
        assert contents.layout.hidden_sheets == list(case.hidden_sheets)


def test_there_are_enough_of_them() -> None:
    assert len(CASES) == len({case.name for case in CASES})
    assert len(CASES) >= 300


def test_counting_in_the_bytes_finds_what_parsing_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet is scanned in the bytes of its XML, and parsed where that is not possible: both find the same."""
    quick: list[Scan | None] = []

    def count(part: IO[bytes]) -> Scan | None:
        quick.append(quick_scan(part))
        return quick[-1]

    def found(path: Path, options: Options) -> dict[str, Any]:
        source = open_workbook(path, options)
        return {name: getattr(source, name) for name in ("title", "sheets", "hidden_sheets", "row_count", "hidden")}

    path = tmp_path / "upload"
    for case in CASES:
        if case.ending == "xlsx" and not case.refused:
            path.write_bytes(case.write())
            monkeypatch.setattr(worksheet, "quick_scan", count)
            counted = found(path, case.options)
            monkeypatch.setattr(worksheet, "quick_scan", lambda part: None)
            assert counted == found(path, case.options), case.name
    assert sum(scan is not None for scan in quick) > 150


@pytest.mark.parametrize(
    ("name", "header_row", "rows", "codes"),
    [
        ("error_cells", 1, [["#N/A", "0825550100"], ["#REF!", "0825550101"]],
         {"A2": "spreadsheet_error", "A3": "spreadsheet_error"}),
        ("formula_empty_result", 1, [["0825550100", "Cape Town", "Cape Town"], ["0825550101"]], {}),
        ("hidden_filtered_row", 1, [["Thandi", "0825550100"], ["Lerato", "0825550102"]], {}),
        ("no_header", 0, [["Thandi", "0825550100"], ["Sipho", "0825550101"]], {}),
        ("phone_vs_mobile", 1, [["Thandi", "0115550100", "0825550100"]], {}),
        ("rows_out_of_order", 1, [["Thandi", "0825550100"], ["Sipho", "0825550101"], ["Lerato", "0825550102"]], {}),
        ("sms_consent_column", 1, [["Thandi", "0825550100", "Yes"], ["Sipho", "0825550101", "No"]], {}),
        ("strict", 1, [["Thandi", "0825550100"], ["Sipho", "0825550101"], ["Lerato", "0825550102"]], {}),
        ("title_row_above", 3, [["Thandi", "0825550100", "Durban"], ["Sipho", "0825550101", "Paarl"]], {}),
        ("truncated_za", 1, [["A", "08255501"], ["B", "0825550"], ["C", "08255"], ["D", "825550"]], {}),
        ("two_sheets_second_active", 1, [["Nomsa", "0835550200"]], {}),
        ("x000d", 1, [["Thandi\nK", "0825550100"], ["Sipho", "0825550101\n"]], {}),
    ],
)  # fmt: skip
def test_the_workbooks_that_were_misread(
    name: str, header_row: int, rows: list[list[str]], codes: dict[str, str]
) -> None:
    contents = read(IMPORTS / f"{name}.xlsx", f"{name}.xlsx")
    found = list(contents.rows)
    assert contents.layout.header_row == header_row
    assert [row.cells for row in found] == rows
    assert problems(found) == codes
    assert_accounted_for(contents, found)


def test_a_sheet_that_is_not_read_and_hidden_rows_are_named() -> None:
    layout = read(IMPORTS / "two_sheets_second_active.xlsx", "x.xlsx").layout
    assert [asdict(sheet) for sheet in layout.sheets] == [{"title": "2024", "rows": 2}, {"title": "2023", "rows": 4}]
    assert read(IMPORTS / "hidden_filtered_row.xlsx", "x.xlsx").layout.hidden_rows == 1
    taken = read(IMPORTS / "hidden_filtered_row.xlsx", "x.xlsx", Options(hidden_rows=True))
    assert len(list(taken.rows)) == 3
    assert taken.left_out["hidden"] == 0
