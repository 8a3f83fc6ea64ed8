"""The contract of ``import_contacts`` and ``opt_out`` for scripts: JSON on one line, exit code 0, or 1 if refused."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from contacts.models import Contact, ContactList, Import, Suppression

pytestmark = pytest.mark.postgresql

SHEET = "Cell,First name,Points\n082 555 0100,Ann,1\n2.78E+10,Ben,2\n082 555 0100,Ann,3\n,,\n0825550101,Cid,4\n"
Write = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def own_files(db: None, settings: Settings, tmp_path: Path) -> None:
    """A directory for uploads and a journal of this test's own."""
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.JOURNAL_DIR = tmp_path / "journal"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, content: str) -> Path:
        path = tmp_path / name
        path.write_text(content)
        return path

    return put


def run(*arguments: str | Path) -> dict[str, Any]:
    """Run a command and return the JSON that it prints on one line."""
    out = StringIO()
    call_command(*map(str, arguments), "--json", stdout=out)
    (line,) = out.getvalue().splitlines()
    result: dict[str, Any] = json.loads(line)
    return result


def test_it_creates_the_list_and_reports_every_row(write: Write) -> None:
    assert run("import_contacts", "People", write("people.csv", SHEET), "--country", "za") == {
        "list": "People",
        "read": 5,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "duplicate": 1,
        "opted_out": 0,
        "invalid": 1,
        "blank": 1,
        "issues": [
            {
                "row": 3,
                "column": "Cell",
                "code": "rounded_by_excel",
                "sentence": "Excel rounded this number, so its last digits are lost. "
                "Format the column as text and export it again.",
            },
            {"row": 4, "column": "Cell", "code": "duplicate", "sentence": "Row 2 has the same number."},
        ],
        "left_out": {"above_header": 1, "hidden": 0, "swallowed": 0},
        "header_row": 1,
        "sheet": "",
        "sheets_left_out": {},
        "hidden_sheets": [],
        "hidden_rows": 0,
        "warnings": [
            {
                "row": 4,
                "column": "Points",
                "code": "look_alike",
                "sentence": "Row 2 has the same number but other values: Points. Only row 2 is imported.",
            }
        ],
    }
    assert ContactList.objects.get().country == "ZA"


