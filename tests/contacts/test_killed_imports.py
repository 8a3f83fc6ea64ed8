"""A worker that is killed while it checks, applies or undoes an import leaves exact accounting after the sweep."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.db.models import F
from django.utils import timezone
from redis import Redis

from contacts import importing, jobs
from contacts.models import BUCKETS, Contact, ContactList, Import, ImportRow
from tests.conftest import worker_environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql, pytest.mark.slow]

SHEET = "Cell,Customer\n" + "".join(f"08255501{number:02},new\n" for number in range(7)) + "0825550100,x\n,\n12345,x\n"
Drain = Callable[[], int]
#: Where the worker dies: the job, the function after which it dies, and at which call of it.
MOMENTS = [
    ("check_import", "contacts.importing.checking.delete_rows", 1),
    ("check_import", "contacts.importing.staging.Staging.add", 3),
    ("check_import", "contacts.importing.staging.Staging.move", 2),
    ("check_import", "contacts.importing.checking.forecast", 1),
    ("apply_import", "contacts.importing.applying.record_buckets", 2),
    ("apply_import", "contacts.importing.applying.upsert", 3),
    ("undo_import", "contacts.importing.undoing.put_back", 2),
    ("undo_import", "contacts.importing.undoing.remove_created", 3),
]


@pytest.fixture
def people() -> ContactList:
    made = ContactList.objects.create(name="People", country="ZA")
    for number in (27825550100, 27825550103, 27825550105):
        Contact.objects.create(list=made, msisdn=str(number), phone=f"0{number - 27000000000}", customer_id="old")
    return made


def killed(job: str, import_id: int, point: str, nth: int) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.contacts.killed", job, str(import_id), point, str(nth)],
        env={**os.environ, **worker_environment()},
        timeout=60,
    )
    assert process.returncode == -signal.SIGKILL


def swept(import_: Import, drain: Drain) -> None:
    """Some minutes later the sweep finds the import, and a worker finishes its job."""
    assert_accounted(import_)
    Import.objects.filter(pk=import_.pk).update(beat_at=timezone.now() - timedelta(minutes=5))
    assert sum(jobs.sweep().values()) == 1
    assert drain() == 1
    assert_accounted(import_)


def assert_accounted(import_: Import) -> None:
    import_.refresh_from_db()
    counted = {bucket: getattr(import_, bucket) for bucket in BUCKETS}
    assert import_.read == import_.waiting + sum(counted.values())
    staged = ImportRow.objects.filter(import_of=import_)
    assert staged.filter(bucket="").count() == import_.waiting
    for bucket in ("created", "updated", "unchanged"):
        assert staged.filter(bucket=bucket).count() == counted[bucket]
    for outcome, count in import_.undo_counts.items():
        assert staged.filter(undone_as=outcome).count() == count


@pytest.mark.parametrize(("job", "point", "nth"), MOMENTS)
def test_it_is_finished_exactly(
    people: ContactList, valkey: Redis, drain: Drain, job: str, point: str, nth: int
) -> None:
    before = list(Contact.objects.order_by("msisdn").values_list("msisdn", "phone", "customer_id"))
    import_ = importing.upload(people, ContentFile(SHEET.encode()), "people.csv")
    importing.confirm(import_, {0: "phone", 1: "customer_id"})
    steps: list[tuple[str, Callable[[Import], None]]] = [
        ("check_import", lambda row: None),
        ("apply_import", importing.begin_apply),
        ("undo_import", importing.begin_undo),
    ]
    for name, begin in steps:
        import_.refresh_from_db()
        begin(import_)
        if name == job:
            killed(job, import_.pk, point, nth)
            swept(import_, drain)
        else:
            getattr(jobs, name)(import_.pk)
            assert_accounted(import_)
        if name == "apply_import":
            assert (import_.read, import_.created, import_.updated) == (10, 4, 3)
            assert (import_.duplicate, import_.invalid, import_.blank) == (1, 1, 1)
            assert Contact.objects.filter(customer_id="new").count() == 7
    assert import_.undo_counts == {"reverted": 7, "kept": 0, "in_use": 0}
    assert list(Contact.objects.order_by("msisdn").values_list("msisdn", "phone", "customer_id")) == before
    assert Import.objects.filter(status="undone", progress=F("total")).exists()
