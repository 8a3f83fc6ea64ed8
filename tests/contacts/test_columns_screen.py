"""The second step of an import: how the sheet is read, which column is what, and into which list it goes."""

import io
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client

from contacts import importing, queues
from contacts.models import Contact, ContactList, Import
from tests.pages import html_of

LogIn = Callable[[User], Client]
TITLED = "Client list May 2024,,\n,,\nFirst name,Cell,Town\nThandi,0825550100,Paarl\nSipho,0825550101,Durban\n"
PLAIN = "First name,Cell,Town\nThandi,0825550100,Paarl\nSipho,0825550101,Durban\n"


@pytest.fixture
def customers(db: None) -> ContactList:
    return ContactList.objects.create(name="Customers", country="ZA")


@pytest.fixture
def client(operator: User, logged_in: LogIn) -> Client:
    return logged_in(operator)


@pytest.fixture(autouse=True)
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(queues, "enqueue_once", lambda job, pk: calls.append(job.__name__))
    return calls


def upload(contact_list: ContactList, content: str | bytes, name: str = "people.csv", user: Any = None) -> Import:
    raw = content.encode() if isinstance(content, str) else content
    return importing.upload(contact_list, ContentFile(raw), name, user)


def imported(contact_list: ContactList, content: str = PLAIN, user: Any = None) -> Import:
    import_ = upload(contact_list, content, user=user)
    importing.confirm(import_, {0: "value1", 1: "phone"})
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    importing.begin_apply(import_)
    importing.apply(import_.pk)
    import_.refresh_from_db()
    return import_


def page(client: Client, import_: Import) -> str:
    return html_of(client.get(f"/contacts/imports/{import_.pk}/columns/"))


def main_button(client: Client, import_: Import, **changes: str) -> Any:
    """Press the main button of the page as it is shown, with ``changes``."""
    url = f"/contacts/imports/{import_.pk}/columns/"
    form = client.get(url).context["form"]
    data = {bound.html_name: bound.value() for bound in form if bound.value() is not None}
    answer = client.post(url, {**data, "header_row": import_.header_row, **changes})
    import_.refresh_from_db()
    return answer


def workbook() -> bytes:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "2023"
    for row in (["Name", "Cell"], ["Old", "0825550199"]):
        first.append(row)
    second = book.create_sheet("2024")
    for row in (["Name", "Cell"], ["Thandi", "0825550100"], ["Sipho", "0825550101"], ["Anika", "0825550102"]):
        second.append(row)
    second.row_dimensions[3].hidden = True
    book.create_sheet("Notes").append(["internal"])
    book["Notes"].sheet_state = "hidden"
    book.active = 1
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def test_the_main_button_alone_gives_a_list_whose_fields_can_be_used(
    client: Client, customers: ContactList, enqueued: list[str]
) -> None:
    import_ = upload(customers, TITLED)
    shown = page(client, import_)
    assert 'value="3" checked' in shown
    assert "Client list May 2024" in shown
    assert main_button(client, import_)["Location"] == import_.get_absolute_url()
    assert import_.mapping == {"0": "value1", "1": "phone", "2": "value2"}
    customers.refresh_from_db()
    assert customers.labels == {"value1": "First name", "value2": "Town"}
    assert enqueued == ["check_import"]


def test_another_header_row_is_read_at_once_and_before_anything_is_checked(
    client: Client, customers: ContactList, enqueued: list[str]
) -> None:
    import_ = upload(customers, PLAIN)
    assert main_button(client, import_, header_row="0")["Location"].endswith("/columns/")
    assert (import_.header_row, import_.header, import_.mapping, enqueued) == (0, ["", "", ""], {}, [])
    assert "Column 1" in page(client, import_)
    main_button(client, import_, label_0="Who")
    customers.refresh_from_db()
    assert import_.mapping == {"0": "value1", "1": "phone", "2": "value2"}
    # "First name" is a person of this sheet, so the operator's labels are the only ones.
    assert customers.labels == {"value1": "Who", "value2": "Column 3"}


def test_a_sheet_that_is_read_again_keeps_the_country_that_was_chosen(client: Client, customers: ContactList) -> None:
    import_ = upload(customers, PLAIN)
    main_button(client, import_, header_row="0", country="GB")
    assert (import_.header_row, import_.country) == (0, "GB")


