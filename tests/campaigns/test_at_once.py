"""Several hand-overs over one connection: what runs side by side, and what an error of one means for the others."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from campaigns.handover import drain, journal
from campaigns.handover.at_once import AtOnce, Steps, run_alone
from campaigns.handover.session import SessionBroken
from campaigns.lifecycle import batch_lock_name
from campaigns.models import Attempt
from providers.adapters.smsportal.adapter import Adapter
from providers.base import Receipt
from providers.errors import Unclear
from providers.locks import held_among
from providers.models import Account
from tests.campaigns.conftest import Clock, MakeCampaign, hand_over


@dataclass
class Channel:
    """One channel of a connection that has as many as ``channels`` allows."""

    channels: int = 8
    opened: list["Channel"] = field(default_factory=list)
    most: int = 8
    asked: list[float] = field(default_factory=list)

    def most_at_once(self, seconds: float) -> int:
        self.asked.append(seconds)
        return self.most

    def another(self) -> "Channel | None":
        if len(self.opened) + 1 >= self.channels:
            return None
        self.opened.append(Channel())
        return self.opened[-1]


class Session:
    """Stands in for a RemoteSession."""

    def __init__(self, remote: Any) -> None:
        self.opened = remote
        self.log: list[str] = []

    def remote(self) -> Any:
        return self.opened

    def close(self) -> None:
        self.log.append("closed")


def at_once(remote: Any, batches: int) -> tuple[AtOnce, Session]:
    session = Session(remote)
    return AtOnce(session, batches), session  # type: ignore[arg-type]


def one(call: Callable[[Any], Any], log: list[Any], name: str = "") -> Steps:
    """A hand-over with one call; it notes the result or the error, always in the test's thread."""
    main = threading.get_ident()
    try:
        log.append((name, (yield call)))
    except Unclear as error:
        log.append((name, error.code))
        raise SessionBroken from error
    finally:
        assert threading.get_ident() == main


def meet(barrier: threading.Barrier) -> Callable[[Any], Any]:
    """A call that ends only if all others of the barrier are being made too; its result is the channel."""

    def call(remote: Any) -> Any:
        barrier.wait(timeout=10)
        return remote

    return call


def test_the_first_is_alone_and_the_others_run_side_by_side_on_a_channel_each() -> None:
    channel, three = Channel(), threading.Barrier(3)
    log: list[Any] = []
    under_way, _ = at_once(channel, 4)
    with under_way:
        under_way.start(1, one(lambda remote: remote, log))
        assert len(log) == 1
        for batch_id in (2, 3, 4):
            assert under_way.has_room()
            under_way.start(batch_id, one(meet(three), log))
        under_way.finish()

    assert len(channel.asked) == 1
    assert len({id(remote) for _, remote in log[1:]}) == 3
    assert (under_way.is_broken, under_way.errors) == (False, [])


@pytest.mark.parametrize(
    ("remote", "batches"),
    [(object(), 5), (Channel(most=1), 5), (Channel(channels=1), 5), (Channel(), 2)],
    ids=["no channels", "slow link", "none is opened", "one is left"],
)
def test_without_a_channel_for_each_all_are_handed_over_on_the_first(remote: Any, batches: int) -> None:
    log: list[Any] = []
    under_way, _ = at_once(remote, batches)
    with under_way:
        for batch_id in range(batches):
            assert under_way.has_room()
            under_way.start(batch_id, one(lambda remote: remote, log))
        under_way.finish()

    assert [found for _, found in log] == [remote] * batches


def test_when_one_breaks_those_under_way_end_and_no_other_starts() -> None:
    log: list[Any] = []
    goes_on = threading.Event()

    def breaks(remote: Any) -> None:
        raise Unclear("upload_broken", "The connection broke.")

    under_way, _ = at_once(Channel(), 9)
    with under_way:
        under_way.start(1, one(lambda remote: "ok", log, "first"))
        assert under_way.has_room()
        under_way.start(2, one(lambda remote: goes_on.wait(timeout=10), log, "second"))
        assert under_way.has_room()
        under_way.start(3, one(breaks, log, "third"))
        while under_way.has_room():
            under_way._wait()
        goes_on.set()
        under_way.finish()

    assert log == [("first", "ok"), ("third", "upload_broken"), ("second", True)]


