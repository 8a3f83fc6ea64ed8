"""What Baton exports, it reads back: each heading as the field it came from, without a question."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from contacts import columns, importing, suppression
from contacts.models import Contact, ContactList, Import, Suppression
from contacts.sheet_writer import csv_lines, letters, write_xlsx

LABELS = {"value1": "First name", "value3": "Balance", "value4": "Own text"}


@pytest.mark.parametrize(
    ("header", "labels", "expected"),
    [
        # Of a list with these labels, and into a new list.
        (
            ("Number", "Customer ID", "First name", "Balance", "Own text"),
            LABELS,
            {0: "phone", 1: "customer_id", 2: "value1", 3: "value3", 4: "message"},
        ),
        (
            ("Number", "Customer ID", "First name", "Balance", "Own text"),
            {},
            {0: "phone", 1: "customer_id", 2: "value1", 3: "value2", 4: "message"},
        ),
        # What a campaign adds is left out; a column that a person added is not.
        (
            ("Number", "Customer ID", "First name", "Own text", *columns.RESULT_HEADINGS, "City"),
            {"value1": "First name"},
            {0: "phone", 1: "customer_id", 2: "value1", 3: "message", 13: "value2"},
        ),
        (
            ("Number", "Customer ID", "First name", "Value 3", "Own text", *columns.RESULT_HEADINGS),
            {"value1": "First name"},
            {0: "phone", 1: "customer_id", 2: "value1", 3: "value3", 4: "message"},
        ),
        # A list may call a value as the last column is called.
        (
            ("Number", "Customer ID", "Own text", "Own text"),
            {"value2": "Own text"},
            {0: "phone", 1: "customer_id", 2: "value2", 3: "message"},
        ),
        (("Number", "Customer ID", "Own text"), {}, {0: "phone", 1: "customer_id", 2: "message"}),
    ],
)
def test_the_headings_alone_decide(header: tuple[str, ...], labels: dict[str, str], expected: dict[int, str]) -> None:
    for samples in ([], [["27825550100", "no code", *("0825550101" for _ in header[2:])]]):
        found = columns.guess(header, samples, labels, "ZA")
        assert (found.mapping, found.asked, found.surplus) == (expected, [], [])


def rows_in(content: bytes, kind: str) -> list[list[Any]]:
    if kind == "csv":
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    sheet: Any = openpyxl.load_workbook(io.BytesIO(content)).active
    return [[cell or "" for cell in row] for row in sheet.values]


def imported(content: bytes, kind: str, into: ContactList) -> Import:
    """Import with the columns that are guessed, as the wizard offers them."""
    upload = importing.upload(into, SimpleUploadedFile(f"a.{kind}", content), f"a.{kind}", None)
    found = columns.guess(upload.header, upload.samples, into.labels, upload.country)
    assert (found.asked, found.surplus) == ([], [])
    importing.confirm(upload, found.mapping)
    importing.check_rows(upload.pk)
    importing.begin_apply(Import.objects.get(pk=upload.pk))
    importing.apply(upload.pk)
    return Import.objects.get(pk=upload.pk)


def contents(contact_list: ContactList) -> list[tuple[str, ...]]:
    return sorted(contact_list.contacts.values_list("msisdn", "customer_id", "value1", "value3", "message"))


@pytest.fixture
def reader(admin_client: Client) -> Client:
    return admin_client


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_exported_list_comes_back_as_it_was(reader: Client, kind: str) -> None:
    labels = {"value1": "First name", "value3": "Balance"}
    first = ContactList.objects.create(name="First", country="ZA", labels=labels)
    # A text file with a line break in a cell is refused: a quotation mark may be missing there.
    end = " " if kind == "csv" else "\n"
    people = [
        ("27825550100", "C1", "Zoë & <Co>", "-12.50", ""),
        ("27825550101", "no code", "", "=1+1", f"Your own text, of two{end}lines, is kept."),
        ("27825550102", "", " ", "R 1,204.50", ""),
    ]
    Contact.objects.bulk_create(
        Contact(list=first, phone=msisdn, msisdn=msisdn, customer_id=code, value1=name, value3=balance, message=text)
        for msisdn, code, name, balance, text in people
    )
    content = reader.get(f"/contacts/{first.pk}/export/?format={kind}").getvalue()
    assert rows_in(content, kind)[0] == ["Number", "Customer ID", "First name", "Balance", "Own text"]

    second = ContactList.objects.create(name="Second", country="ZA", labels=labels)
    done = imported(content, kind, second)
    assert (done.created, [(issue.row, issue.sentence) for issue in done.issues.all()]) == (3, [])
    # In a text file, a formula stays harmless.
    formula = "'=1+1" if kind == "csv" else "=1+1"
    expected = [tuple(cell.strip() if cell != "=1+1" else formula for cell in person) for person in people]
    assert contents(second) == sorted(expected)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_exported_opt_outs_can_be_imported_again(reader: Client, kind: str) -> None:
    suppression.suppress(["27825550100", "27825550101"], "manual", "Asked on 082 555 0199, 2026")
    content = reader.get(f"/contacts/opt-outs/export/?format={kind}").getvalue()
    rows = rows_in(content, kind)
    assert tuple(rows[0]) == columns.OPT_OUT_HEADINGS
    assert rows[1][4].endswith("+02:00")
    header, samples = [str(cell) for cell in rows[0]], [[str(cell) for cell in row] for row in rows[1:]]
    assert columns.guess_opt_outs(header, samples, "ZA") == {0: "phone"}
    assert Suppression.objects.count() == 2


def test_a_workbook_has_text_only_and_any_character() -> None:
    cells = ["=1+1", "+27825550100", "0825550100", "ë €", "a\tb\nc\rd", "<&>\"'", "\x0b\ufffex", "😀", " padded ", ""]
    file = io.BytesIO()
    write_xlsx(file, ["A"], iter([cells]), 'A "title" & more')
    book = openpyxl.load_workbook(io.BytesIO(file.getvalue()))
    assert book.sheetnames == ['A "title" & more']
    sheet: Any = book.active
    row = next(sheet.iter_rows(min_row=2))
    assert {cell.data_type for cell in row if cell.value is not None} == {"s"}
    assert [cell.value for cell in row] == [*cells[:6], "x", *cells[7:9]]


def test_more_rows_than_a_sheet_has_go_on_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contacts.sheet_writer.SHEET_ROWS", 3)
    file = io.BytesIO()
    write_xlsx(file, ["Number"], ([str(number)] for number in range(5)), "Rows")
    book = openpyxl.load_workbook(io.BytesIO(file.getvalue()))
    values = {name: [row[0] for row in book[name].values] for name in book.sheetnames}
    assert values == {"Rows": ["Number", "0", "1"], "Rows2": ["Number", "2", "3"], "Rows3": ["Number", "4"]}


def test_a_text_file_keeps_numbers_and_disarms_formulas() -> None:
    cells = ["-12.50", "+27825550100", "-1,204.50", "=1", "-1+1", "@SUM(A1)", "+a", "\tx"]
    written: Iterable[str] = list(csv_lines(["A"], [cells]))
    assert next(csv.reader(list(written)[1:])) == [*cells[:3], *(f"'{cell}" for cell in cells[3:])]


def test_columns_are_named_as_spreadsheets_name_them() -> None:
    assert [letters(column) for column in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
