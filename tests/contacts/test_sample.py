"""The demo's sample spreadsheet is what its script generates, and it goes through the real importer."""

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
def test_it_is_imported_with_every_kind_of_error_of_a_real_sheet(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    labels = {"value1": "First name", "value2": "Balance"}
    people = ContactList.objects.create(name="Customers", country="ZA", labels=labels)
    import_ = importing.upload(people, ContentFile(make.SAMPLE.read_bytes()), "customers.xlsx")
    importing.confirm(import_, columns.guess(import_.header, import_.samples, labels, "ZA").mapping)
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    importing.begin_apply(import_)
    importing.apply(import_.pk)
    import_.refresh_from_db()
    assert (import_.read, import_.created, import_.duplicate, import_.invalid) == (500, 488, 2, 10)
    assert people.contacts.get(msisdn="27825599901").value1 in make.FIRST_NAMES
    codes = set(import_.issues.values_list("code", flat=True))
    assert codes >= {"duplicate", "rounded_by_excel", "too_short", "too_long", "not_a_number", "missing", "two_numbers"}


def test_its_script_generates_the_same_file(tmp_path: Path) -> None:
    """Compressed bytes differ between builds of zlib; the contents do not."""
    make.make(tmp_path / "again.xlsx")
    assert unpacked(tmp_path / "again.xlsx") == unpacked(make.SAMPLE)


def unpacked(workbook: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(BytesIO(workbook.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
