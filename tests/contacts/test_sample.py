"""The sample spreadsheet of the demo is what its script makes, and goes through the real importer."""

import zipfile
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
    found = importing.upload(people, ContentFile(make.SAMPLE.read_bytes()), "customers.xlsx")
    importing.confirm(found, columns.guess(found.header, labels))
    importing.judge(found.pk)
    found.refresh_from_db()
    importing.begin_apply(found)
    importing.apply(found.pk)
    found.refresh_from_db()
    assert (found.read, found.created, found.duplicate, found.invalid) == (500, 489, 2, 9)
    assert people.contacts.get(msisdn="27825599901").value1 in make.FIRST_NAMES
    codes = set(found.issues.values_list("code", flat=True))
    assert codes >= {"duplicate", "rounded_by_excel", "too_short", "too_long", "not_a_number", "missing", "two_numbers"}


def test_its_script_makes_the_same_again(tmp_path: Path) -> None:
    """Packed bytes differ between builds of zlib; what is packed does not."""
    make.make(tmp_path / "again.xlsx")
    assert unpacked(tmp_path / "again.xlsx") == unpacked(make.SAMPLE)


def unpacked(workbook: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(workbook.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