def test_a_row_that_is_not_on_offer_changes_nothing(client: Client, customers: ContactList) -> None:
    import_ = upload(customers, PLAIN)
    main_button(client, import_, header_row="99")
    assert import_.header_row == 1


def test_sheets_and_hidden_rows_are_said_and_chosen(client: Client, customers: ContactList) -> None:
    import_ = upload(customers, workbook(), "book.xlsx")
    shown = page(client, import_)
    assert import_.sheet == "2024"
    for words in ("2024 (", "2023 (", "hidden sheet “Notes”", "1 hidden row,"):
        assert words in shown
    main_button(client, import_, hidden_rows="1")
    assert (import_.takes_hidden_rows, import_.mapping) == (True, {})
    main_button(client, import_, sheet="2023")
    assert (import_.sheet, import_.header, import_.samples) == ("2023", ["Name", "Cell"], [["Old", "0825550199"]])


def test_two_likely_phones_are_asked_about(client: Client, customers: ContactList, enqueued: list[str]) -> None:
    import_ = upload(customers, "Name,Cell 1,Cell 2\nThandi,0825550100,0835550100\nSipho,0825550101,0835550101\n")
    shown = page(client, import_)
    assert "Cell 1: 0825550100 · 0825550101" in shown
    assert "Cell 2: 0835550100 · 0835550101" in shown
    answer = main_button(client, import_)
    assert list(answer.context["form"].errors) == ["phone"]
    assert (import_.mapping, enqueued) == ({}, [])
    main_button(client, import_, phone="2")
    assert import_.mapping == {"0": "value1", "1": "value2", "2": "phone"}


def test_the_numbers_of_another_person_are_asked_about(client: Client, customers: ContactList) -> None:
    import_ = upload(customers, "Name,Landlord,Cell\nThandi,0825550100,\nSipho,0825550101,\n")
    shown = page(client, import_)
    assert "Landlord: 0825550100 · 0825550101" in shown
    assert "Cell (blank in the first rows)" in shown
    assert list(main_button(client, import_).context["form"].errors) == ["phone"]


def test_more_columns_than_values_are_named(client: Client, customers: ContactList) -> None:
    titles = ",".join(f"Field {n}" for n in range(8))
    import_ = upload(customers, f"Cell,{titles}\n0825550100,a,b,c,d,e,f,g,h\n")
    assert "this sheet has 2 more columns: Field 6, Field 7" in page(client, import_)
    main_button(client, import_)
    assert import_.mapping == {"0": "phone", **{str(n + 1): f"value{n + 1}" for n in range(6)}}


def test_labels_are_edited_and_differ(client: Client, customers: ContactList) -> None:
    import_ = upload(customers, PLAIN)
    answer = main_button(client, import_, label_2="first name")
    assert answer.context["form"].errors == {
        "label_2": ["Another column already has this label. Choose a different one."]
    }
    main_button(client, import_, label_0="Called", label_2="")
    customers.refresh_from_db()
    assert customers.labels == {"value1": "Called", "value2": "Town"}


def test_the_labels_of_the_list_are_kept(client: Client, customers: ContactList) -> None:
    customers.labels = {"value2": "Town", "value3": "Balance"}
    customers.save()
    import_ = upload(customers, PLAIN)
    main_button(client, import_, label_2="City")
    customers.refresh_from_db()
    assert import_.mapping == {"0": "value1", "1": "phone", "2": "value2"}
    assert customers.labels == {"value1": "First name", "value2": "Town", "value3": "Balance"}


def test_columns_are_proposed_as_they_were_confirmed_for_the_last_sheet(client: Client, customers: ContactList) -> None:
    imported(customers)
    import_ = upload(customers, PLAIN.replace("Thandi", "Anika"))
    main_button(client, import_)
    # The town was left out.
    assert import_.mapping == {"0": "value1", "1": "phone"}


