"""The check page: reasons, bad rows whole, corrections, switches, downloads; and the page of an undo."""

import io
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from contacts import importing, phones
from contacts.importing.issues import WORDS
from contacts.models import Contact, ContactList, Import, ImportIssue
from contacts.views import check_page
from tests.pages import html_of

LogIn = Callable[[User], Client]

pytestmark = pytest.mark.usefixtures("enqueued")

SHEET = (
    "Title of the sheet\n"
    "Cell no.,First name,Notes\n"
    "082 555 0100,Thandi,a\n"
    "12345,Short,b\n"
    "123456,Shorter,c\n"
    "021 555 0100,Fixed line,d\n"
    "082 555 0100,Another name,e\n"
    "919812345678,Indian,f\n"
    "0825550110,A,\n0825550111,B,\n0825550112,C,\n0825550113,D,\n"
    "082 555 0101,Sipho,g\n"
)


@pytest.fixture
def client(operator: User, logged_in: LogIn) -> Client:
    return logged_in(operator)


@pytest.fixture
def checked(db: None) -> Import:
    people = ContactList.objects.create(name="Customers", country="ZA")
    import_ = importing.upload(people, ContentFile(SHEET.encode()), "customers.csv")
    importing.confirm(import_, {0: "phone", 1: "value1"})
    return check(import_)


def check(import_: Import) -> Import:
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    return import_


def at(import_: Import, operation: str = "") -> str:
    return f"/contacts/imports/{import_.pk}/{operation}"


def rows_of(answer: Any) -> list[tuple[Any, ...]]:
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    assert sheet is not None
    return list(sheet.iter_rows(values_only=True))


def test_it_groups_the_reasons_and_shows_each_bad_row_whole(client: Client, checked: Import) -> None:
    page = html_of(client.get(at(checked)))
    assert '<b>11</b> rows read <span class="op">=</span>' in page
    assert "<b>13</b> rows in the file" in page
    assert "<b>2</b> title and heading rows" in page
    for words in (
        "<b>5</b> left out in all",
        "<b>2</b> numbers are too short",
        "<b>1</b> number is a fixed line",
        "<b>1</b> number could be from India",
        "<b>1</b> row repeats a number with other values",
    ):
        assert words in page
    # The most common reason comes first, with the bad cell marked in the whole row.
    shown = client.get(at(checked)).context["rows"]
    assert [row["issue"].code for row in shown][:2] == ["too_short", "too_short"]
    assert shown[0]["cells"] == [("12345", True), ("Short", False), ("b", False)]
    assert '<td class="bad-cell"><span class="visually-hidden">Problem:</span> 12345</td>' in page


