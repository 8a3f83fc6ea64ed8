"""A job is enqueued once at a time; the sweep enqueues a lost one again; running one twice changes nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from contacts import importing, jobs, queues
from contacts.models import Contact, ContactList, Import

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]
Drain = Callable[[], int]


@pytest.fixture
def confirmed() -> Import:
    people = ContactList.objects.create(name="People", country="ZA")
    import_ = importing.upload(people, ContentFile(b"Phone\n0825550100\n0825550101\n"), "people.csv")
    importing.confirm(import_, {0: "phone"})
    return import_


def abandon(import_: Import) -> None:
    """As if the worker or the job had been lost a while ago."""
    Import.objects.filter(pk=import_.pk).update(beat_at=timezone.now() - timedelta(minutes=5))


@pytest.mark.django_db(transaction=True)
def test_the_jobs_import_a_sheet(valkey: Redis, drain: Drain, confirmed: Import) -> None:
    assert queues.enqueue_once(jobs.check_import, confirmed.pk)
    assert drain() == 1
    confirmed.refresh_from_db()
    assert confirmed.status == "checked"
    importing.begin_apply(confirmed)
    assert queues.enqueue_once(jobs.apply_import, confirmed.pk)
    assert drain() == 1
    confirmed.refresh_from_db()
    assert (confirmed.status, confirmed.created, Contact.objects.count()) == ("done", 2, 2)


@pytest.mark.django_db(transaction=True)
def test_a_job_is_enqueued_once_until_a_worker_starts_it(valkey: Redis, drain: Drain, confirmed: Import) -> None:
    assert queues.enqueue_once(jobs.check_import, confirmed.pk)
    assert not queues.enqueue_once(jobs.check_import, confirmed.pk)
    assert drain() == 1
    assert queues.enqueue_once(jobs.check_import, confirmed.pk)


def test_a_job_that_runs_twice_changes_nothing_twice(confirmed: Import, valkey: Redis) -> None:
    jobs.check_import(confirmed.pk)
    jobs.check_import(confirmed.pk)
    jobs.apply_import(confirmed.pk)
    assert not Contact.objects.exists()
    confirmed.refresh_from_db()
    importing.begin_apply(confirmed)
    jobs.apply_import(confirmed.pk)
    jobs.apply_import(confirmed.pk)
    confirmed.refresh_from_db()
    assert (confirmed.read, confirmed.created) == (2, 2)


def test_the_sweep_finds_imports_that_wait_and_leaves_those_at_work(valkey: Redis, confirmed: Import) -> None:
    assert jobs.sweep() == {}
    abandon(confirmed)
    assert jobs.sweep() == {"check_import": 1}
    assert jobs.sweep() == {}
    jobs.check_import(confirmed.pk)
    abandon(confirmed)
    # A checked import waits for a user, not for a worker.
    assert jobs.sweep() == {}
    confirmed.refresh_from_db()
    importing.begin_apply(confirmed)
    assert jobs.sweep() == {}
    abandon(confirmed)
    assert jobs.sweep() == {"apply_import": 1}


def test_an_import_without_confirmed_columns_is_left_alone(valkey: Redis, confirmed: Import) -> None:
    Import.objects.filter(pk=confirmed.pk).update(mapping={}, beat_at=None)
    assert jobs.sweep() == {}


def test_without_redis_nothing_is_lost(confirmed: Import, settings: Settings) -> None:
    settings.RQ_QUEUES = {"imports": {"URL": "redis://127.0.0.1:1/0", "DEFAULT_TIMEOUT": 60}}
    abandon(confirmed)
    assert not queues.enqueue_once(jobs.check_import, confirmed.pk)
    assert jobs.sweep() == {}
    jobs.check_import(confirmed.pk)
    confirmed.refresh_from_db()
    assert confirmed.status == "checked"
