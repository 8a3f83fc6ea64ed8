"""The people and campaigns of a chaos run: every campaign has numbers of its own, so that a number names its batch."""

import threading
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connections
from django.utils import timezone

from campaigns import decisions, jobs
from campaigns.audience import freeze as audience_freeze
from campaigns.models import Campaign, CampaignList
from contacts import queues
from contacts.errors import Refusal
from contacts.models import Contact, ContactList
from providers.models import Account
from tests.chaos.gateways import Route
from tests.chaos.worker import ROWS

TEXT = 'Hi @@value1@@, "20 %" off; ends Sunday (=1+1)'
SENDER = "BATONCHAOS"
FIRST = 27820000000


@dataclass
class People:
    operator: User
    approver: User


def make_people() -> People:
    """The operator who composes and the approver."""
    made = []
    for role in ("operator", "approver"):
        user = User.objects.create_user(role, f"{role}@example.org", "correct horse battery")
        user.groups.add(Group.objects.get(name=role))
        made.append(user)
    return People(*made)


def make_account(route: Route) -> Account:
    """Baton's account at one of the gateways."""
    made = Account(name=f"{route.provider} {route.name}", provider=route.provider)
    fields = made.adapter.SettingsForm.base_fields
    known = route.settings
    form = made.adapter.SettingsForm({name: known.get(name, field.initial) for name, field in fields.items()})
    if not form.is_valid():
        raise SystemExit(f"The account form rejects the gateway: {form.errors.as_text()}")
    made.host_key = " ".join(str(known.get("host_key", "")).split()[:2])
    made.save_settings(form.cleaned_data)
    return made


_numbers = count(FIRST)


def default_options(account: Account) -> dict[str, Any]:
    """The options of a campaign as its provider's form has them."""
    fields = account.adapter.OptionsForm.base_fields
    form = account.adapter.OptionsForm({name: field.initial for name, field in fields.items()})
    assert form.is_valid(), form.errors
    return form.cleaned_data


def make_campaign(account: Account, name: str, batches: int, people: People, **fields: Any) -> Campaign:
    """A campaign for this many batches, about to be frozen."""
    made = ContactList.objects.create(name=name, country="ZA", labels={"value1": "First name"})
    Contact.objects.bulk_create(
        Contact(list=made, msisdn=str(number), phone=str(number), value1=f"Person {number % 1000}")
        for number in (next(_numbers) for _ in range(batches * ROWS))
    )
    campaign = Campaign.objects.create(
        name=name,
        account=account,
        text=TEXT,
        sender=SENDER,
        options=default_options(account),
        created_by=people.operator,
        **fields,
    )
    campaign.editors.add(people.operator)
    CampaignList.objects.create(campaign=campaign, contact_list=made, position=0)
    begin_freeze(campaign, people)
    return campaign


def begin_freeze(campaign: Campaign, people: People) -> None:
    """Have a draft frozen."""
    audience_freeze.begin_freeze(campaign, people.operator, timezone.now())
    queues.enqueue_once(jobs.freeze, campaign.pk)


def approve(campaign: Campaign, people: People, clicks: int = 1) -> None:
    """Approve it with this many clicks at the same moment; the answers to later clicks do not matter."""

    def click() -> None:
        try:
            fresh = Campaign.objects.get(pk=campaign.pk)
            decisions.approve(fresh, people.approver, fresh.approval_hash, timezone.now())
        except Refusal:
            pass
        finally:
            queues.enqueue_once(jobs.create_batches, campaign.pk)
            connections.close_all()

    if clicks == 1:
        click()
        return
    threads = [threading.Thread(target=click) for _ in range(clicks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