def test_it_filters_by_reason_and_pages(client: Client, checked: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(query: str) -> list[int]:
        return [row["issue"].row for row in client.get(at(checked) + query).context["rows"]]

    assert shown("?reason=too_short") == [4, 5]
    assert shown("?reason=other_country:IN") == [8]
    assert shown("?reason=look_alike") == [7]
    assert shown("?reason=nonsense&page=nonsense") == [4, 5, 6, 7, 8]
    monkeypatch.setattr(check_page, "ROWS_ON_A_PAGE", 2)
    assert [shown(f"?page={page}") for page in (1, 2, 3)] == [[4, 5], [6, 7], [8]]


def test_a_bad_cell_is_corrected_in_place(client: Client, checked: Import, operator: User) -> None:
    data = {"row": "4", "text": " 082 555 0104 ", "reason": "too_short", "page": "1", "at": "0"}
    answer = client.post(at(checked, "correct/"), data, follow=True)
    assert answer.redirect_chain == [(at(checked) + "?reason=too_short&page=1&at=0", 302)]
    page = html_of(answer)
    assert "Row 4 was corrected and will be imported." in page
    assert "Import 7 rows" in page
    # The next row's field has the focus.
    assert answer.context["focus"] == 0
    assert [row["issue"].row for row in answer.context["rows"]] == [5]
    answer = client.post(at(checked, "correct/"), {**data, "row": "5", "text": "77"}, follow=True)
    assert "Row 5 is still left out. This number is too short" in html_of(answer)
    assert checked.corrections.filter(created_by=operator).count() == 2
    assert client.post(at(checked, "correct/"), {"row": "x", "text": ""}).status_code == 404
    answer = client.post(at(checked, "correct/"), {"row": "4", "text": ""}, follow=True)
    assert "Row 4 is no longer left out." in html_of(answer)


def test_switches_take_numbers_in_and_leave_them_out_again(
    client: Client, checked: Import, enqueued: list[tuple[str, int]]
) -> None:
    labels = [(switch["label"], switch["count"]) for switch in client.get(at(checked)).context["switches"]]
    assert labels == [("Fixed lines", 1), ("India", 1)]
    client.post(at(checked, "check-again/"), {"fixed_lines": "1"})
    assert enqueued == [("check_import", checked.pk)]
    check(checked)
    client.post(at(checked, "check-again/"), {"country": "IN"})
    check(checked)
    assert (checked.takes_fixed_lines, checked.takes_countries, checked.waiting) == (True, ["IN"], 8)
    assert [switch["taken"] for switch in client.get(at(checked)).context["switches"]] == [True, True]
    client.post(at(checked, "check-again/"), {"country": "IN"})
    check(checked)
    assert (checked.takes_countries, checked.waiting, checked.invalid) == ([], 7, 3)


def test_every_bucket_is_downloaded_with_reasons(client: Client, checked: Import) -> None:
    for name, _, count in client.get(at(checked)).context["downloads"]:
        assert len(rows_of(client.get(at(checked, f"rows/{name}/")))) == count + 1, name
    header, *rows = rows_of(client.get(at(checked, "rows/warnings/")))
    assert header == ("Cell no.", "First name", "Notes", "Reason")
    assert [row[:3] for row in rows] == [("082 555 0100", "Another name", "e")]
    assert client.get(at(checked, "rows/nonsense/")).status_code == 404
    checked.file.delete(save=False)
    answer = client.get(at(checked, "rows/invalid/"), follow=True)
    assert "The uploaded file is no longer stored." in html_of(answer)


def test_a_corrected_file_is_uploaded_over_the_first(
    client: Client, checked: Import, enqueued: list[tuple[str, int]]
) -> None:
    def upload(text: str) -> Any:
        file = SimpleUploadedFile("corrected.csv", text.encode())
        return client.post(at(checked, "corrected-file/"), {"file": file}, follow=True)

    assert "This file is empty." in html_of(upload(""))
    assert "an import of its own" in html_of(upload("Cell no.,First name,Notes,Reason\n0825550104,Short,b,x\n"))
    answer = upload(SHEET.replace("12345,", "0825550104,"))
    new = Import.objects.latest("pk")
    assert answer.redirect_chain == [(at(new), 302)]
    assert enqueued[-1] == ("check_import", new.pk)
    checked.refresh_from_db()
    assert checked.status == "cancelled"
    assert check(new).waiting == 7


def test_an_import_is_undone_and_its_empty_list_can_be_deleted(
    client: Client, checked: Import, enqueued: list[tuple[str, int]]
) -> None:
    importing.begin_apply(checked)
    importing.apply(checked.pk)
    page = html_of(client.get(at(checked)))
    assert "Undo this import" in page
    assert "This removes 6 created contacts. Contacts that were changed since" in page
    client.post(at(checked, "undo/"))
    assert enqueued[-1] == ("undo_import", checked.pk)
    assert "Undoing the import" in html_of(client.get(at(checked)))
    importing.undo(checked.pk)
    page = html_of(client.get(at(checked)))
    assert "<b>6</b> created, updated or opted-out rows" in page
    assert "<b>6</b> reverted" in page
    assert "Delete the empty list" in page
    assert len(rows_of(client.get(at(checked, "rows/reverted/")))) == 7
    assert not Contact.objects.exists()
    answer = client.post(at(checked, "undo/"), follow=True)
    assert "Only a finished import of contacts can be undone." in html_of(answer)


def test_every_code_of_a_phone_number_has_words_for_its_group() -> None:
    assert set(phones.SENTENCES) <= set(WORDS)
    assert importing.Reason("new_code", "", 2).words == "rows: new code"


def test_a_row_that_cannot_be_corrected_in_one_cell_has_no_field(client: Client, checked: Import) -> None:
    ImportIssue.objects.filter(import_of=checked, row=4).update(column_number=None, column="")
    page = html_of(client.get(at(checked)))
    assert 'id="fix-5"' in page
    assert 'id="fix-4"' not in page
