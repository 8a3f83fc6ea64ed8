"""A job only wakes a worker: losing one loses no work, and running one twice does nothing twice."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from io import StringIO
from itertools import repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import django_rq
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import call_command
from django.db import IntegrityError, InterfaceError, OperationalError
from django.utils import timezone
from redis import Redis
from rq import Queue

from campaigns import decisions, jobs
from campaigns.audience import freeze as audience_freeze
from campaigns.audience import sources
from campaigns.handover import batches
from campaigns.lifecycle import transition
from campaigns.models import Batch, Campaign, Notice, Recipient
from campaigns.results import balance
from contacts import queues
from providers.adapters.smsportal import Adapter
from providers.limits import Limits
from providers.locks import LockLost
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import MakeCampaign, approve, freeze
from tests.conftest import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def waiting_jobs() -> list[tuple[str, Any]]:
    queues = [django_rq.get_queue(name) for name in ("campaigns", "handover", "results")]
    return [((job.func_name or "").rsplit(".", 1)[1], job.args[0]) for queue in queues for job in queue.jobs]


@pytest.mark.django_db(transaction=True)
def test_a_waiting_job_is_not_enqueued_twice(valkey: Redis) -> None:
    assert queues.enqueue_once(jobs.freeze, 1)
    assert not queues.enqueue_once(jobs.freeze, 1)
    assert queues.enqueue_once(jobs.freeze, 2)

    assert waiting_jobs() == [("freeze", 1), ("freeze", 2)]


def test_without_redis_enqueueing_fails_silently(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nobody = Queue("campaigns", connection=Redis(unix_socket_path=str(tmp_path / "none.sock")))
    monkeypatch.setattr(django_rq, "get_queue", lambda name: nobody)

    assert not queues.enqueue_once(jobs.freeze, 1)


@pytest.mark.django_db(transaction=True)
def test_everything_runs_from_freeze_to_accepted_by_jobs_alone(
    sandbox: Sandbox,
    sandbox_account: Account,
    make_campaign: MakeCampaign,
    operator: User,
    approver: User,
    drain: Callable[[], int],
) -> None:
    campaign = make_campaign(sandbox_account)
    audience_freeze.begin_freeze(campaign, operator, timezone.now())
    queues.enqueue_once(jobs.freeze, campaign.pk)
    drain()
    campaign.refresh_from_db()
    approve(campaign, approver)

    def has_closed() -> bool:
        jobs.sweep(timezone.now())
        drain()
        campaign.refresh_from_db()
        return campaign.status == "closed"

    wait_until(has_closed, "the campaign closes")
    assert len(sandbox.messages()) == 5


@pytest.mark.django_db(transaction=True)
def test_a_doubled_job_does_nothing_twice(
    sandbox: Sandbox, sandbox_account: Account, make_running: MakeCampaign, drain: Callable[[], int]
) -> None:
    campaign = make_running(sandbox_account)
    queue = django_rq.get_queue("handover")
    for _ in range(3):
        queue.enqueue("campaigns.jobs.hand_over", sandbox_account.pk)
    for _ in range(3):
        queue.enqueue("campaigns.jobs.create_batches", campaign.pk)

    drain()

    batch = campaign.batches.get()
    assert batch.attempts.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_sweep_finds_each_kind_of_waiting_work(
    account: Account,
    make_campaign: MakeCampaign,
    make_running: MakeCampaign,
    operator: User,
    approver: User,
    valkey: Redis,
) -> None:
    freezing = make_campaign(account, name="Freezing")
    people = freezing.ordered_lists()
    audience_freeze.begin_freeze(freezing, operator, timezone.now())
    approved = approve(freeze(make_campaign(account, *people, name="Approved"), operator), approver)
    make_running(account, *people, name="Running")

    enqueued = jobs.sweep(timezone.now())

    assert enqueued["freeze"] == enqueued["create_batches"] == enqueued["hand_over"] == 1
    assert {("freeze", freezing.pk), ("create_batches", approved.pk), ("hand_over", account.pk)} <= set(waiting_jobs())


def test_a_freeze_whose_last_answer_was_lost_keeps_its_recipients(
    account: Account,
    make_campaign: MakeCampaign,
    operator: User,
    approver: User,
    valkey: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = make_campaign(account)
    audience_freeze.begin_freeze(campaign, operator, timezone.now())
    finish = audience_freeze.freeze

    def finish_and_lose_the_answer(*arguments: Any) -> None:
        finish(*arguments)
        raise OperationalError("The server closed the connection unexpectedly.")

    monkeypatch.setattr(audience_freeze, "freeze", finish_and_lose_the_answer)

    with pytest.raises(OperationalError):
        jobs.freeze(campaign.pk)

    campaign.refresh_from_db()
    assert (campaign.status, campaign.recipients.count()) == ("frozen", 5)
    approve(campaign, approver)
    batches.create_batches(campaign.pk, timezone.now())
    assert balance.audit(Campaign.objects.get()).balanced


def test_a_freeze_that_loses_the_database_is_begun_again(
    account: Account,
    make_campaign: MakeCampaign,
    operator: User,
    valkey: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = make_campaign(account)
    audience_freeze.begin_freeze(campaign, operator, timezone.now())

    def lose(*arguments: Any) -> None:
        raise OperationalError("The connection was terminated by an administrator.")

    with monkeypatch.context() as patched:
        patched.setattr(audience_freeze, "freeze", lose)
        with pytest.raises(OperationalError):
            jobs.freeze(campaign.pk)

    assert Campaign.objects.get().status == "freezing"
    assert jobs.sweep(timezone.now())["freeze"] == 1
    jobs.freeze(campaign.pk)
    assert Campaign.objects.get().status == "frozen"


@pytest.fixture
def freezing(account: Account, make_campaign: MakeCampaign, operator: User, valkey: Redis) -> Campaign:
    """A campaign of five people whose freeze was requested."""
    campaign = make_campaign(account)
    audience_freeze.begin_freeze(campaign, operator, timezone.now())
    return campaign


def hold_while(patched: pytest.MonkeyPatch, answers: Iterable[bool]) -> None:
    """Whether the job's lock is still held, recorded at each check."""
    told = iter(answers)
    lock = SimpleNamespace(still_held=lambda: next(told))
    patched.setattr(jobs, "hold", lambda name: nullcontext(lock))


