"""Prices, the estimate of a campaign's cost, and the ceilings in parts and in money."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns.audience.ceilings import above_ceiling
from campaigns.audience.check import check_audience
from campaigns.models import Campaign
from contacts.models import ContactList
from providers.models import Account
from providers.prices import Cost, replace_prices
from tests.campaigns.conftest import MakeCampaign, freeze
from tests.pages import html_of

LogIn = Callable[[User], Client]
ZAR = Decimal("0.20")


@pytest.mark.parametrize(
    ("parts", "money", "cost", "found"),
    [
        (None, None, None, ""),
        (10, None, None, ""),
        (9, None, None, "need 10 parts, and at most 9 are allowed"),
        (None, "2.00", Cost(Decimal("2.00"), "ZAR"), ""),
        (None, "1.99", Cost(Decimal("2.00"), "ZAR"), "cost ZAR 2.00, and at most ZAR 1.99"),
        (None, "1.99", None, "has no prices"),
        (None, "5.00", Cost(Decimal("2.00"), "ZAR", 3), "no price for 3 of the numbers"),
    ],
)
def test_ceilings(parts: int | None, money: str | None, cost: Cost | None, found: str) -> None:
    ceiling = Decimal(money) if money else None
    campaign = Campaign(account=Account(name="Main"), parts_ceiling=parts, cost_ceiling=ceiling)
    assert found in " ".join(sentence for _, sentence in above_ceiling(campaign, 10, cost))
    assert bool(found) == bool(above_ceiling(campaign, 10, cost))


@pytest.mark.django_db
def test_a_frozen_campaign_says_what_it_costs(
    account: Account, make_campaign: MakeCampaign, make_list: Callable[..., ContactList], operator: User
) -> None:
    campaign = make_campaign(account, make_list(), make_list("Abroad", 2, 491711234560))
    assert check_audience(campaign).cost is None
    replace_prices(account, {"27": ZAR}, "ZAR")
    campaign = Campaign.objects.select_related("account").get(pk=campaign.pk)
    cost = check_audience(campaign).cost
    assert cost == Cost(Decimal("1.00"), "ZAR", 2)
    assert freeze(campaign, operator).counts["cost"] == {"amount": "1.00", "currency": "ZAR", "unpriced": 2}


@pytest.mark.django_db
def test_the_check_shows_the_cost(
    account: Account, make_campaign: MakeCampaign, operator: User, logged_in: LogIn
) -> None:
    url, client = reverse("campaigns:check", args=[make_campaign(account).pk]), logged_in(operator)
    assert "Cost not known: this account has no prices" in html_of(client.get(url))
    replace_prices(account, {"27": Decimal("1234.5")}, "ZAR")
    assert "<b>ZAR 6,172.50</b> estimated cost" in html_of(client.get(url))


@pytest.mark.django_db
def test_a_campaign_above_a_ceiling_is_not_frozen(
    account: Account, make_campaign: MakeCampaign, operator: User
) -> None:
    replace_prices(account, {"": ZAR}, "ZAR")
    campaign = make_campaign(account, cost_ceiling=Decimal("0.99"))
    campaign = freeze(campaign, operator)
    assert (campaign.status, campaign.reason) == ("draft", "above_ceiling")
    assert "The texts cost ZAR 1.00, and at most ZAR 0.99 may be spent." in campaign.sentence
    Campaign.objects.filter(pk=campaign.pk).update(cost_ceiling=Decimal("1.00"))
    assert freeze(Campaign.objects.get(pk=campaign.pk), operator).status == "frozen"


# -- the page of the prices ----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_administrators_type_prices_or_upload_them(account: Account, administrator: User, logged_in: LogIn) -> None:
    client, url = logged_in(administrator), reverse("campaigns:prices", args=[account.pk])
    assert url in client.get(account.get_absolute_url()).content.decode()
    typed = {"do": "save", "currency": "zar", "prefix": ["+27", "others", ""], "price": ["0.185", "1", ""]}
    page = html_of(client.post(url, typed, follow=True))
    assert "Saved: 2 prices in ZAR." in page
    assert 'value="27"' in page
    assert 'value="others"' in page
    page = html_of(client.post(url, typed | {"prefix": ["Home", "", ""]}))
    assert "“Home” is not the beginning of a number" in page
    sheet = SimpleUploadedFile("prices.csv", b"Country,Prefix,Price\nSouth Africa,27,0.19\nGermany,49,1.5\n")
    assert "Saved: 2 prices in ZAR." in html_of(
        client.post(url, {"do": "upload", "currency": "ZAR", "file": sheet}, follow=True)
    )
    assert dict(account.prices.values_list("prefix", "per_part")) == {"27": Decimal("0.19"), "49": Decimal("1.5")}
    bad = SimpleUploadedFile("prices.csv", b"Prefix,Price\n27,cheap\n")
    assert "Row 2: “cheap” is not a price" in html_of(
        client.post(url, {"do": "upload", "currency": "ZAR", "file": bad})
    )


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["viewer", "operator", "approver"])
def test_others_may_not_change_prices(
    account: Account, make_user: Callable[[str], User], logged_in: LogIn, role: str
) -> None:
    url = reverse("campaigns:prices", args=[account.pk])
    client = logged_in(make_user(role))
    assert (client.get(url).status_code, client.post(url, {}).status_code) == (403, 403)
