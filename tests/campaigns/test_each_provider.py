"""One campaign through each provider's sandbox, with every character that can break a format."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns.audience import check
from campaigns.audience.spec import finished_text
from campaigns.handover import batches
from campaigns.models import Campaign
from campaigns.results import balance
from contacts.models import Contact, ContactList
from providers import registry
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, approve, default_options, freeze, until_closed

SLUGS = sorted(registry.all_adapters())
AccountAt = Callable[..., Account]

# What each value is meant to break: a quoted field, a delimiter, a line, an escape, a charset, a template, a form.
NASTY = {
    "quotes": 'say "hi" and ""hi""',
    "commas": "one, two, three,",
    "semicolons": "one; two; three",
    "delimiters": "a|b~c^d",
    "backslashes": 'back\\slash \\" \\n \\\\',
    "a new line": "first line\nsecond line",
    "a recipient in a new line": "hello\nto:27820000001",
    "a login in a new line": "hello\r\napi_id:12345",
    "a recipient": "to:27820000001",
    "a euro": "€ 5 off",
    "a cedilla": "façade",
    "capital greek": "ΔΦΓΛΩΠΨΣΘΞ",
    "an emoji": "party 🎉",
    "two at signs": "me@@home",
    "another template's field": "#field1#",
    "a field": "@@value2@@",
    "an equals sign and an ampersand": "a=b&c=d+e%20f",
    "spaces": " around ",
    "a formula": "=1+1",
    "accents": "é è ü ñ Ñ ø å",
    "brackets": "[x] {y}",
    "an apostrophe": "O'Neill",
}
TEXT = 'Hi @@value1@@, "20 %"; off\\on'
LINES = "Hi @@value1@@,\nto:27820000002\napi_id:1\nstays a text"


@pytest.fixture
def difficult_list(make_list: Callable[..., ContactList]) -> ContactList:
    made = make_list(count=0)
    Contact.objects.bulk_create(
        Contact(list=made, msisdn=f"2782555{number:04}", phone="x", value1=value, customer_id=what)
        for number, (what, value) in enumerate(NASTY.items(), start=1000)
    )
    return made


def texts_of(campaign: Campaign) -> dict[str, str]:
    """The texts of the preview, by number."""
    return {person.msisdn: finished_text(campaign, person) for person in campaign.recipients.filter(excluded_reason="")}


def run(campaign: Campaign, operator: User, approver: User, clock: Clock) -> dict[str, str]:
    """Freeze, approve, create batches, hand over and collect results until closed; return the texts of the preview."""
    campaign = freeze(campaign, operator)
    assert campaign.status == "frozen", (campaign.sentence, campaign.problems)
    previews = texts_of(campaign)
    approve(campaign, approver)
    batches.create_batches(campaign.pk, timezone.now())
    until_closed(campaign, clock)
    books = balance.audit(campaign)
    assert books.balanced
    assert books.outcomes["accepted"] == len(previews)
    return previews


@pytest.mark.parametrize("text", [TEXT, LINES], ids=["one line", "several lines"])
@pytest.mark.parametrize("slug", SLUGS)
def test_what_the_ledger_has_is_what_the_preview_showed_or_was_refused_by_name(
    slug: str,
    text: str,
    account_at: AccountAt,
    difficult_list: ContactList,
    make_campaign: MakeCampaign,
    sandbox: Sandbox,
    operator: User,
    approver: User,
    clock: Clock,
) -> None:
    account = account_at(slug)
    campaign = make_campaign(account, difficult_list, text=text, sender="BATON678901", options=default_options(account))
    campaign = freeze(campaign, operator)
    # No provider can send some of these: the whole campaign is refused, with a reason for each text.
    assert campaign.status == "draft"
    refused = {problem["msisdn"] for problem in campaign.problems}
    assert refused < set(difficult_list.contacts.values_list("msisdn", flat=True))
    assert all(problem["sentence"] for problem in campaign.problems)
    assert sandbox.messages(slug) == []

    kept = set(difficult_list.contacts.exclude(msisdn__in=refused).values_list("customer_id", flat=True))
    assert {"quotes", "commas", "semicolons", "accents", "an apostrophe", "a formula"} <= kept
    difficult_list.contacts.filter(msisdn__in=refused).delete()
    previews = run(campaign, operator, approver, clock)
    ledger = sandbox.messages(slug)
    assert {line["msisdn"]: line["text"] for line in ledger} == previews
    assert len(ledger) == len(previews)
    assert {line["sender"] for line in ledger} == {"BATON678901"}


@pytest.mark.parametrize(("slug", "option"), [("clickatell", {"unicode": True}), ("bulksms", {"alphabet": "16bit"})])
def test_unicode_can_send_every_character(
    slug: str,
    option: dict[str, Any],
    account_at: AccountAt,
    difficult_list: ContactList,
    make_campaign: MakeCampaign,
    sandbox: Sandbox,
    operator: User,
    approver: User,
    clock: Clock,
) -> None:
    account = account_at(slug)
    options = default_options(account, **option)
    difficult_list.contacts.filter(customer_id__in=["a field", "another template's field", "spaces"]).delete()
    campaign = make_campaign(
        account, difficult_list, text="Hi @@value1@@,\nok 🎉", sender="BATON678901", options=options
    )
    previews = run(campaign, operator, approver, clock)
    assert {line["msisdn"]: line["text"] for line in sandbox.messages(slug)} == previews


@pytest.mark.parametrize("fault", ["host-a-down", "host-a-hangs", "host-a-refuses"])
def test_gatewayapi_is_handed_over_through_the_other_host_once(
    fault: str,
    short_timeouts: None,
    account_at: AccountAt,
    make_campaign: MakeCampaign,
    make_list: Callable[..., ContactList],
    sandbox: Sandbox,
    operator: User,
    approver: User,
    clock: Clock,
) -> None:
    account = account_at("gatewayapi")
    sandbox.fault(f"gatewayapi:{fault}")
    campaign = make_campaign(account, make_list(count=20), options=default_options(account))
    previews = run(campaign, operator, approver, clock)
    ledger = sandbox.messages("gatewayapi")
    assert {line["msisdn"]: line["text"] for line in ledger} == previews
    assert len(ledger) == 20
    batch = campaign.batches.get()
    assert batch.attempts.get().host.endswith(account.settings["host_b"].rpartition(":")[2])


@pytest.mark.parametrize("slug", SLUGS)
def test_the_check_and_the_freeze_agree(
    slug: str, account_at: AccountAt, difficult_list: ContactList, make_campaign: MakeCampaign, operator: User
) -> None:
    account = account_at(slug)
    campaign = make_campaign(account, difficult_list, text=TEXT, options=default_options(account))
    audience_check = check.check_audience(campaign)
    campaign = freeze(campaign, operator)
    assert {problem["msisdn"] for problem in audience_check.problems} == {row["msisdn"] for row in campaign.problems}