def test_an_error_of_batons_own_is_kept_with_its_batch() -> None:
    under_way, _ = at_once(Channel(), 3)
    with under_way:
        under_way.start(7, one(lambda remote: 1 / 0, []))

    assert [(batch_id, type(error)) for batch_id, error in under_way.errors] == [(7, ZeroDivisionError)]
    assert not under_way.has_room()


def test_a_recovery_waits_for_the_others_and_then_has_the_connection_to_itself() -> None:
    log: list[Any] = []

    def recovery() -> Steps:
        yield None
        log.append(("recovery", [one for one in threading.enumerate() if one.name.startswith("channel")]))

    channel = Channel()
    under_way, _ = at_once(channel, 6)
    with under_way:
        under_way.start(1, one(lambda remote: "ok", log, "first"))
        for batch_id in (2, 3):
            assert under_way.has_room()
            under_way.start(batch_id, one(lambda remote: threading.Event().wait(0.05), log, "file"))
        assert under_way.has_room()
        under_way.start(4, recovery())
        assert [name for name, _ in log] == ["first", "file", "file", "recovery"]
        assert log[-1] == ("recovery", [])
        # The connection is another one now, so the next file is alone again.
        under_way.start(5, one(lambda remote: "ok", log, "next"))
        assert log[-1] == ("next", "ok")
    assert len(channel.asked) == 2


def test_a_job_that_is_stopped_closes_the_connection_before_its_locks_are_free() -> None:
    channel = Channel()
    under_way, session = at_once(channel, 4)
    closed = threading.Event()
    session.close = closed.set  # type: ignore[method-assign]
    log: list[str] = []

    def locked() -> Steps:
        try:
            yield lambda remote: log.append(f"call ended: {closed.wait(timeout=10)}")
        finally:
            log.append("lock free")

    def stopped() -> None:
        with under_way:
            under_way.start(1, one(lambda remote: "ok", []))
            assert under_way.has_room()
            under_way.start(2, locked())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert log == ["call ended: True", "lock free"]


def test_run_alone_gives_back_results_and_errors() -> None:
    session = Session("remote")
    log: list[Any] = []
    run_alone(one(lambda remote: remote, log), session)  # type: ignore[arg-type]

    def breaks(remote: Any) -> None:
        raise Unclear("upload_broken", "The connection broke.")

    with pytest.raises(SessionBroken):
        run_alone(one(breaks, log), session)  # type: ignore[arg-type]
    assert log == [("", "remote"), ("", "upload_broken")]


@pytest.fixture
def one_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """SMSPortal takes one recipient a file."""
    monkeypatch.setattr(Adapter, "limits", replace(Adapter.limits, rows=1))


