"""The pages of contact lists and their contacts."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns.models import Campaign, CampaignList
from contacts import deleting, suppression
from contacts.models import Contact, ContactList, Import, ImportRow, Segment
from providers.models import Account
from tests.pages import html_of

pytestmark = pytest.mark.postgresql

LogIn = Callable[[User], Client]


def numbers_of(answer: Any) -> list[str]:
    """The numbers that the table of the page shows."""
    return [row.record.msisdn for row in answer.context["table"].rows]


@pytest.fixture
def customers(db: None) -> ContactList:
    return ContactList.objects.create(name="Customers", country="ZA", labels={"value1": "First name"})


@pytest.fixture
def thandi(customers: ContactList) -> Contact:
    return Contact.objects.create(
        list=customers, msisdn="27825550100", phone="082 555 0100", value1="Thandi", value2="T."
    )


@pytest.fixture
def client(operator: User, logged_in: LogIn) -> Client:
    return logged_in(operator)


@pytest.fixture
def reading(viewer: User, logged_in: LogIn) -> Client:
    return logged_in(viewer)


def test_it_says_what_to_do_while_there_is_no_list(client: Client) -> None:
    answer = client.get("/contacts/")
    assert "No contacts yet" in answer.content.decode()
    assert "/contacts/upload/" in answer.content.decode()


def test_it_counts_the_people_on_each_list(client: Client, thandi: Contact) -> None:
    page = client.get("/contacts/").content.decode()
    assert f'href="/contacts/{thandi.list_id}/">Customers' in page
    assert "First name" in page


def test_it_links_to_imports_that_are_not_finished(client: Client, customers: ContactList) -> None:
    made = {"list": customers, "country": "ZA", "file": "x.csv", "mapping": {"0": "phone"}}
    running = Import.objects.create(original_name="run.csv", status="checking", progress=1200, total=6000, **made)
    Import.objects.create(original_name="done.csv", status="done", **made)
    for path in ("/contacts/", f"/contacts/{customers.pk}/"):
        page = html_of(client.get(path))
        assert f'<a href="{running.get_absolute_url()}">run.csv</a> into Customers: checking rows' in page
        assert "1,200 of 6,000 rows" in page
        assert '">done.csv</a> into' not in page


def test_it_creates_a_list_with_labels(client: Client) -> None:
    data = {"name": "VIP", "country": "GB", "label_value1": "First name", "label_value3": "Balance"}
    answer = client.post("/contacts/new/", data)
    made = ContactList.objects.get()
    assert answer["Location"] == f"/contacts/{made.pk}/"
    assert (made.name, made.country) == ("VIP", "GB")
    assert made.labels == {"value1": "First name", "value3": "Balance"}


def test_it_changes_a_list(client: Client, customers: ContactList) -> None:
    client.post(f"/contacts/{customers.pk}/edit/", {"name": "Clients", "country": "ZA", "label_value1": ""})
    customers.refresh_from_db()
    assert (customers.name, customers.labels) == ("Clients", {})


@pytest.mark.parametrize(
    ("data", "field", "sentence"),
    [
        ({"name": "", "country": "ZA"}, "name", "Enter a name for the list."),
        ({"name": "Customers", "country": "ZA"}, "name", "A list with this name already exists."),
        (
            {"name": "VIP", "country": "ZA", "label_value1": "Town", "label_value2": "town"},
            "label_value2",
            "Another field already has this label. Choose a different one.",
        ),
    ],
)
def test_it_refuses_a_list_at_the_field(
    client: Client, customers: ContactList, data: dict[str, str], field: str, sentence: str
) -> None:
    answer = client.post("/contacts/new/", data)
    assert answer.status_code == 422
    assert answer.context["form"].errors == {field: [sentence]}
    assert sentence in answer.content.decode()
    assert ContactList.objects.count() == 1


@pytest.mark.parametrize("words", ["082 555 0100", "0100", "thandi", "T. Thandi"])
def test_it_finds_people_by_number_and_value(client: Client, thandi: Contact, words: str) -> None:
    Contact.objects.create(list=thandi.list, msisdn="27825550999", value1="Sipho")
    page = client.get(f"/contacts/{thandi.list_id}/", {"q": words}).content.decode()
    assert "+27 82 555 0100" in page
    assert "+27 82 555 0999" not in page


def test_it_pages_by_key(client: Client, customers: ContactList) -> None:
    Contact.objects.bulk_create(Contact(list=customers, msisdn=f"2782555{n:04}") for n in range(120))
    first = client.get(customers.get_absolute_url())
    assert numbers_of(first) == [f"2782555{n:04}" for n in range(50)]
    assert (first.context["pages"].first, first.context["pages"].previous) == ("", "")
    second = client.get(customers.get_absolute_url() + first.context["pages"].next)
    third = client.get(customers.get_absolute_url() + second.context["pages"].next)
    assert numbers_of(third) == [f"2782555{n:04}" for n in range(100, 120)]
    assert not third.context["pages"].next
    back = client.get(customers.get_absolute_url() + third.context["pages"].previous)
    assert numbers_of(back) == numbers_of(second)
    assert numbers_of(client.get(customers.get_absolute_url() + third.context["pages"].first)) == numbers_of(first)


def test_a_page_after_a_contact_that_is_gone_is_the_first(client: Client, thandi: Contact) -> None:
    gone = thandi.pk + 1000
    assert numbers_of(client.get(f"/contacts/{thandi.list_id}/?after={gone}")) == [thandi.msisdn]
    assert numbers_of(client.get(f"/contacts/{thandi.list_id}/?before={gone}")) == [thandi.msisdn]


def test_it_shows_who_has_opted_out(client: Client, thandi: Contact) -> None:
    assert "Opted out" not in client.get(f"/contacts/{thandi.list_id}/").content.decode()
    suppression.suppress(["27825550100"], "manual")
    assert "Opted out" in client.get(f"/contacts/{thandi.list_id}/").content.decode()
    assert "No campaign texts this number." in client.get(f"/contacts/people/{thandi.pk}/").content.decode()


def test_it_adds_one_person(client: Client, customers: ContactList) -> None:
    client.post(f"/contacts/{customers.pk}/add/", {"phone": "082 555 0111", "value1": "Sipho", "value2": "S."})
    added = Contact.objects.get()
    assert (added.msisdn, added.phone, added.value1, added.value2) == ("27825550111", "082 555 0111", "Sipho", "S.")


def test_it_refuses_an_invalid_number_at_its_field(client: Client, customers: ContactList) -> None:
    answer = client.post(f"/contacts/{customers.pk}/add/", {"phone": "12345"})
    assert answer.status_code == 422
    assert "too short" in answer.context["form"].errors["phone"][0]
    assert not Contact.objects.exists()


def test_it_adds_a_fixed_line_that_a_person_enters(client: Client, customers: ContactList) -> None:
    client.post(f"/contacts/{customers.pk}/add/", {"phone": "011 555 0100"})
    assert customers.contacts.get().msisdn == "27115550100"


def test_a_number_that_is_not_changed_is_not_read_again(client: Client, customers: ContactList) -> None:
    """An import can take in numbers of another country without a plus, which the form would refuse."""
    jo = Contact.objects.create(list=customers, msisdn="447911123456", phone="447911123456", customer_id="Jo")
    client.post(f"/contacts/people/{jo.pk}/", {"phone": "447911123456", "customer_id": "Joe"})
    jo.refresh_from_db()
    assert (jo.msisdn, jo.customer_id) == ("447911123456", "Joe")


def test_it_refuses_a_number_that_is_on_the_list(client: Client, thandi: Contact) -> None:
    answer = client.post(f"/contacts/{thandi.list_id}/add/", {"phone": "+27 82 555 0100"})
    assert answer.context["form"].errors == {
        "phone": ["This number is already on the list. Edit that contact instead."]
    }
    assert Contact.objects.count() == 1


def test_it_changes_and_deletes_a_person(client: Client, thandi: Contact) -> None:
    client.post(f"/contacts/people/{thandi.pk}/", {"phone": "082 555 0122", "value1": "Thandi M"})
    thandi.refresh_from_db()
    assert (thandi.msisdn, thandi.value1, thandi.value2) == ("27825550122", "Thandi M", "")
    suppression.suppress([thandi.msisdn], "manual")
    page = html_of(client.get(f"/contacts/people/{thandi.pk}/delete/"))
    assert "Delete +27 82 555 0122 from Customers?" in page
    assert "This number is opted out, and stays so." in page
    client.post(f"/contacts/people/{thandi.pk}/delete/")
    assert not Contact.objects.exists()
    assert suppression.is_suppressed("27825550122")


def test_it_deletes_a_list_that_nothing_uses_and_says_what_stays(client: Client, thandi: Contact) -> None:
    suppression.suppress([thandi.msisdn], "manual")
    Segment.objects.create(list=thandi.list, name="All", conditions=[])
    page = html_of(client.get(f"/contacts/{thandi.list_id}/delete/"))
    for words in (
        "Delete Customers?",
        "1 contact",
        "1 segment",
        "Opt-outs and consents",
        "Texts that were handed over",
    ):
        assert words in page
    assert ContactList.objects.exists()
    answer = client.post(f"/contacts/{thandi.list_id}/delete/", follow=True)
    assert "Customers and its 1 contact were deleted. Opt-outs were kept." in answer.content.decode()
    for model in (ContactList, Contact, Segment):
        assert not model._default_manager.exists()
    assert suppression.is_suppressed("27825550100")


def test_a_large_list_is_deleted_in_short_transactions(
    monkeypatch: pytest.MonkeyPatch, client: Client, thandi: Contact
) -> None:
    monkeypatch.setattr(deleting, "RANGE", 2)
    Contact.objects.bulk_create(Contact(list=thandi.list, msisdn=f"2782556{n:04}") for n in range(5))
    imported = Import.objects.create(list=thandi.list, original_name="a.csv", country="ZA", file="imports/a.csv")
    ImportRow.objects.bulk_create(ImportRow(import_of=imported, row=n, msisdn=str(n)) for n in range(5))
    client.post(f"/contacts/{thandi.list_id}/delete/")
    for model in (ContactList, Contact, Import, ImportRow):
        assert not model._default_manager.exists()


@pytest.mark.parametrize("status", ["applying", "undoing"])
def test_a_list_is_not_deleted_while_an_import_changes_it(client: Client, thandi: Contact, status: str) -> None:
    Import.objects.create(list=thandi.list, original_name="a.csv", country="ZA", file="imports/a.csv", status=status)
    answer = client.post(f"/contacts/{thandi.list_id}/delete/", follow=True)
    assert "An import into Customers is running." in answer.content.decode()
    assert Contact.objects.exists()


def test_it_keeps_a_list_that_a_campaign_uses(client: Client, thandi: Contact) -> None:
    account = Account.objects.create(name="Main", provider="smsportal")
    campaign = Campaign.objects.create(name="October", account=account, text="Hi")
    CampaignList.objects.create(campaign=campaign, contact_list=thandi.list, position=1)
    at = f"/contacts/{thandi.list_id}/delete/"
    for answer in (client.get(at, follow=True), client.post(at, follow=True)):
        said = "Customers cannot be deleted because the campaign “October” chose or excluded its people."
        assert said in answer.content.decode()
    assert Contact.objects.exists()


def test_a_viewer_reads_and_changes_nothing(reading: Client, thandi: Contact) -> None:
    at = thandi.list_id
    for path in ("/contacts/", f"/contacts/{at}/", f"/contacts/people/{thandi.pk}/"):
        assert reading.get(path).status_code == 200, path
    page = reading.get(f"/contacts/people/{thandi.pk}/").content.decode()
    assert "Save contact" not in page
    for path in ("/contacts/new/", f"/contacts/{at}/edit/", f"/contacts/{at}/add/"):
        assert reading.get(path).status_code == 403, path
    for path in (f"/contacts/{at}/delete/", f"/contacts/people/{thandi.pk}/delete/"):
        assert reading.post(path).status_code == 403, path
    reading.post(f"/contacts/people/{thandi.pk}/", {"phone": "082 555 0122"})
    assert Contact.objects.get().msisdn == "27825550100"


def test_an_anonymous_user_must_log_in(customers: ContactList) -> None:
    assert Client().get("/contacts/")["Location"].startswith("/login/")
