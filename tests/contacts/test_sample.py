"""The sample spreadsheet of the demo is what its script makes, and goes through the real importer."""

import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from pytest_django import Settings

from contacts import columns, importing
from contacts.models import ContactList
from tests.samples import make


@pytest.mark.django_db
def test_it_is_imported_with_every_kind_of_trouble_a_real_sheet_has(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    labels = {"value1": "First name", "value2": "Balance"}
    people = ContactList.objects.create(name="Customers", country="ZA", labels=labels)
    found = importing.upload(people, ContentFile(make.SHEET.read_bytes()), "customers.xlsx")
    importing.confirm(found, columns.guess(found.header, labels))
    importing.judge(found.pk)
    found.refresh_from_db()
    importing.begin_apply(found)
    importing.apply(found.pk)
    found.refresh_from_db()
    assert (found.read, found.created, found.duplicate, found.invalid, found.blank) == (496, 480, 6, 8, 2)
    assert people.contacts.count() == 480
    contact = people.contacts.get(msisdn=f"27{make.numbers()[0]}")
    assert contact.value1 in make.FIRST_NAMES
    assert contact.value2.startswith("R ")
    assert Counter(found.issues.values_list("code", flat=True)) == {
        "duplicate": 6, "too_short": 2, "rounded_by_excel": 1, "not_a_number": 1, "too_long": 1, "missing": 1,
        "not_in_use": 1, "two_numbers": 1,
    }  # fmt: skip


def test_its_script_makes_the_same_again() -> None:
    """Packed bytes differ between builds of zlib; what is packed does not."""
    assert unpacked(make.workbook()) == unpacked(make.SHEET.read_bytes())


def unpacked(workbook: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(workbook)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
