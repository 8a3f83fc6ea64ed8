"""The admin shows every model of the people app, and clears no opt-out and writes no status by hand."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from contacts.models import Consent, Contact, ContactList, Import, ImportIssue, ImportRow, Suppression

NUMBER = "27825550100"


@pytest.fixture
def superuser(admin_user: User, logged_in: Callable[[User], Client]) -> Client:
    return logged_in(admin_user)


@pytest.fixture
def people(db: None, settings: Settings, tmp_path: object) -> ContactList:
    """One row of every model."""
    settings.MEDIA_ROOT = tmp_path
    now = timezone.now()
    made = ContactList.objects.create(name="People", country="ZA")
    Contact.objects.create(list=made, msisdn=NUMBER, phone="082 555 0100", name="Ann")
    Suppression.objects.create(msisdn=NUMBER, source="manual", note="by telephone", created_at=now)
    Consent.objects.create(msisdn=NUMBER, note="signed", created_at=now)
    bring = Import.objects.create(
        list=made, file=ContentFile(b"x", "a.csv"), original_name="a.csv", country="ZA", read=1, invalid=1
    )
    ImportIssue.objects.create(import_of=bring, row=2, code="too_short", sentence="Too short.")
    ImportRow.objects.create(import_of=bring, row=3, msisdn=NUMBER)
    return made


MODELS = (ContactList, Contact, Suppression, Consent, Import, ImportIssue, ImportRow)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_can_be_listed_searched_and_opened(superuser: Client, people: ContactList, model: type) -> None:
    name = model.__name__.lower()
    found = superuser.get(reverse(f"admin:contacts_{name}_changelist"), {"q": "27"})
    assert found.status_code == 200
    pk = model.objects.get().pk  # type: ignore[attr-defined]
    assert superuser.get(reverse(f"admin:contacts_{name}_change", args=[pk])).status_code == 200


@pytest.mark.parametrize("model", [Suppression, Consent, Import, ImportIssue, ImportRow, ContactList])
def test_what_the_product_writes_is_not_deleted_by_hand(superuser: Client, people: ContactList, model: type) -> None:
    name = model.__name__.lower()
    pk = model.objects.get().pk  # type: ignore[attr-defined]
    assert superuser.post(reverse(f"admin:contacts_{name}_delete", args=[pk]), {"post": "yes"}).status_code == 403
    superuser.post(
        reverse(f"admin:contacts_{name}_changelist"), {"action": "delete_selected", "_selected_action": pk, "post": 1}
    )
    assert model.objects.filter(pk=pk).exists()  # type: ignore[attr-defined]


def test_a_status_is_not_written_by_hand(superuser: Client, people: ContactList) -> None:
    bring = Import.objects.get()
    url = reverse("admin:contacts_import_change", args=[bring.pk])
    assert superuser.post(url, {"status": "done"}).status_code == 403
    bring.refresh_from_db()
    assert bring.status == "uploaded"


def test_a_contact_s_number_is_read_as_people_write_it(superuser: Client, people: ContactList) -> None:
    url = reverse("admin:contacts_contact_change", args=[Contact.objects.get().pk])
    assert superuser.post(url, {"list": people.pk, "phone": "083 555 0199"}).status_code == 302
    assert Contact.objects.get().msisdn == "27835550199"
    refused = superuser.post(url, {"list": people.pk, "phone": "12"})
    assert b"too short" in refused.content
    assert Contact.objects.get().msisdn == "27835550199"
