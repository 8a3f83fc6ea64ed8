"""A contact list, an account with the sandbox, and campaigns in every state that a test needs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, Min
from django.utils import timezone
from pytest_django import Settings

from campaigns import decisions
from campaigns.audience import freeze as audience_freeze
from campaigns.handover import batches, drain
from campaigns.models import Campaign, CampaignList
from campaigns.results import poll, settle
from contacts.models import Contact, ContactList
from providers import timing
from providers.models import Account
from providers.sandbox.server import Sandbox

TEXT = "Hi @@value1|friend@@, 20 % off ends Sunday."


class Clock:
    """A clock that tests control: ``clock()`` is now, ``clock.forward(seconds=5)`` advances it."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        return timezone.now() + self.offset

    def forward(self, **by: float) -> None:
        self.offset += timedelta(**by)


@pytest.fixture(autouse=True)
def own_files(settings: Settings, tmp_path: Path) -> None:
    """Payloads, evidence, journals and locks of this test alone."""
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.JOURNAL_DIR = tmp_path / "journal"
    settings.LOCK_DIR = tmp_path / "locks"


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Baton waits at most two seconds for a provider that does not answer."""
    for name in vars(timing):
        if name.startswith(("CONNECT_", "FTP_", "HTTP_")):
            monkeypatch.setattr(timing, name, min(getattr(timing, name), 2.0))


def count_causes(campaign: Campaign) -> None:
    """Count outcomes that a test has made by itself on their files, as ``write_outcomes`` does."""
    for batch in campaign.batches.all():
        keys = ("result", "code", "delivery")
        counted = batch.outcomes.order_by().values_list(*keys).annotate(said=Min("sentence"), n=Count("pk"))
        batch.causes = [list(cause) for cause in counted]
        batch.save(update_fields=["causes"])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_list(db: None) -> Callable[..., ContactList]:
    def make(name: str = "Customers", count: int = 5, first: int = 27825550100, **fields: Any) -> ContactList:
        made = ContactList.objects.create(name=name, country="ZA", labels={"value1": "First name"})
        Contact.objects.bulk_create(
            Contact(list=made, msisdn=str(first + n), phone=str(first + n), **{"value1": f"Person {n}", **fields})
            for n in range(count)
        )
        return made

    return make


@pytest.fixture
def account(db: None) -> Account:
    """An SMSPortal account without a server behind it."""
    made = Account(name="SMSPortal main", provider="smsportal", host_key="ssh-ed25519 AAAA")
    made.save_settings(_settings("127.0.0.1", 9, "nobody", "nothing"))
    return made


@pytest.fixture
def sandbox_account(db: None, sandbox: Sandbox) -> Account:
    """An SMSPortal account with the sandbox, its host key pinned."""
    made = Account(name="SMSPortal sandbox", provider="smsportal")
    made.save_settings(_settings(sandbox.host, sandbox.port, sandbox.username, sandbox.password))
    made.host_key = sandbox.host_key
    made.save()
    return made


@pytest.fixture
def account_at(db: None, sandbox: Sandbox) -> Callable[..., Account]:
    """Makes an account with a sandbox provider; ``settings`` replaces the sandbox's own values."""

    def make(slug: str, **settings: Any) -> Account:
        known = sandbox.providers[slug] | settings
        made = Account(name=f"{slug} sandbox", provider=slug)
        fields = made.adapter.SettingsForm.base_fields
        form = made.adapter.SettingsForm({name: known.get(name, field.initial) for name, field in fields.items()})
        assert form.is_valid(), form.errors
        made.host_key = " ".join(known.get("host_key", "").split()[:2])
        made.save_settings(form.cleaned_data)
        return made

    return make


def default_options(account: Account, **chosen: Any) -> dict[str, Any]:
    """A campaign's options with the defaults of the provider's form, except for those ``chosen``."""
    fields = account.adapter.OptionsForm.base_fields
    form = account.adapter.OptionsForm({name: field.initial for name, field in fields.items()} | chosen)
    assert form.is_valid(), form.errors
    return form.cleaned_data


