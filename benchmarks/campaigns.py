"""The rows that a stage needs around its campaign: people, accounts, lists, and campaigns in a status."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from benchmarks.people import LABELS, TEXT
from benchmarks.rows import fill_list
from campaigns import decisions
from campaigns.audience import freeze as audience_freeze
from campaigns.models import Campaign, CampaignList
from campaigns.statuses import LettersChoice
from contacts.models import ContactList
from providers.models import Account

#: What an account's form asks for, where there is no server behind it.
NOWHERE = {
    "host": "127.0.0.1",
    "host_a": "127.0.0.1:9",
    "host_b": "",
    "port": 9,
    "username": "nobody",
    "password": "nothing",
    "api_id": "1",
    "api_user": "nobody",
    "api_password": "nothing",
    "api_url": "https://127.0.0.1:9/eapi",
}


def person(role: str) -> User:
    """A person in one of the four groups."""
    user, is_new = User.objects.get_or_create(username=role, defaults={"email": f"{role}@example.org"})
    if is_new:
        user.groups.add(Group.objects.get(name=role))
    return user


def connect(slug: str, known: dict[str, Any] | None = None) -> Account:
    """An account with the server that ``known`` describes, as the sandbox describes its own; by default with none."""
    known = known or NOWHERE
    account = Account(name=f"{slug} {Account.objects.count() + 1}", provider=slug)
    fields = account.adapter.SettingsForm.base_fields
    form = account.adapter.SettingsForm({name: known.get(name, field.initial) for name, field in fields.items()})
    if not form.is_valid():
        raise ValueError(form.errors.as_text())
    account.host_key = " ".join(str(known.get("host_key") or "ssh-ed25519 AAAA").split()[:2])
    account.save_settings(form.cleaned_data)
    account.save()
    return account


def list_of(rows: int) -> ContactList:
    """A new list with the first ``rows`` people."""
    number = ContactList.objects.count() + 1
    made = ContactList.objects.create(name=f"Customers {number}", country="ZA", labels=LABELS)
    fill_list(made, rows)
    return made


def draft(account: Account, contact_list: ContactList) -> Campaign:
    """A draft that texts the whole list, with the default options of the account's provider."""
    fields = account.adapter.OptionsForm.base_fields
    options = account.adapter.OptionsForm({name: field.initial for name, field in fields.items()})
    if not options.is_valid():
        raise ValueError(options.errors.as_text())
    operator = person("operator")
    campaign = Campaign.objects.create(
        name=f"Sale {Campaign.objects.count() + 1}",
        account=account,
        text=TEXT,
        sender="BATON",
        letters=LettersChoice.REPLACE,
        options=options.cleaned_data,
        created_by=operator,
    )
    campaign.editors.add(operator)
    CampaignList.objects.create(campaign=campaign, contact_list=contact_list, position=0)
    return campaign


def begin_freeze(campaign: Campaign) -> None:
    audience_freeze.begin_freeze(campaign, person("operator"), timezone.now())


def freeze(campaign: Campaign) -> None:
    """Do what the job does. Ends with the reason if the campaign returns to draft."""
    audience_freeze.freeze(campaign.pk, timezone.now())
    campaign.refresh_from_db()
    if campaign.status != Campaign.Status.FROZEN:
        raise ValueError(f"{campaign.sentence} {campaign.problems}")


def approved(account: Account, contact_list: ContactList) -> Campaign:
    """A campaign that was frozen and approved."""
    campaign = draft(account, contact_list)
    begin_freeze(campaign)
    freeze(campaign)
    decisions.approve(campaign, person("approver"), campaign.approval_hash, timezone.now())
    campaign.refresh_from_db()
    return campaign