@pytest.mark.usefixtures("one_a_file")
def test_several_files_of_a_campaign_are_handed_over_at_once(
    sandbox_account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    four, commit = threading.Barrier(4), Adapter.commit
    channels: set[int] = set()

    def meeting(self: Adapter, remote: Any, payload: Any, attempt: Any) -> Receipt:
        if not payload.stem.startswith(first):
            four.wait(timeout=10)
            # The intent of each file was stored and journalled before its own commit.
            channels.add(id(remote))
        assert journal.last_attempt(payload.stem) == 1
        return commit(self, remote, payload, attempt)

    campaign = make_running(sandbox_account)
    first = campaign.batches.get(number=1).stem
    monkeypatch.setattr(Adapter, "commit", meeting)

    hand_over(campaign, clock)

    assert list(campaign.batches.values_list("status", flat=True)) == ["handed_over"] * 5
    assert list(Attempt.objects.values_list("ending", flat=True)) == ["done"] * 5
    assert len(channels) == 4


@pytest.mark.usefixtures("one_a_file")
def test_a_connection_that_breaks_leaves_all_files_on_it_to_recovery(
    sandbox_account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    three, commit = threading.Barrier(3), Adapter.commit

    def breaking(self: Adapter, remote: Any, payload: Any, attempt: Any) -> Receipt:
        if payload.stem.startswith(first):
            return commit(self, remote, payload, attempt)
        if three.wait(timeout=10) == 0:
            remote._transport.close()
        raise Unclear("upload_broken", "The connection broke.")

    campaign = make_running(sandbox_account)
    campaign.batches.filter(number=5).update(due_at=clock() + timedelta(hours=1))
    first = campaign.batches.get(number=1).stem
    monkeypatch.setattr(Adapter, "commit", breaking)

    hand_over(campaign, clock)

    found = list(campaign.batches.order_by("number").values_list("status", "attempts__ending"))
    assert found == [("handed_over", "done"), *[("committing", "unclear")] * 3, ("prepared", None)]


@pytest.mark.usefixtures("one_a_file")
def test_a_batch_with_an_error_of_batons_own_is_postponed_before_its_lock_is_free(
    sandbox_account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage, held = Adapter.stage, []

    def failing(self: Adapter, remote: Any, payload: Any, name: str) -> Any:
        if payload.stem == second:
            raise ZeroDivisionError
        return stage(self, remote, payload, name)

    def log_failure(batch_id: int, error: Exception) -> None:
        held.append((batch_id, type(error), held_among([batch_lock_name(batch_id)])))

    campaign = make_running(sandbox_account)
    batch = campaign.batches.get(number=2)
    second = batch.stem
    monkeypatch.setattr(Adapter, "stage", failing)
    monkeypatch.setattr(drain, "log_failure", log_failure)

    hand_over(campaign, clock)

    name = batch_lock_name(batch.pk)
    assert held == [(batch.pk, ZeroDivisionError, {name})]
    assert not held_among([name])
    batch.refresh_from_db()
    assert batch.due_at is not None
    assert batch.due_at > clock()
    # A file that was under way with it was not cut off.
    assert set(campaign.batches.exclude(pk=batch.pk).values_list("status", flat=True)) <= {"handed_over", "prepared"}


def hold_commits(monkeypatch: pytest.MonkeyPatch, until: threading.Event, is_held: Callable[[str], bool]) -> None:
    """Let the commits of the batches whose stem ``is_held`` wait for ``until``."""
    commit = Adapter.commit

    def waiting(self: Adapter, remote: Any, payload: Any, attempt: Any) -> Receipt:
        assert not is_held(payload.stem) or until.wait(timeout=10)
        return commit(self, remote, payload, attempt)

    monkeypatch.setattr(Adapter, "commit", waiting)


@pytest.mark.usefixtures("one_a_file")
def test_a_file_that_is_under_way_is_not_cut_off_if_the_next_claim_fails(
    sandbox_account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_failed, claim = threading.Event(), drain.claim

    def failing(account: Account, now: datetime, tried: Collection[int]) -> Any:
        if len(tried) == 3:
            has_failed.set()
            raise OperationalError("too many clients")
        return claim(account, now, tried)

    campaign = make_running(sandbox_account)
    first = campaign.batches.get(number=1).stem
    hold_commits(monkeypatch, has_failed, lambda stem: stem != first)
    monkeypatch.setattr(drain, "claim", failing)

    with pytest.raises(OperationalError):
        hand_over(campaign, clock)

    found = list(campaign.batches.order_by("number").values_list("status", "attempts__ending"))
    assert found == [*[("handed_over", "done")] * 3, *[("prepared", None)] * 2]


@pytest.mark.usefixtures("one_a_file")
def test_what_becomes_due_while_the_last_files_are_under_way_is_handed_over_too(
    sandbox_account: Account, make_running: MakeCampaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody_is_left, claim = threading.Event(), drain.claim

    @contextmanager
    def claiming(account: Account, now: datetime, tried: Collection[int]) -> Iterator[Any]:
        with claim(account, now, tried) as claimed:
            if claimed is None:
                campaign.batches.filter(number=5).update(due_at=now)
                nobody_is_left.set()
            yield claimed

    campaign = make_running(sandbox_account)
    campaign.batches.filter(number=5).update(due_at=clock() + timedelta(hours=1))
    fourth = campaign.batches.get(number=4).stem
    hold_commits(monkeypatch, nobody_is_left, lambda stem: stem == fourth)
    monkeypatch.setattr(drain, "claim", claiming)

    hand_over(campaign, clock)

    assert list(campaign.batches.values_list("status", flat=True)) == ["handed_over"] * 5