def _settings(host: str, port: int, username: str, password: str) -> dict[str, Any]:
    form = Account(provider="smsportal").adapter.SettingsForm
    filled = {name: field.initial for name, field in form.base_fields.items()}
    return filled | {"host": host, "port": port, "username": username, "password": password}


MakeCampaign = Callable[..., Campaign]


@pytest.fixture
def make_campaign(operator: User, make_list: Callable[..., ContactList]) -> MakeCampaign:
    """Makes a draft by the operator."""

    def make(
        account: Account, *lists: ContactList, text: str = TEXT, name: str = "October promo", **fields: Any
    ) -> Campaign:
        campaign = Campaign.objects.create(name=name, account=account, text=text, created_by=operator, **fields)
        campaign.editors.add(operator)
        for position, chosen in enumerate(lists or (make_list(),)):
            CampaignList.objects.create(campaign=campaign, contact_list=chosen, position=position)
        return campaign

    return make


def step(campaign: Campaign, name: str) -> str:
    """The address of a step of a draft."""
    return f"/campaigns/{campaign.pk}/edit/{name}/"


def message(account: Account | None, **changes: Any) -> dict[str, Any]:
    """What the step *Message* posts."""
    return {
        "account": account.pk if account else "",
        "text": "Hi @@value1@@, 20 % off ends Sunday.",
        "sender": "ACME",
        "options-check_optouts": "on",
        **changes,
    }


def freeze(campaign: Campaign, user: User, now: datetime | None = None) -> Campaign:
    """Freeze as the job does."""
    now = now or timezone.now()
    audience_freeze.begin_freeze(campaign, user, now)
    audience_freeze.freeze(campaign.pk, now)
    campaign.refresh_from_db()
    return campaign


def approve(campaign: Campaign, user: User, now: datetime | None = None) -> Campaign:
    """Approve what was frozen."""
    decisions.approve(campaign, user, campaign.approval_hash, now or timezone.now())
    campaign.refresh_from_db()
    return campaign


@pytest.fixture
def make_running(make_campaign: MakeCampaign, operator: User, approver: User) -> MakeCampaign:
    """Makes a campaign that is frozen, approved by somebody else, and has its batches."""

    def make(account: Account, *lists: ContactList, **fields: Any) -> Campaign:
        campaign = approve(freeze(make_campaign(account, *lists, **fields), operator), approver)
        batches.create_batches(campaign.pk, timezone.now())
        campaign.refresh_from_db()
        return campaign

    return make


@pytest.fixture
def running(account: Account, make_running: MakeCampaign) -> Campaign:
    """A running campaign with one prepared batch."""
    return make_running(account)


def journal_lines(name: str) -> list[bytes]:
    """The lines of the journals of all hosts: ``intents`` or ``suppressions``."""
    return [
        line for path in django_settings.JOURNAL_DIR.glob(f"{name}-*.jsonl") for line in path.read_bytes().splitlines()
    ]


def hand_over(campaign: Campaign, clock: Clock) -> None:
    """Hand over the due batches, as the job does."""
    drain.drain(campaign.account.pk, clock, clock() + timedelta(seconds=60))
    settle.close_if_done(campaign.pk, clock())
    campaign.refresh_from_db()


def collect(campaign: Campaign, clock: Clock) -> None:
    """Poll for results, as the job does."""
    poll.collect(campaign.account.pk, clock, clock() + timedelta(seconds=60))
    campaign.refresh_from_db()


def until_closed(campaign: Campaign, clock: Clock, rounds: int = 40) -> Campaign:
    """Advance the clock and run the jobs until the campaign is closed."""
    for _ in range(rounds):
        hand_over(campaign, clock)
        collect(campaign, clock)
        if campaign.status == "closed":
            return campaign
        clock.forward(seconds=3)
        time.sleep(0.1)
    pytest.fail(f"{campaign} is {campaign.status}: {list(campaign.batches.values_list('status', 'reason'))}")


@contextmanager
def in_thread(work: Callable[[], Any]) -> Iterator[threading.Thread]:
    """Run ``work`` on a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join(timeout=30)
    assert not thread.is_alive()