@pytest.mark.parametrize(("held", "copied"), [(1, 0), (2, 2), (4, 5)])
def test_a_freeze_that_loses_its_lock_is_left_to_the_next(
    freezing: Campaign,
    monkeypatch: pytest.MonkeyPatch,
    held: int,
    copied: int,
) -> None:
    monkeypatch.setattr(sources, "CHUNK", 2)

    with monkeypatch.context() as patched:
        hold_while(patched, [True] * held + [False])
        with pytest.raises(LockLost):
            jobs.freeze(freezing.pk)

    freezing.refresh_from_db()
    assert (freezing.status, freezing.recipients.count()) == ("freezing", copied)
    assert jobs.sweep(timezone.now())["freeze"] == 1
    jobs.freeze(freezing.pk)
    freezing.refresh_from_db()
    assert (freezing.status, freezing.recipients.count()) == ("frozen", 5)


def test_a_freeze_that_loses_its_lock_deletes_nobody_whom_the_next_has_copied(
    freezing: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = ["27000000000", "27000000001", "27000000002", "27000000003"]
    for msisdn in numbers:
        Recipient.objects.create(campaign=freezing, list_id=1, contact_id=1, msisdn=msisdn)
    monkeypatch.setattr(audience_freeze, "CHUNK", 2)
    monkeypatch.setattr(sources, "CHUNK", 2)
    hold_while(monkeypatch, [True, False])

    with pytest.raises(LockLost):
        jobs.freeze(freezing.pk)

    assert list(freezing.recipients.order_by("id").values_list("msisdn", flat=True)) == numbers[2:]


@pytest.mark.parametrize(("status", "left"), [("draft", 5), ("cancelled", 0)])
def test_a_freeze_that_was_ended_and_has_lost_its_lock_deletes_only_what_nobody_freezes_again(
    freezing: Campaign,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    left: int,
) -> None:

    def end_it() -> Iterator[bool]:
        yield True
        transition(Campaign.objects.get(), status)
        yield True
        yield False

    hold_while(monkeypatch, end_it())

    with pytest.raises(LockLost) if left else nullcontext():
        jobs.freeze(freezing.pk)

    assert freezing.recipients.count() == left


def test_a_refused_freeze_that_loses_its_lock_is_not_given_up(
    freezing: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    Account.objects.update(is_active=False)
    hold_while(monkeypatch, [True, False])

    with pytest.raises(LockLost):
        jobs.freeze(freezing.pk)

    assert Campaign.objects.get().status == "freezing"


@pytest.mark.parametrize(("is_held", "status"), [(True, "draft"), (False, "freezing")])
def test_only_who_holds_the_lock_gives_up_a_freeze(
    freezing: Campaign,
    monkeypatch: pytest.MonkeyPatch,
    is_held: bool,
    status: str,
) -> None:

    def fail(*arguments: Any) -> None:
        raise IntegrityError("Somebody else has copied them.")

    monkeypatch.setattr(audience_freeze, "freeze", fail)
    hold_while(monkeypatch, repeat(is_held))

    with pytest.raises(IntegrityError):
        jobs.freeze(freezing.pk)

    assert Campaign.objects.get().status == status


def test_an_approval_expires(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User, valkey: Redis
) -> None:
    start = timezone.now() + timedelta(days=2)
    campaign = approve(freeze(make_campaign(account, start_at=start), operator), approver)
    Campaign.objects.update(approval_expires_at=timezone.now())

    jobs.sweep(timezone.now())

    campaign.refresh_from_db()
    assert (campaign.status, campaign.reason, campaign.approved_by) == ("frozen", "approval_expired", None)


def test_a_batch_returned_while_its_campaign_was_cancelled_is_cancelled(
    account: Account, make_running: MakeCampaign, operator: User, valkey: Redis
) -> None:
    campaign = make_running(account)
    batch = transition(campaign.batches.get(), "uploading")
    decisions.cancel(campaign, operator)
    transition(batch, "prepared")

    jobs.sweep(timezone.now())

    assert Batch.objects.get().status == "cancelled"


def test_a_cancel_continues_where_a_worker_takes_a_batch_meanwhile(
    account: Account,
    make_running: MakeCampaign,
    operator: User,
    valkey: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Adapter, "limits", Limits(rows=2, bytes=1_000_000, values=6, connections=2))
    campaign = make_running(account)
    cancel = decisions.cancel_unless_journalled

    def claim_and_cancel(batch: Batch, *arguments: Any, **fields: Any) -> None:
        if batch.number == 1:
            transition(campaign.batches.get(number=2), "uploading")
        cancel(batch, *arguments, **fields)

    monkeypatch.setattr(decisions, "cancel_unless_journalled", claim_and_cancel)

    decisions.cancel(campaign, operator)

    assert Campaign.objects.get().status == "cancelled"
    assert list(campaign.batches.values_list("status", flat=True)) == ["cancelled", "uploading", "cancelled"]
    jobs.sweep(timezone.now())
    assert set(campaign.batches.values_list("status", flat=True)) == {"cancelled"}


def test_the_nightly_audit_raises_an_alarm(
    account: Account, make_running: MakeCampaign, drain: Callable[[], int]
) -> None:
    campaign = make_running(account)
    campaign.recipients.filter(msisdn="27825550100").update(value1="Changed by hand")

    jobs.audit(campaign.pk)

    campaign.refresh_from_db()
    assert campaign.alarm == "The recipients changed after submission."


def test_an_audited_campaign_has_no_alarm(account: Account, make_running: MakeCampaign, valkey: Redis) -> None:
    campaign = make_running(account)

    jobs.audit(campaign.pk)

    campaign.refresh_from_db()
    assert (campaign.alarm, campaign.audited_at is not None) == ("", True)


def test_the_sweep_command_prints_what_it_enqueued(account: Account, make_running: MakeCampaign, valkey: Redis) -> None:
    make_running(account)
    said = StringIO()

    call_command("sweep", "--json", stdout=said)

    assert json.loads(said.getvalue())["nudged"]["hand_over"] == 1


@pytest.mark.parametrize("trouble", [OperationalError, InterfaceError])
def test_the_clock_continues_while_the_database_is_down(
    db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: type[Exception]
) -> None:
    troubles = iter([trouble("too many clients"), KeyboardInterrupt()])

    def away(now: Any) -> None:
        raise next(troubles)

    monkeypatch.setattr(jobs, "sweep", away)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)

    with pytest.raises(KeyboardInterrupt):
        call_command("sweep", "--every", "1")

    assert caplog.messages == [f"The clock waits for the database: {trouble.__name__}"]


def test_expired_sessions_and_old_notices_are_deleted_once_a_day(operator: User) -> None:
    now = timezone.now()
    cache.delete(jobs.CLEANED_UP)
    for key, days in (("expired", -1), ("valid", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(days=days))
    for cause, kind, age, is_read in (
        ("old", "finished", 366, True),
        ("unread", "finished", 366, False),
        ("young", "finished", 300, True),
        ("stopped", "account_stopped", 366, True),
    ):
        at = now - timedelta(days=age)
        Notice.objects.create(
            user=operator, kind=kind, cause=cause, created_at=at, mail_after=at, read_at=at if is_read else None
        )
    jobs.sweep(now)
    assert [row.session_key for row in Session.objects.all()] == ["valid"]
    assert set(Notice.objects.values_list("cause", flat=True)) == {"unread", "young", "stopped"}
    Session.objects.create(session_key="later", session_data="", expire_date=now - timedelta(days=1))
    jobs.sweep(now)
    assert Session.objects.filter(pk="later").exists()
