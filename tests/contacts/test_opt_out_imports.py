"""Sheets of opt-outs: nothing is lost in silence, and read = added + already + invalid + blank."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from pytest_django import Settings

from contacts import importing, jobs, suppression
from contacts.importing import applying, opt_outs
from contacts.importing.rows import RowChecker
from contacts.importing.state import Overtaken
from contacts.models import OPT_OUT_BUCKETS, Import, ImportIssue, ImportRow, Suppression
from contacts.sheets import WHOLE_ROW, Options, Row

pytestmark = pytest.mark.postgresql


@pytest.fixture(autouse=True)
def own_files(db: None, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.JOURNAL_DIR = tmp_path / "journal"


def opted_out() -> set[str]:
    return set(Suppression.objects.active().values_list("msisdn", flat=True))


def uploaded(text: str, name: str = "stop.csv", **options: Any) -> Import:
    """An import of opt-outs whose columns are confirmed as guessed."""
    reading = replace(Options(hidden_rows=True), **options)
    import_ = importing.upload(None, ContentFile(text.encode()), name, options=reading)
    importing.confirm(import_, importing.guess_opt_outs(import_))
    return import_


def checked(text: str, **options: Any) -> Import:
    import_ = uploaded(text, **options)
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    assert import_.status == "checked", import_.failure_sentence
    return import_


def applied(text: str, **options: Any) -> Import:
    import_ = checked(text, **options)
    importing.begin_apply(import_)
    importing.apply(import_.pk)
    import_.refresh_from_db()
    assert (import_.status, import_.waiting) == ("done", 0)
    return import_


def counts(import_: Import) -> dict[str, int]:
    return {bucket: getattr(import_, bucket) for bucket in OPT_OUT_BUCKETS}


# -- which numbers a row means ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "problems", "numbers", "codes"),
    [
        (["Ann", "0825550100", ""], {}, {"27825550100"}, []),
        (["Ann", "0825550100", "011 555 0100"], {}, {"27825550100", "27115550100"}, []),
        (["Ann", "0825550100 / 0825550101"], {}, {"27825550100", "27825550101"}, []),
        (["Ann", "0825550100", "12345"], {}, {"27825550100"}, ["too_short"]),
        (["Ann", "call 082 555 0100 at work"], {}, {"27825550100"}, []),
        (["Ann", "12345", "nobody"], {}, set(), ["too_short"]),
        (["Ann"], {}, set(), ["missing"]),
        (["Ann", "#N/A", "0825550100"], {1: ("spreadsheet_error", "#N/A")}, {"27825550100"}, ["spreadsheet_error"]),
        (["Ann", "#N/A"], {1: ("spreadsheet_error", "#N/A")}, set(), ["spreadsheet_error"]),
        (["Ann", "0825550100"], {1: ("unknown_format", "?")}, {"27825550100"}, ["unknown_format"]),
        (["Ann", "0825550100"], {0: ("spreadsheet_error", "#N/A")}, {"27825550100"}, []),
        # The row is not what it appears to be: numbers may be anywhere.
        (
            ["Open,0825559001,Paarl\nP20,0825550020,Paarl\nP21,+44 7911 123456,Paarl", "0825550021"],
            {WHOLE_ROW: ("missing_quote", "?")},
            {"27825559001", "27825550020", "447911123456", "27825550021"},
            ["missing_quote"],
        ),
        (["Nkosi", "Thandi", "Paarl", "0825550100"], {WHOLE_ROW: ("shifted", "?")}, {"27825550100"}, ["shifted"]),
        (["Nkosi", "Thandi", "Paarl", "1"], {WHOLE_ROW: ("shifted", "?")}, set(), ["shifted"]),
        (["Ann", "0825550100", "", "x"], {WHOLE_ROW: ("surplus_cells", "?")}, {"27825550100"}, ["surplus_cells"]),
    ],
)
def test_every_number_of_a_row_is_found(
    cells: list[str], problems: dict[int, tuple[str, str]], numbers: set[str], codes: list[str]
) -> None:
    checker = RowChecker(1, "ZA", ["Name", "Cell", "Work"], {1: "phone", 2: "phone"})
    found = opt_outs.check_chunk(checker, [Row(7, cells, problems)])
    assert set(found.numbers.get(7, {})) == numbers
    assert [issue.code for issue in (found.warnings if numbers else found.issues)] == codes
    assert not (found.issues if numbers else found.numbers)


# -- the whole way ----------------------------------------------------------------------------------------------------

SHEET = (
    "Name,Cell,Work\n"  # 1
    "Ann,0825550100,0115550100\n"  # 2: added
    "Ben,0825550101,\n"  # 3: already
    "Cid,12345,\n"  # 4: invalid
    ",,\n"  # 5: blank
    "Dot,0825550100,\n"  # 6: already, as row 2
    "Eve,0825550101,0825550102\n"  # 7: added by its second number
    "Fay,,0115550100\n"  # 8: already, as row 2
)


def test_read_is_added_already_invalid_and_blank() -> None:
    suppression.suppress(["27825550101"], "manual")
    import_ = checked(SHEET)
    assert opted_out() == {"27825550101"}
    assert import_.forecast == {"added": 2, "already": 3, "invalid": 1, "blank": 1}
    assert (import_.read, import_.waiting, import_.already) == (7, 3, 2)

    importing.begin_apply(import_)
    importing.apply(import_.pk)
    import_.refresh_from_db()

    assert counts(import_) == {"added": 2, "already": 3, "invalid": 1, "blank": 1}
    assert import_.read == 7
    assert opted_out() == {"27825550100", "27825550101", "27115550100", "27825550102"}
    repeats = ImportIssue.objects.filter(code="duplicate", is_warning=True).values_list("row", "sentence")
    assert dict(repeats) == {6: "Row 2 has the same number.", 8: "Row 2 has the same number."}


def test_each_opt_out_names_its_file_and_row_and_is_in_the_journal(settings: Settings) -> None:
    applied("Name,Cell\nAnn,0825550100\nBen,0825550101\n")
    assert Suppression.objects.get(msisdn="27825550101").note == "stop.csv, row 3"
    (journal,) = Path(settings.JOURNAL_DIR).glob("suppressions-*.jsonl")
    assert {json.loads(line)["opt_out"] for line in journal.read_text().splitlines()} == opted_out()


def test_each_row_can_be_downloaded_with_its_bucket() -> None:
    suppression.suppress(["27825550101"], "manual")
    expected = {"added": {"Ann", "Eve"}, "already": {"Ben", "Dot", "Fay"}, "invalid": {"Cid"}, "blank": {""}}
    import_ = checked(SHEET)
    assert {bucket: {row[0] for row in importing.rows_of(import_, bucket)} for bucket in expected} == expected
    importing.begin_apply(import_)
    importing.apply(import_.pk)
    import_.refresh_from_db()
    assert {bucket: {row[0] for row in importing.rows_of(import_, bucket)} for bucket in expected} == expected


def test_a_bad_cell_is_corrected_in_place() -> None:
    import_ = checked(SHEET)
    assert importing.fix_cell(import_, 4, "0825550105") is None
    assert (import_.forecast["added"], import_.forecast["invalid"], import_.waiting) == (4, 0, 4)
    importing.begin_apply(import_)
    importing.apply(import_.pk)
    import_.refresh_from_db()
    assert "27825550105" in opted_out()
    assert import_.read == sum(counts(import_).values())


def test_opt_outs_are_not_undone() -> None:
    import_ = applied("Cell\n0825550100\n")
    with pytest.raises(importing.ImportRefusal):
        importing.begin_undo(import_)
    assert opted_out() == {"27825550100"}


@pytest.mark.parametrize(
    ("header", "rows", "expected"),
    [
        ("Salutation,Phone,Mobile,Email", ["Ms,(011) 555-0100,(082) 555-0100,t@example.org"], {1, 2}),
        ("Name,Contact", ["Ann,0825550100"], {1}),
        ("Fax,Notes,Since", ["0115550100,rang 3 times,2024-05-01"], {0}),
        ("Cell,Second", [*["0825550100,"] * 50, "0825550100,0825550101"], {0, 1}),
        ("Cell,ID number", ["0825550100,8001015009087"], {0}),
    ],
)
def test_every_column_that_holds_numbers_is_guessed(header: str, rows: list[str], expected: set[int]) -> None:
    import_ = importing.upload(None, ContentFile("\n".join([header, *rows]).encode()), "stop.csv")
    assert set(importing.guess_opt_outs(import_)) == expected


_LATE = "Name,Cell,Other\n" + "".join(f"P{n},0826600{n:03},\n" for n in range(201)) + "R,0825550997,0835550113\n"


@pytest.mark.parametrize("is_workbook", [False, True])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The first number of a column is below the rows that the columns are guessed from.
        (_LATE, {"27835550113"}),
        # A number among words, in a column that is not like a phone.
        ('Name,Cell,Reply\nAnn,0825550100,"and my wife, 0835550112"\n', {"27825550100", "27835550112"}),
        ("Cell,Name\n0835550111,wife 0835550112\n", {"27835550111", "27835550112"}),
        # Above the header.
        ("0835550111\nName,Cell\nR,0835550112\n", {"27835550111", "27835550112"}),
        ("Do not text 0835550111\n\nName,Cell\nR,0835550112\n", {"27835550111", "27835550112"}),
        (
            "Branch client Jo,0835550111\nClient Bo,0825550100\nName,Cell\nR,0835550112\n",
            {"27835550111", "27825550100", "27835550112"},
        ),
        # Another separator, and a whole record in quotation marks.
        ("Name;Cell\nA;0835550110\nB,0835550111\n", {"27835550110", "27835550111"}),
        ('Name,Cell\nA,0835550110\n"B,0835550111"\n', {"27835550110", "27835550111"}),
        # Wider than all rows above.
        (
            "Name,Cell\n" + "".join(f"P{n},0826600{n:03}\n" for n in range(70)) + "Z,0826661999,0835550216\n",
            {"27826661999", "27835550216"},
        ),
    ],
)
def test_no_number_of_the_file_is_lost(tmp_path: Path, text: str, expected: set[str], is_workbook: bool) -> None:
    path = tmp_path / "stop.csv"
    path.write_text(text)
    if is_workbook:
        separator = ";" if "Name;Cell" in text else ","
        rows: list[list[Any]] = [*csv.reader(text.splitlines(), delimiter=separator)]
        path = workbook(tmp_path / "stop.xlsx", Stop=rows)
    result = run("--file", str(path))
    assert expected <= opted_out()
    assert result["invalid"] == 0
    assert result["read"] + sum(result["left_out"].values()) == len(text.splitlines())


def test_a_number_that_a_merged_cell_covers_is_opted_out(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "stop.xlsx", Stop=[["Name", "Cell", "Other"], ["A", "0835550110", "0835550214"], ["B", "0835550111"]]
    )
    # openpyxl removes what is under a merged range that it makes itself.
    book = openpyxl.load_workbook(path)
    book["Stop"]["C3"] = "0835550215"
    book["Stop"].merged_cells.add("C2:C3")
    book.save(path)
    assert run("--file", str(path))["added"] == 2
    assert opted_out() == {"27835550110", "27835550111", "27835550214", "27835550215"}


def test_a_row_above_the_header_is_counted_named_and_downloaded() -> None:
    import_ = applied("0835550111\nName,Cell\nR,0835550112\n")
    assert (import_.read, import_.left_out["above_header"]) == (2, 1)
    assert Suppression.objects.get(msisdn="27835550111").note == "stop.csv, row 1"
    warning = ImportIssue.objects.get(row=1)
    assert (warning.code, warning.is_warning) == ("above_header", True)
    assert [row[0] for row in importing.rows_of(import_, "added")] == ["0835550111", "R"]


def test_a_column_that_the_operator_left_out_is_read_only_where_a_row_has_no_other_number() -> None:
    text = "Cell,Agent\n0835550110,0825550100\nnone,0825550101\n"
    import_ = importing.upload(None, ContentFile(text.encode()), "stop.csv")
    importing.confirm(import_, {0: "phone"})
    importing.check_rows(import_.pk)
    staged = ImportRow.objects.filter(import_of=import_.pk)
    assert set(staged.values_list("msisdn", flat=True)) == {"27835550110", "27825550101"}


# -- crashes ----------------------------------------------------------------------------------------------------------


def test_a_worker_that_dies_at_any_range_loses_and_repeats_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opt_outs, "APPLY_NUMBERS", 2)
    rows = [f"P{n},08255502{n:02},01155502{n:02}\n" for n in range(9)]
    import_ = checked("Name,Cell,Work\n" + "".join(rows))
    importing.begin_apply(import_)
    recorded = suppression.suppress_with_proof

    def die(*arguments: Any) -> set[str]:
        recorded(*arguments)
        raise MemoryError

    for _ in range(3):
        monkeypatch.setattr(suppression, "suppress_with_proof", die)
        with pytest.raises(MemoryError):
            importing.apply(import_.pk)
        monkeypatch.setattr(suppression, "suppress_with_proof", recorded)
        import_.refresh_from_db()
        before = len(opted_out())
        assert before == 2 * import_.added
        # One range, then the next worker dies.
        Import.objects.filter(pk=import_.pk).update(claim=import_.claim + 1)
        applying.apply_range(import_.pk, import_.claim + 1)
        import_.refresh_from_db()
        assert len(opted_out()) == 2 * import_.added > before
    with pytest.raises(Overtaken):
        applying.apply_range(import_.pk, import_.claim - 1)
    Import.objects.filter(pk=import_.pk).update(beat_at=None)
    assert list(Import.objects.waiting_for_a_worker(import_.updated_at)) == [import_]
    jobs.apply_import(import_.pk)
    import_.refresh_from_db()
    assert counts(import_) == {"added": 9, "already": 0, "invalid": 0, "blank": 0}
    assert len(opted_out()) == 18
    assert not ImportRow.objects.exclude(bucket="added").exists()


# -- the command ------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("opt_out", *arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    assert result["read"] == sum(result[bucket] for bucket in OPT_OUT_BUCKETS)
    return result


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_the_command_reads_every_visible_sheet(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "stop.xlsx",
        May=[["Name", "Cell"], ["Ann", "0825550100"], ["Ben", "nobody"]],
        June=[["Removals"], [], ["Cell", "Name"], ["0825550101", "Cid"], ["0825550100", "Ann"]],
        Notes=[["Colour"], ["red"], ["blue"]],
        Old=[["Cell"], ["0825550199"]],
    )
    book = openpyxl.load_workbook(path)
    book["Old"].sheet_state = "hidden"
    book["May"].row_dimensions[2].hidden = True
    book.save(path)

    result = run("--file", str(path))
    assert {name: result[name] for name in OPT_OUT_BUCKETS} == {"added": 2, "already": 1, "invalid": 1, "blank": 0}
    assert result["sheets_left_out"] == {"Notes": "no column of phone numbers", "Old": "hidden"}
    assert [(issue["sheet"], issue["row"], issue["code"]) for issue in result["issues"]] == [("May", 3, "not_a_number")]
    assert opted_out() == {"27825550100", "27825550101"}
    assert Suppression.objects.get(msisdn="27825550101").note == "stop.xlsx, sheet June, row 4"
    # The file of the sheet that was left out is not kept.
    assert Import.objects.count() == 2

    assert run("--file", str(path), "--sheet", "Old")["added"] == 1
    with pytest.raises(CommandError, match="July"):
        run("--file", str(path), "--sheet", "July")
    assert run("--file", str(path), "--no-hidden-rows")["left_out"]["hidden"] == 1


def test_a_sheet_is_not_left_out_for_numbers_that_come_late(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["Name", "Colour"], *[["Ann", "red"]] * 201, ["Ben", "0825550101"]]
    path = workbook(tmp_path / "stop.xlsx", May=[["Cell"], ["0825550100"]], Remarks=rows, Notes=[["Size"], ["4"]])
    result = run("--file", str(path))
    assert (result["added"], result["invalid"]) == (2, 201)
    assert result["sheets_left_out"] == {"Notes": "no column of phone numbers"}


def test_the_header_row_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "stop.csv"
    path.write_text("Cell\n0825550100\n0825550101\n")
    assert run("--file", str(path), "--header-row", "0")["added"] == 2


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        ("Colour\nred\n", [], "No column appears to contain phone numbers"),
        ("", [], "empty"),
        (b"Cell\n0825550100,Ren\xe9\n", [], "UTF-8"),
    ],
)
def test_a_refused_file_records_nothing(tmp_path: Path, content: str | bytes, arguments: list[str], words: str) -> None:
    path = tmp_path / "stop.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CommandError, match=words):
        run("--file", str(path), *arguments)
    assert not opted_out()
    assert not Import.objects.exists()
    assert not [file for file in (tmp_path / "files").rglob("*") if file.is_file()]


def test_the_command_says_for_people_what_it_left_out(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "stop.xlsx", May=[["Removals"], ["Cell"], ["0825550100"], ["1"]], Notes=[["Colour"], ["red"]]
    )
    out = io.StringIO()
    call_command("opt_out", "--file", str(path), stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "2 rows read = 1 added + 0 already opted out + 1 invalid + 0 blank"
    assert "  sheet left out: Notes (no column of phone numbers)" in lines
    assert any(line.startswith("  May, row 4, Cell: ") for line in lines)