def test_it_says_what_it_left_out(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    first = book.worksheets[0]
    first.title = "First"
    for row in (["Clients"], ["Name", "Cell"], ["Ann", "0825550100"], ["Ben", "0825550101"], ["Cid", "0825550102"]):
        first.append(row)
    first.row_dimensions[4].hidden = True
    for title in ("Second", "Old"):
        book.create_sheet(title).append(["Name", "Cell"])
    book["Old"].sheet_state = "hidden"
    path = tmp_path / "people.xlsx"
    book.save(path)

    out = StringIO()
    call_command("import_contacts", "People", str(path), stdout=out)
    assert out.getvalue().splitlines()[1:] == [
        "  Row 2 holds the headings. The row above it was left out; use --header-row.",
        "  1 hidden row was left out; use --hidden-rows.",
        "  The sheet “Second” was left out; use --sheet.",
        "  The hidden sheet “Old” was left out; use --sheet.",
    ]
    expected = {
        "left_out": {"above_header": 2, "hidden": 1, "swallowed": 0},
        "header_row": 2,
        "sheet": "First",
        "sheets_left_out": {"Second": "not chosen", "Old": "hidden"},
        "hidden_sheets": ["Old"],
        "hidden_rows": 1,
        "warnings": [],
    }
    result = run("import_contacts", "People", path)
    assert {name: result[name] for name in expected} == expected
    result = run("import_contacts", "People", path, "--hidden-rows")
    assert (result["hidden_rows"], result["left_out"]["hidden"], result["read"]) == (1, 0, 3)


def test_columns_can_be_mapped_by_name(write: Write) -> None:
    path = write("people.csv", SHEET)
    run("import_contacts", "People", path, "--map", "points=value2", "--map", "First name=value1")
    contact = Contact.objects.get(msisdn="27825550100")
    assert (contact.value1, contact.value2) == ("Ann", "1")


def test_the_row_of_the_header_can_be_chosen(write: Write) -> None:
    path = write("people.csv", "Name,Cell\nAnn,0825550100\n")
    result = run("import_contacts", "People", path, "--header-row", "0", "--map", "Column 2=phone")
    assert (result["read"], result["created"], result["invalid"]) == (2, 1, 1)


def test_importing_again_changes_nothing(write: Write) -> None:
    path = write("people.csv", SHEET)
    run("import_contacts", "People", path)
    again = run("import_contacts", "People", path)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("Colour,Size\nred,4\n", [], "No column is mapped to Phone"),
        ("Name,Landlord,Cell\nA,0825550100,\n", [], 'Landlord, Cell. Choose one: --map "Landlord=phone"'),
        (SHEET, ["--map", "Mobile=phone"], "There is no column Mobile"),
        (SHEET, ["--map", "Points=colour"], "There is no field colour"),
        (SHEET, ["--map", "Points=phone", "--map", "Points=value1"], "mapped twice"),
        (SHEET, ["--country", "QQ"], "not a country"),
        ("", [], "empty"),
    ],
)
def test_it_refuses_and_leaves_nothing_behind(
    write: Write, content: str, options: list[str], words: str, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    with pytest.raises(CommandError, match=words):
        run("import_contacts", "People", write("people.csv", content), *options)
    assert not ContactList.objects.exists()
    assert not Import.objects.exists()
    assert not [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_it_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="File not found"):
        run("import_contacts", "People", tmp_path / "gone.csv")


def test_it_opts_out_the_numbers_it_is_given() -> None:
    assert run("opt_out", "082 555 0100", "+27825550100", "+44 7911 123456", "nobody") == {
        "read": 4,
        "added": 2,
        "already": 1,
        "invalid": 1,
    }
    found = Suppression.objects.get(msisdn="27825550100")
    assert (found.source, found.note) == ("command", "command line, line 1")


def test_it_opts_out_the_numbers_of_a_file(write: Write) -> None:
    path = write("stop.csv", "Name,Mobile\nAnn,082 555 0100\nBen,\n,\nCid,0825550101\n")
    result = run("opt_out", "--file", path)
    left_out = {"above_header": 1, "hidden": 0, "swallowed": 0}
    expected = {"read": 4, "added": 2, "already": 0, "invalid": 1, "blank": 1, "left_out": left_out}
    assert {name: result[name] for name in expected} == expected
    assert [(issue["row"], issue["code"]) for issue in result["issues"]] == [(3, "missing")]
    assert Suppression.objects.get(msisdn="27825550101").note == "stop.csv, row 5"
    again = run("opt_out", "--file", path)
    assert (again["added"], again["already"]) == (0, 2)


def test_a_file_without_a_header_loses_no_number(write: Write) -> None:
    path = write("stop.csv", "0825550100\n0825550101\n")
    assert run("opt_out", "--file", path)["added"] == 2


def test_numbers_are_read_as_in_the_country(write: Write) -> None:
    run("opt_out", "07911 123456", "--country", "gb")
    assert Suppression.objects.get().msisdn == "447911123456"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "either numbers or --file"),
        (["0825550100", "--file", "stop.csv"], "either numbers or --file"),
        (["0825550100", "--country", "QQ"], "not a country"),
        (["--file", "gone.csv"], "File not found"),
    ],
)
def test_it_refuses_wrong_arguments(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run("opt_out", *arguments)
    assert not Suppression.objects.exists()


def test_it_refuses_a_sheet_without_numbers(write: Write) -> None:
    with pytest.raises(CommandError, match="No column appears to contain phone numbers"):
        run("opt_out", "--file", write("stop.csv", "Colour\nred\n"))


def test_it_prints_text_for_people(write: Write) -> None:
    out = StringIO()
    call_command("opt_out", "082 555 0100", "nobody", stdout=out)
    assert out.getvalue().splitlines()[0] == "2 numbers read = 1 added + 0 already opted out + 1 invalid"
    assert "line 2, nobody: " in out.getvalue()