def test_dates_and_amounts_get_the_format_that_was_chosen(client: Client, customers: ContactList) -> None:
    rows = 'First name,Cell,Due,Balance\nThandi,0825550100,2026-11-27,"R1,204.50"\nSipho,0825550101,2026-12-01,R5\n'
    import_ = upload(customers, rows)
    shown = page(client, import_)
    assert "Date: Friday 27 November" in shown
    assert "Money without the currency: 1,204.50" in shown
    assert 'name="format_0"' not in shown
    main_button(client, import_, format_2="date_day", format_3="money")
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    importing.begin_apply(import_)
    importing.apply(import_.pk)
    assert list(Contact.objects.order_by("msisdn").values_list("value2", "value3")) == [
        ("27 November", "1,204.50"),
        ("1 December", "5.00"),
    ]
    again = upload(customers, rows.replace("2026-12-01", "soon"))
    main_button(client, again)
    assert again.formats == {"2": "date_day", "3": "money"}
    importing.check_rows(again.pk)
    issue = again.issues.get()
    assert (issue.row, issue.column, issue.code) == (3, "Due", "format_not_fitting")
    assert issue.sentence == "“soon” is not a date like 2026-11-27 or 27 Nov 2026."


def test_the_same_file_is_said_for_any_list_with_date_and_person(
    client: Client, customers: ContactList, operator: User
) -> None:
    imported(customers, user=operator)
    other = ContactList.objects.create(name="Other", country="ZA", labels={"value1": "First name"})
    shown = page(client, upload(other, PLAIN))
    assert "It was imported into Customers as people.csv on" in shown
    assert f"by {operator}." in shown
    assert "overwrites later edits" not in shown
    assert "Importing again overwrites later edits." in page(client, upload(customers, PLAIN))


def test_a_file_with_the_header_of_another_list_is_asked_about(client: Client, customers: ContactList) -> None:
    imported(customers)
    new = ContactList.objects.create(name="June", country="GB")
    import_ = upload(new, PLAIN.replace("Thandi", "Anika"))
    assert "This file looks like the ones imported into “Customers”." in page(client, import_)
    client.post(f"/contacts/imports/{import_.pk}/columns/", {"do": "move"})
    import_.refresh_from_db()
    assert (import_.list, import_.country) == (customers, "ZA")
    assert list(ContactList.objects.all()) == [customers]
    assert "This file looks like" not in page(client, import_)


def test_a_list_that_is_used_stays_when_its_upload_goes_elsewhere(client: Client, customers: ContactList) -> None:
    imported(customers)
    used = ContactList.objects.create(name="June", country="ZA")
    Contact.objects.create(list=used, msisdn="27825550100", phone="0825550100")
    import_ = upload(used, PLAIN)
    client.post(f"/contacts/imports/{import_.pk}/columns/", {"do": "move"})
    assert ContactList.objects.filter(name="June").exists()


@pytest.mark.parametrize(
    ("asked", "is_kept"),
    [
        ("/campaigns/7/edit/recipients/", True),
        ("/\\evil.example/", False),
        ("https://evil.example/", False),
        ("//evil.example/", False),
        ("campaigns/", False),
    ],
)
def test_the_page_that_asked_for_the_upload_waits_for_the_result(
    client: Client, customers: ContactList, asked: str, is_kept: bool
) -> None:
    file = ContentFile(PLAIN.encode(), "people.csv")
    client.post("/contacts/upload/", {"list": customers.pk, "file": file, "next": asked})
    import_ = Import.objects.get()
    assert client.session.get("import_next") == ({"import": import_.pk, "url": asked} if is_kept else None)


def test_the_result_leads_to_a_campaign(client: Client, customers: ContactList, viewer: User, logged_in: LogIn) -> None:
    import_ = imported(customers)
    shown = html_of(client.get(import_.get_absolute_url()))
    assert f'<form method="post" action="/campaigns/new/?list={customers.pk}" data-once>' in shown
    assert '<button class="btn btn-primary" type="submit">Write a campaign to this list</button>' in shown
    session = client.session
    session["import_next"] = {"import": import_.pk, "url": "/campaigns/7/edit/recipients/"}
    session.save()
    shown = html_of(client.get(import_.get_absolute_url()))
    assert f'<a class="btn btn-primary" href="/campaigns/7/edit/recipients/?uploaded={customers.pk}">Continue' in shown
    shown = html_of(logged_in(viewer).get(import_.get_absolute_url()))
    assert "Write a campaign" not in shown
    assert f'<a class="btn btn-primary" href="/contacts/{customers.pk}/">View Customers' in shown
