"""Copying a campaign, the labels of fields in its text, and text that looks like a field of another program."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from campaigns.audience.check import check_audience
from campaigns.copying import copy_campaign
from campaigns.forms.recipients import chosen_keys
from campaigns.models import Campaign, CampaignExclusion, CampaignList, Template
from contacts.errors import Refusal
from contacts.models import ContactList, Segment
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze

pytestmark = pytest.mark.django_db

LogIn = Callable[[User], Client]


def test_a_copy_is_a_new_draft_with_the_same_settings(
    account: Account, make_running: MakeCampaign, operator: User, logged_in: LogIn
) -> None:
    end = timezone.now() + timedelta(days=2)
    campaign = make_running(account, sender="SHOP", end_at=end, options={"x": 1})
    Campaign.objects.update(start_at=timezone.now() - timedelta(hours=1))
    response = logged_in(operator).post(reverse("campaigns:copy", args=[campaign.pk]))
    copy = Campaign.objects.latest("id")
    assert response["Location"] == reverse("campaigns:edit", args=[copy.pk])
    assert (copy.name, copy.status, copy.created_by) == ("October promo (copy)", "draft", operator)
    assert (copy.text, copy.sender, copy.options, copy.end_at) == (campaign.text, "SHOP", {"x": 1}, end)
    assert copy.start_at is None, "a start in the past is left out"
    assert copy.ordered_lists() == campaign.ordered_lists()
    assert not copy.recipients.exists()
    assert not copy.batches.exists()
    assert copy.approved_by is None
    assert "October promo" in copy.events.get().sentence
    logged_in(operator).post(reverse("campaigns:copy", args=[campaign.pk]))
    assert Campaign.objects.latest("id").name == "October promo (copy 2)"


def test_a_follow_up_cannot_be_copied(
    account: Account, make_campaign: MakeCampaign, operator: User, logged_in: LogIn
) -> None:
    root = make_campaign(account)
    campaign = Campaign.objects.create(name="Again", account=account, text="Hi", follows=root, chain_root=root)
    client = logged_in(operator)
    assert "Copy to a new draft" in client.get(root.get_absolute_url()).content.decode()
    assert "Copy to a new draft" not in client.get(campaign.get_absolute_url()).content.decode()
    page = client.post(reverse("campaigns:copy", args=[campaign.pk]), follow=True).content.decode()
    assert "A follow-up has no lists and cannot be copied." in page
    assert Campaign.objects.count() == 2


def test_a_viewer_may_not_copy(account: Account, make_campaign: MakeCampaign, viewer: User, logged_in: LogIn) -> None:
    campaign = make_campaign(account)
    assert logged_in(viewer).post(reverse("campaigns:copy", args=[campaign.pk])).status_code == 403
    assert "Copy to a new draft" not in logged_in(viewer).get(campaign.get_absolute_url()).content.decode()


def test_what_looks_like_a_field_blocks_until_somebody_confirms_it(
    account: Account,
    make_campaign: MakeCampaign,
    make_list: Callable[..., ContactList],
    operator: User,
    logged_in: LogIn,
) -> None:
    campaign = make_campaign(account, text="Hi {name}, see [terms].")
    with pytest.raises(Refusal, match=r"“{name}”, “\[terms\]” look like fields"):
        check_audience(campaign)
    with pytest.raises(Refusal, match="would be texted as they stand"):
        freeze(campaign, operator)
    client, url = logged_in(operator), reverse("campaigns:message_step", args=[campaign.pk])
    page = client.get(url).content.decode()
    assert "{name}, [terms]" in page
    assert 'name="are_literals"' in page
    filled = {"account": account.pk, "text": campaign.text}
    client.post(url, filled | {"are_literals": "on"})
    campaign.refresh_from_db()
    assert campaign.confirmed_literals == ["{name}", "[terms]"]
    assert check_audience(campaign).included

    client.post(url, filled | {"text": "Hi {name} {surname}"})
    campaign.refresh_from_db()
    assert campaign.confirmed_literals == [], "without the tick nothing is confirmed"


def test_a_draft_shows_the_labels_of_its_lists(
    account: Account, make_campaign: MakeCampaign, operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account)
    ContactList.objects.update(labels={"value1": "First name", "value3": "City"})
    posted = {"text": "Hi {x}", "campaign": campaign.pk, "account": account.pk}
    page = logged_in(operator).post(reverse("campaigns:measure"), posted).content.decode()
    assert 'data-insert="@@value1@@"' in page
    assert "First name" in page
    assert "City" in page
    assert "@@value2@@" not in page
    assert "{x} looks like a field" in page


def test_people_read_labels_instead_of_field_names(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User, logged_in: LogIn
) -> None:
    ContactList.objects.update(labels={"value1": "First name"})
    campaign = make_campaign(account, text="Hi @@value1|friend@@ & co")
    ContactList.objects.update(labels={"value1": "First name"})
    freeze(campaign, operator)
    page = logged_in(approver).get(campaign.get_absolute_url()).content.decode()
    assert 'Hi <span class="field-chip">First name, or “friend”</span> &amp; co' in page


def test_a_text_that_cannot_be_compiled_is_shown_as_it_is(
    account: Account, make_campaign: MakeCampaign, operator: User, logged_in: LogIn
) -> None:
    campaign = make_campaign(account, text="Hi @@wrong@@ <b>")
    page = logged_in(operator).get(reverse("campaigns:check", args=[campaign.pk])).content.decode()
    assert "Hi @@wrong@@ &lt;b&gt;" in page


def test_a_copy_has_the_sources_exclusions_and_settings_that_a_follow_up_has_not(
    account: Account, make_campaign: MakeCampaign, make_list: Callable[..., ContactList], operator: User
) -> None:
    settings: dict[str, Any] = {
        "letters": "replace", "pace": 500, "canary": 20, "canary_waits_for": "acceptance", "parts_ceiling": 9,
        "cost_ceiling": Decimal("12.50"), "window": {"days": [1]}, "not_texted_for_days": 30,
        "template": Template.objects.create(name="Autumn offer", text="Hi"), "template_version": 3,
    }  # fmt: skip
    people, other = make_list("Customers"), make_list("Other")
    segment = Segment.objects.create(list=people, name="Cape Town", conditions=[])
    earlier = make_campaign(account, people, name="Earlier")
    campaign = make_campaign(account, other, **settings)
    CampaignList.objects.create(campaign=campaign, contact_list=people, segment=segment, position=5)
    CampaignList.objects.create(campaign=campaign, contact_list=people, of_campaign=earlier, position=6)
    for excluded in ({"contact_list": other}, {"segment": segment}, {"of_campaign": earlier}):
        CampaignExclusion.objects.create(campaign=campaign, **excluded)

    copy = copy_campaign(campaign, operator, timezone.now())

    assert {name: getattr(copy, name) for name in settings} == settings
    assert chosen_keys(copy) == chosen_keys(campaign)
    assert [row.position for row in copy.campaignlist_set.all()] == [0, 5, 6]
