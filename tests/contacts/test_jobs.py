"""Jobs are nudges: one at a time, lost ones found again by the sweep, doubled ones harmless."""

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
    found = importing.upload(people, ContentFile(b"Phone\n0825550100\n0825550101\n"), "people.csv")
    importing.confirm(found, {0: "phone"})
    return found


def abandon(found: Import) -> None:
    """As if the worker, or the nudge, had been lost a while ago."""
    Import.objects.filter(pk=found.pk).update(beat_at=timezone.now() - timedelta(minutes=5))


@pytest.mark.django_db(transaction=True)
def test_the_jobs_bring_a_sheet_in(valkey: Redis, drain: Drain, confirmed: Import) -> None:
    assert queues.enqueue_once(jobs.judge_import, confirmed.pk)
    assert drain() == 1
    confirmed.refresh_from_db()
    assert confirmed.status == "judged"
    importing.begin_apply(confirmed)
    assert queues.enqueue_once(jobs.apply_import, confirmed.pk)
    assert drain() == 1
    confirmed.refresh_from_db()
    assert (confirmed.status, confirmed.created, Contact.objects.count()) == ("done", 2, 2)


@pytest.mark.django_db(transaction=True)
def test_a_nudge_that_waits_is_not_doubled_and_one_taken_up_may_come_again(
    valkey: Redis, drain: Drain, confirmed: Import
) -> None:
    assert queues.enqueue_once(jobs.judge_import, confirmed.pk)
    assert not queues.enqueue_once(jobs.judge_import, confirmed.pk)
    assert drain() == 1
    assert queues.enqueue_once(jobs.judge_import, confirmed.pk)


def test_a_doubled_job_does_nothing_twice(confirmed: Import, valkey: Redis) -> None:
    jobs.judge_import(confirmed.pk)
    jobs.judge_import(confirmed.pk)
    jobs.apply_import(confirmed.pk)
    assert not Contact.objects.exists()
    confirmed.refresh_from_db()
    importing.begin_apply(confirmed)
    jobs.apply_import(confirmed.pk)
    jobs.apply_import(confirmed.pk)
    confirmed.refresh_from_db()
    assert (confirmed.read, confirmed.created) == (2, 2)


def test_the_sweep_finds_what_waits_and_leaves_what_is_at_work(valkey: Redis, confirmed: Import) -> None:
    assert jobs.sweep() == {}
    abandon(confirmed)
    assert jobs.sweep() == {"judge_import": 1}
    assert jobs.sweep() == {}
    jobs.judge_import(confirmed.pk)
    abandon(confirmed)
    # What was judged waits for a person, not for a worker.
    assert jobs.sweep() == {}
    confirmed.refresh_from_db()
    importing.begin_apply(confirmed)
    assert jobs.sweep() == {}
    abandon(confirmed)
    assert jobs.sweep() == {"apply_import": 1}


def test_a_mapping_that_nobody_confirmed_is_left_alone(valkey: Redis, confirmed: Import) -> None:
    Import.objects.filter(pk=confirmed.pk).update(mapping={}, beat_at=None)
    assert jobs.sweep() == {}


def test_without_redis_nothing_is_lost(confirmed: Import, settings: Settings) -> None:
    settings.RQ_QUEUES = {"imports": {"URL": "redis://127.0.0.1:1/0", "DEFAULT_TIMEOUT": 60}}
    abandon(confirmed)
    assert not queues.enqueue_once(jobs.judge_import, confirmed.pk)
    assert jobs.sweep() == {}
    jobs.judge_import(confirmed.pk)
    confirmed.refresh_from_db()
    assert confirmed.status == "judged"
