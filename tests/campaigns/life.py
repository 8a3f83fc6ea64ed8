"""The life of an approved campaign in the real jobs, with the simulated provider of the proof and a simulated clock."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

import contacts.jobs
from campaigns import jobs
from campaigns.models import Attempt, Batch, Campaign
from contacts import queues
from contacts.models import Contact, ContactList
from providers import registry
from providers.limits import GuardKind
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, approve, freeze
from tests.proof.provider import ADAPTERS, Provider, answering

#: A Monday in Johannesburg.
MONDAY = datetime(2026, 6, 22, 6, tzinfo=UTC)
#: Johannesburg is two hours ahead of UTC; New York is four behind it in summer, so its people wait until 12:00 UTC.
JOHANNESBURG, NEW_YORK = 27825550100, 12125550100


class Life:
    """One campaign through the real jobs: time jumps from one due moment to the next."""

    def __init__(self, campaign: Campaign, provider: Provider, moment: datetime) -> None:
        self.campaign, self.provider, self.moment = campaign, provider, moment

    def now(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def sweep(self) -> None:
        calls: list[tuple[str, int]] = []

        def enqueue_once(wanted: queues.Job, pk: int) -> bool:
            calls.append((wanted.__name__, pk))
            return True

        queues.enqueue_once = enqueue_once
        jobs.sweep(self.now())
        done: set[tuple[str, int]] = set()
        while calls:
            if (call := calls.pop(0)) not in done:
                done.add(call)
                getattr(jobs, call[0])(call[1])
        self.campaign.refresh_from_db()

    def until(self, moment: datetime) -> None:
        """Run everything that is due before ``moment``, until the campaign has ended."""
        while self.moment < moment and self.campaign.status != "closed":
            self.sweep()
            rows = Batch.objects.values_list("status", "due_at", "poll_at")
            due = [due_at for status, due_at, _ in rows if status in ("prepared", "uploading", "committing")]
            due += [poll_at for status, _, poll_at in rows if status in ("handed_over", "processing")]
            due.append(self.campaign.batches_due_at)
            later = [one for one in due if one and one > self.moment]
            self.moment = min([*later, moment, self.moment + timedelta(minutes=15)]) + timedelta(seconds=1)

    def texted(self) -> Counter[str]:
        return Counter(number for take in self.provider.ledger for number, _ in take.texted)

    def gates(self) -> list[tuple[datetime, int]]:
        """When each file passed the gate, and its recipients."""
        return list(Attempt.objects.order_by("started_at").values_list("started_at", "batch__rows"))


Begin = Callable[..., Life]


@pytest.fixture
def begin(
    make_campaign: MakeCampaign,
    operator: User,
    approver: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Begin:
    """Begins the life of an approved campaign: ``begin(people={first number: how many}, at=..., pace=...)``."""
    for kind, adapter in ADAPTERS.items():
        monkeypatch.setitem(registry.all_adapters(), f"proof_{kind}", adapter)
        monkeypatch.setattr(adapter, "limits", replace(adapter.limits, rows=500))
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(contacts.jobs, "sweep", dict)
    monkeypatch.setattr(queues, "enqueue_once", queues.enqueue_once)

    def make(people: dict[int, int], at: datetime = MONDAY, guard: GuardKind = GuardKind.KEY, **fields: Any) -> Life:
        chosen = ContactList.objects.create(name="Everybody", country="ZA", labels={"value1": "First name"})
        numbers = [str(first + n) for first, count in people.items() for n in range(count)]
        Contact.objects.bulk_create(Contact(list=chosen, msisdn=number, phone=number) for number in numbers)
        account = Account.objects.create(
            name="A", provider=f"proof_{guard}", settings={"host": str(guard), "username": "b"}
        )
        provider = answering[guard] = Provider(keeps_keys=guard is GuardKind.KEY)
        life = Life(make_campaign(account, chosen, **fields), provider, at)
        monkeypatch.setattr(timezone, "now", life.now)
        approve(freeze(life.campaign, operator, life.now()), approver, life.now())
        return life

    return make


def hours(first: str, last: str, **more: Any) -> dict[str, Any]:
    window = {"hours": {str(day): [first, last] for day in range(7)}, "zone": "recipient", "fallback": "UTC"}
    return window | more
