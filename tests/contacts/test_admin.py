"""The admin of contacts: every table can be read, and nothing can clear an opt-out or write a status."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client

from contacts import suppression
from contacts.models import Contact, ContactList, Import, ImportIssue, ImportRow, Suppression

MODELS = ["consent", "contact", "contactlist", "import", "importissue", "importrow", "suppression"]
READ_ONLY = ["consent", "import", "importissue", "importrow", "suppression"]


@pytest.fixture
def client(db: None) -> Client:
    root = User.objects.create_superuser("root", password="correct horse battery")
    client = Client()
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    customers = ContactList.objects.create(name="Customers")
    contact = Contact.objects.create(list=customers, msisdn="27825550100", phone="0825550100", value1="Thandi")
    import_ = Import.objects.create(list=customers, original_name="a.csv", country="ZA", file="imports/a.csv")
    issue = ImportIssue.objects.create(import_of=import_, row=2, code="x", sentence="Wrong.")
    row = ImportRow.objects.create(import_of=import_, row=3, msisdn="27825550101")
    suppression.suppress(["27825550100"], "manual")
    suppression.opt_back_in("27825550100", "Wrote")
    suppression.suppress(["27825550100"], "manual")
    consent = apps.get_model("contacts", "Consent").objects.get()
    return {
        "contactlist": customers, "contact": contact, "import": import_, "importissue": issue, "importrow": row,
        "consent": consent, "suppression": Suppression.objects.get(lifted_at=None),
    }  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_listed_searched_and_opened(client: Client, rows: dict[str, Any], model: str) -> None:
    registered = admin.site.get_model_admin(apps.get_model("contacts", model))
    assert registered.search_fields
    assert registered.list_filter
    assert client.get(f"/admin/contacts/{model}/").status_code == 200
    assert client.get(f"/admin/contacts/{model}/?q=082+555").status_code == 200
    assert client.get(f"/admin/contacts/{model}/{rows[model].pk}/change/").status_code == 200


@pytest.mark.parametrize("model", READ_ONLY)
def test_what_baton_writes_is_read_only(client: Client, rows: dict[str, Any], model: str) -> None:
    at = f"/admin/contacts/{model}"
    assert client.get(f"{at}/add/").status_code == 403
    assert client.post(f"{at}/{rows[model].pk}/change/", {"status": "done", "msisdn": "1"}).status_code == 403
    assert client.post(f"{at}/{rows[model].pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [rows[model].pk], "post": "yes"}
    client.post(f"{at}/", chosen)
    assert apps.get_model("contacts", model).objects.filter(pk=rows[model].pk).exists()


def test_an_opt_out_is_found_by_its_number_in_any_notation(client: Client, rows: dict[str, Any]) -> None:
    page = client.get("/admin/contacts/suppression/?q=082+555+0100").content.decode()
    assert "+27 82 555 0100" in page


def test_a_contact_is_corrected_and_its_number_read_in_the_country_of_its_list(
    client: Client, rows: dict[str, Any]
) -> None:
    at = f"/admin/contacts/contact/{rows['contact'].pk}/change/"
    assert client.post(at, {"phone": "082 555 0122", "value1": "Thandi M"}).status_code == 302
    rows["contact"].refresh_from_db()
    assert (rows["contact"].msisdn, rows["contact"].value1) == ("27825550122", "Thandi M")
    assert "too short" in client.post(at, {"phone": "12345"}).content.decode()


def test_a_list_is_renamed_but_its_labels_and_country_are_changed_on_its_page(
    client: Client, rows: dict[str, Any]
) -> None:
    at = f"/admin/contacts/contactlist/{rows['contactlist'].pk}/change/"
    client.post(at, {"name": "Clients", "country": "zz", "labels": '"no labels"'})
    rows["contactlist"].refresh_from_db()
    assert (rows["contactlist"].name, rows["contactlist"].country, rows["contactlist"].labels) == ("Clients", "ZA", {})
    assert client.get("/admin/contacts/contactlist/add/").status_code == 403
    assert client.get("/contacts/").status_code == 200
