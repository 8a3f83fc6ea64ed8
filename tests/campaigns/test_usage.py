"""Undoing an import leaves the people of a campaign alone that may still text them."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from campaigns.models import Campaign
from contacts import usage
from contacts.models import ContactList
from contacts.suppression import suppress
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze

pytestmark = pytest.mark.django_db


def test_people_of_open_campaigns_are_in_use(
    account: Account, make_campaign: MakeCampaign, make_list: Callable[..., ContactList], operator: User
) -> None:
    people, other = make_list(count=3), make_list("Other", count=3)
    suppress(["27825550102"], "manual")
    campaign = make_campaign(account, people)
    numbers = ["27825550100", "27825550102", "27825550199"]
    assert usage.in_use(people.pk, numbers) == set()
    freeze(campaign, operator)
    used = {}
    for status in Campaign.Status.values:
        Campaign.objects.filter(pk=campaign.pk).update(status=status)
        used[status] = usage.in_use(people.pk, numbers)
        assert usage.in_use(other.pk, numbers) == set()
    open_statuses = ("frozen", "approved", "held", "running", "paused")
    assert used == {
        **{status: set() for status in ("draft", "closed", "cancelled")},
        **{status: {"27825550100"} for status in open_statuses},
        # Whom a campaign gets is known only when it is frozen.
        "freezing": set(numbers),
    }
