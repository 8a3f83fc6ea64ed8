"""Import a sheet into a list through upload, check and apply, against django-import-export on the same table."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.files import File
from django.db import connection, transaction
from import_export.resources import ModelResource
from tablib import Dataset

from benchmarks.bench import Baseline, Bench, Timed
from benchmarks.people import FIELDS, LABELS, msisdn
from benchmarks.results import Result
from benchmarks.rows import fill_list
from benchmarks.stages.reading import openpyxl_of
from contacts import importing
from contacts.models import Contact, ContactList, Import

#: Rows that django-import-export's bulk mode writes at a time: its default.
BULK = 1_000


def new_list() -> ContactList:
    number = ContactList.objects.count() + 1
    return ContactList.objects.create(name=f"Customers {number}", country="ZA", labels=LABELS)


def import_sheet(contact_list: ContactList, path: Path) -> Import:
    """Do what the pages and the workers do, one after another."""
    with path.open("rb") as file:
        import_ = importing.upload(contact_list, File(file), path.name, None, "ZA")
    importing.confirm(import_, dict(enumerate(FIELDS)))
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    importing.begin_apply(import_)
    importing.apply(import_.pk)
    import_.refresh_from_db()
    assert import_.status == Import.Status.DONE, import_.failure_sentence
    return import_


def measure(bench: Bench, kind: str, half: str = "") -> Iterator[Result]:
    def product(rows: int) -> float:
        contact_list = new_list()
        if half:
            fill_list(contact_list, rows // 2)
        path = bench.sheet(kind, rows)
        with bench.watch() as watch:
            import_ = import_sheet(contact_list, path)
        assert import_.created + import_.updated + import_.unchanged + import_.invalid == rows
        return watch.seconds

    floor = _insert(bench)
    if half:
        naive = Baseline("update_or_create", _naive(bench))
        yield from bench.compare(f"import {kind}, half existing", product, naive)
        return
    default, bulk = _peer(bench, kind), _peer(bench, kind, use_bulk=True, batch_size=BULK, skip_diff=True)
    if kind == "csv":
        baselines = [
            Baseline("django-import-export", default, faster=100),
            Baseline("django-import-export, bulk", bulk, faster=12),
        ]
    else:
        baselines = [
            Baseline("openpyxl, read-only", openpyxl_of(bench), at_most=0.5),
            Baseline("django-import-export", default, faster=40),
            Baseline("django-import-export, bulk", bulk),
        ]
    yield from bench.compare(f"import {kind}", product, *baselines, floor=floor)


def _resource(contact_list: ContactList, **options: Any) -> ModelResource:
    """A resource as its documentation shows it: numbers identify contacts, in the notation that the table has."""
    meta = type(
        "Meta", (), {"model": Contact, "import_id_fields": ("msisdn",), "fields": ("msisdn", *FIELDS), **options}
    )

    def before_save_instance(self: ModelResource, instance: Contact, row: dict[str, Any], **kwargs: Any) -> None:
        instance.list = contact_list

    def get_queryset(self: ModelResource) -> Any:
        return contact_list.contacts.all()

    methods = {
        "Meta": meta,
        "before_save_instance": before_save_instance,
        "get_queryset": get_queryset,
    }
    resource: ModelResource = type("Contacts", (ModelResource,), methods)()
    return resource


def _peer(bench: Bench, kind: str, **options: Any) -> Timed:
    """django-import-export's import of the sheet, with these options of its resource; it checks no number."""

    def run(rows: int) -> float:
        path = bench.sheet(kind, rows)
        resource = _resource(new_list(), **options)
        with bench.watch() as watch:
            if kind == "csv":
                data = Dataset().load(path.read_text("utf-8"), format="csv")
            else:
                data = Dataset().load(path.read_bytes(), format="xlsx")
            data.headers = list(FIELDS)
            data.append_col([msisdn(number) for number in range(rows)], header="msisdn")
            result = resource.import_data(data, raise_errors=True)
        assert result.totals["new"] == rows, result.totals
        return watch.seconds

    return run


def _naive(bench: Bench) -> Timed:
    """``update_or_create`` for each row, in one transaction; no number is checked."""

    def run(rows: int) -> float:
        contact_list = new_list()
        fill_list(contact_list, rows // 2)
        path = bench.sheet("csv", rows)
        with bench.watch() as watch, transaction.atomic(), path.open(newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            next(lines)
            for number, cells in enumerate(lines):
                Contact.objects.update_or_create(
                    list=contact_list, msisdn=msisdn(number), defaults=dict(zip(FIELDS, cells, strict=True))
                )
        return watch.seconds

    return run


def _insert(bench: Bench) -> Timed:
    """The rows of a csv file inserted at once in a transaction: by COPY on PostgreSQL, by executemany on SQLite.

    Nothing is checked or recorded.
    """
    columns = ("list_id", "msisdn", *FIELDS, "message", "number_country", "number_kind", "created_at", "updated_at")

    def run(rows: int) -> float:
        contact_list, path = new_list(), bench.sheet("csv", rows)
        moment = contact_list.created_at
        marks = ", ".join(["%s"] * len(columns))
        with (
            bench.watch() as watch,
            path.open(newline="", encoding="utf-8") as file,
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            lines = csv.reader(file)
            next(lines)
            contacts = (
                (contact_list.pk, msisdn(number), *cells, "", "ZA", "mobile", moment, moment)
                for number, cells in enumerate(lines)
            )
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY contacts_contact ({', '.join(columns)}) FROM STDIN") as copy:
                    for contact in contacts:
                        copy.write_row(contact)
            else:
                statement = f"INSERT INTO contacts_contact ({', '.join(columns)}) VALUES ({marks})"
                # Django passes any iterable on to the driver.
                cursor.executemany(statement, contacts)  # type: ignore[arg-type]
        return watch.seconds

    return run
