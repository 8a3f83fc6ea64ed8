"""Fields that are empty for somebody: how many are skipped, and the fallback that includes them."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns.audience.check import check_audience
from campaigns.models import Campaign
from contacts.models import Contact, ContactList
from contacts.suppression import suppress
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign
from tests.pages import html_of


@pytest.fixture
def campaign(account: Account, make_campaign: MakeCampaign, make_list: Callable[..., ContactList]) -> Campaign:
    """Of five people three lack a name, of whom one opted out, and one lacks the town as well."""
    people = make_list("Customers", value2="Paarl")
    people.labels = {"value1": "First name", "value2": "Town"}
    people.save()
    Contact.objects.filter(msisdn__in=("27825550100", "27825550101", "27825550102")).update(value1="")
    Contact.objects.filter(msisdn__in=("27825550101",)).update(value2="")
    suppress(["27825550100"], "manual")
    return make_campaign(account, people, text="Hi @@value1@@, @@value1@@ of @@value2@@, reply STOP to opt out.")


def test_the_check_says_for_how_many_a_field_is_empty_and_a_fallback_includes_them(
    campaign: Campaign, operator: User, logged_in: Callable[[User], Client]
) -> None:
    client, url = logged_in(operator), f"/campaigns/{campaign.pk}/check/"
    page = html_of(client.get(url))
    assert "First name is empty for 2 people: they are skipped unless you add a fallback." in page
    assert "Town is empty for 1 person: this person is skipped" in page
    assert f'href="/contacts/{ContactList.objects.get().pk}/?value1_is=empty"' in page
    assert check_audience(campaign).excluded == {"opted_out": 1, "missing_field": 2}

    posted = {"field": "value1", "fallback": " there "}
    answer = client.post(f"/campaigns/{campaign.pk}/fallback/", posted, follow=True)
    page = html_of(answer)
    assert "People without First name now read “there” instead." in page
    assert "First name is empty" not in page
    assert "Town is empty for 1 person" in page
    campaign.refresh_from_db()
    assert campaign.text.startswith("Hi @@value1|there@@, @@value1|there@@ of @@value2@@")
    assert check_audience(campaign).excluded == {"opted_out": 1, "missing_field": 1}


@pytest.mark.parametrize(
    ("status", "words", "sentence"),
    [("draft", "a@b", "without an at sign"), ("draft", "", "without an at sign"), ("frozen", "x", "no longer a draft")],
)
def test_a_fallback_that_cannot_be_added_changes_nothing(
    campaign: Campaign, operator: User, logged_in: Callable[[User], Client], status: str, words: str, sentence: str
) -> None:
    Campaign.objects.update(status=status, frozen_by=operator)
    client, posted = logged_in(operator), {"field": "value1", "fallback": words}
    client.post(f"/campaigns/{campaign.pk}/fallback/", posted)
    assert sentence in client.get("/contacts/").text
    assert Campaign.objects.get().text == campaign.text


def test_a_viewer_may_not_add_one(campaign: Campaign, viewer: User, logged_in: Callable[[User], Client]) -> None:
    client = logged_in(viewer)
    assert client.post(f"/campaigns/{campaign.pk}/fallback/", {"field": "value1", "fallback": "x"}).status_code == 403
    assert "Add a fallback" not in client.get(f"/campaigns/{campaign.pk}/check/").text
