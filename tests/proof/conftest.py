"""Shared by the state machine tests: people, campaigns, simulated accounts, the clock and its listeners."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

import contacts.jobs
from audit import chain
from campaigns.audience import freeze as audience_freeze
from campaigns.handover import drain, gate, journal, unresolved
from campaigns.models import Batch, Campaign, CampaignList
from campaigns.results import poll
from contacts import queues, suppression
from contacts.models import Contact, ContactList
from providers import points, registry
from providers.limits import GuardKind
from providers.models import Account
from tests.proof.incidents import PEOPLE
from tests.proof.machine import FIRST_NUMBER, START, TEXT, BatchLife, Clock, Figures, Gate, Setup
from tests.proof.provider import ADAPTERS


@pytest.fixture
def figures() -> Figures:
    return Figures()


@pytest.fixture
def machine_type(
    operator: User,
    approver: User,
    figures: Figures,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[type[BatchLife]]:
    """The machine on empty folders, with its own clock and the data every example starts from."""
    for name in ("MEDIA_ROOT", "JOURNAL_DIR", "LOCK_DIR"):
        setattr(settings, name, tmp_path / name.lower())
    # Nothing here proves anything about power cuts.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock)
    for kind, adapter in ADAPTERS.items():
        monkeypatch.setitem(registry.all_adapters(), f"proof_{kind}", adapter)
    monkeypatch.setattr(contacts.jobs, "sweep", dict)
    # The audit trail has nothing to do with handing over, and each statement is a place to crash at.
    monkeypatch.setattr(chain, "seal", int)
    monkeypatch.setattr(queues, "_allow_next", lambda job, pk: None)
    tell_the_machine(monkeypatch)

    def wipe() -> None:
        for folder in (settings.MEDIA_ROOT, settings.JOURNAL_DIR):
            shutil.rmtree(folder, ignore_errors=True)
        journal._read.clear()

    # Hypothesis derives the examples of `make test` from the source of this class: renaming it changes them.
    class Life(BatchLife):
        pass

    def reached(point: str) -> None:
        if BatchLife.current:
            BatchLife.current.reached(point)

    def stated(execute: Any, *words: Any) -> Any:
        return BatchLife.current.stated(execute, *words) if BatchLife.current else execute(*words)

    setup = Setup(operator, approver, make_setup(operator), wipe)
    Life.setup, Life.clock, Life.figures = setup, clock, figures
    points.listen(reached)
    with connection.execute_wrapper(stated):
        yield Life
    points.listen(None)


def tell_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell the running machine about enqueued jobs, gates, intents, opt-outs and failures."""

    def enqueue_once(job: queues.Job, pk: int) -> bool:
        current().enqueued.append((job.__name__, pk))
        return True

    pass_gate, intend, withdraw = gate.gate, journal.intend, journal.withdraw
    suppress = suppression.suppress_with_proof

    def watched_gate(batch: Batch, *rest: Any, **options: Any) -> Any:
        attempt = pass_gate(batch, *rest, **options)
        if attempt is not None:
            passed = Gate(attempt.number, current().clock(), bool(options.get("repeated")))
            current().gates.setdefault(batch.stem, []).append(passed)
        return attempt

    def watched_intend(batch: Batch, *rest: Any) -> None:
        intend(batch, *rest)
        current().intents.setdefault(batch.stem, set()).add(batch.sha256)

    def watched_withdraw(batch: Batch, attempt: int, *rest: Any) -> None:
        points.reach("withdraw:begin")
        withdraw(batch, attempt, *rest)
        # Whatever an older copy contains, an opt-out after this comes before the next intent.
        gates = current().gates
        gates[batch.stem] = [gate for gate in gates[batch.stem] if gate.number != attempt]
        points.reach("withdraw:end")

    def watched_suppress(notes: Any, *rest: Any) -> set[str]:
        added = suppress(notes, *rest)
        for msisdn in notes:
            current().opted_out_at.setdefault(msisdn, current().clock())
        return added

    def record_failure(batch_id: int, error: Exception) -> None:
        current().stumbles.append(error)

    monkeypatch.setattr(queues, "enqueue_once", enqueue_once)
    monkeypatch.setattr(drain, "gate", watched_gate)
    monkeypatch.setattr(unresolved, "gate", watched_gate)
    monkeypatch.setattr(journal, "intend", watched_intend)
    monkeypatch.setattr(journal, "withdraw", watched_withdraw)
    monkeypatch.setattr(suppression, "suppress_with_proof", watched_suppress)
    monkeypatch.setattr(drain, "log_failure", record_failure)
    monkeypatch.setattr(poll, "log_failure", record_failure)


def current() -> BatchLife:
    assert BatchLife.current is not None
    return BatchLife.current


def make_setup(operator: User) -> dict[GuardKind, tuple[int, int]]:
    """For each guard an account with two frozen campaigns, of five people and of three of them."""
    made: dict[GuardKind, tuple[int, int]] = {}
    lists = [make_list("Everybody", range(PEOPLE)), make_list("Some", range(1, 4))]
    for kind in ADAPTERS:
        account = Account.objects.create(
            name=kind, provider=f"proof_{kind}", settings={"host": kind, "username": "baton"}
        )
        campaigns = [make_frozen(account, chosen, operator) for chosen in lists]
        made[kind] = (campaigns[0].pk, campaigns[1].pk)
    return made


def make_list(name: str, people: range) -> ContactList:
    made = ContactList.objects.create(name=name, country="ZA", labels={"value1": "First name"})
    Contact.objects.bulk_create(
        Contact(list=made, msisdn=str(FIRST_NUMBER + n), phone=str(FIRST_NUMBER + n), value1=f"Person {n}")
        for n in people
    )
    return made


def make_frozen(account: Account, chosen: ContactList, operator: User) -> Campaign:
    campaign = Campaign.objects.create(name=f"To {chosen}", account=account, text=TEXT, created_by=operator)
    CampaignList.objects.create(campaign=campaign, contact_list=chosen, position=0)
    audience_freeze.begin_freeze(campaign, operator, START)
    audience_freeze.freeze(campaign.pk, START)
    campaign.refresh_from_db()
    return campaign
