"""Take back an import of a csv file that created every contact, against deleting one contact after another."""

from collections.abc import Iterator

from django.db import connection, transaction

from benchmarks.bench import Baseline, Bench
from benchmarks.results import Result
from benchmarks.rows import fill_list
from benchmarks.stages.imports import import_sheet, new_list
from contacts import importing
from contacts.models import Import


def measure(bench: Bench) -> Iterator[Result]:
    def product(rows: int) -> float:
        import_ = import_sheet(new_list(), bench.sheet("csv", rows))
        with bench.watch() as watch:
            importing.begin_undo(import_, None)
            importing.undo(import_.pk)
        import_.refresh_from_db()
        assert import_.status == Import.Status.UNDONE, import_.status
        return watch.seconds

    def naive(rows: int) -> float:
        contact_list = new_list()
        fill_list(contact_list, rows)
        with bench.watch() as watch, transaction.atomic():
            for contact in contact_list.contacts.iterator():
                contact.delete()
        return watch.seconds

    def floor(rows: int) -> float:
        contact_list = new_list()
        fill_list(contact_list, rows)
        with bench.watch() as watch, connection.cursor() as cursor:
            cursor.execute("DELETE FROM contacts_contact WHERE list_id = %s", [contact_list.pk])
        return watch.seconds

    yield from bench.compare("undo an import", product, Baseline("delete() each", naive), floor=floor)
