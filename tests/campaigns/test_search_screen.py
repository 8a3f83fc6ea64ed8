"""The search for one number shows everything that was ever done with it."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.models import Batch, Campaign
from contacts.models import Consent, Suppression
from providers.models import Account

pytestmark = pytest.mark.postgresql

LogIn = Callable[[User], Client]


@pytest.mark.parametrize("typed", ["27825550100", "082 555 0100", "+27 82 555 0100"])
def test_it_finds_lists_opt_outs_and_finished_texts(
    typed: str, account: Account, make_running: Callable[..., Campaign], viewer: User, logged_in: LogIn
) -> None:
    campaign = make_running(account)
    Batch.objects.update(status="accepted")
    now = timezone.now()
    Suppression.objects.create(msisdn="27825550100", source="provider", note="Said STOP", created_at=now, lifted_at=now)
    Suppression.objects.create(msisdn="27825550100", source="manual", note="Called us", created_at=now)
    Consent.objects.create(msisdn="27825550100", note="Signed a form", created_at=now)
    page = logged_in(viewer).get("/search/", {"number": typed}).content.decode()
    for words in (
        "Customers", "Said STOP", "Called us", "Signed a form", "Opted out", "October promo",
        "Hi Person 0, 20 % off ends Sunday.", "Accepted", campaign.batches.get().name,
    ):  # fmt: skip
        assert words in page


def test_a_stranger_has_no_history(viewer: User, logged_in: LogIn) -> None:
    page = logged_in(viewer).get("/search/", {"number": "082 555 0199"}).content.decode()
    assert "+27 82 555 0199" in page
    assert "Not on any list." in page
    assert "No campaign has included this number." in page


def test_an_invalid_number_is_reported(viewer: User, logged_in: LogIn) -> None:
    response = logged_in(viewer).get("/search/", {"number": "hello"})
    assert response.context["error"]
    assert response.context["error"] in response.content.decode().replace("&#x27;", "'").replace("&quot;", '"')


def test_an_empty_search_asks_for_a_number(viewer: User, logged_in: LogIn) -> None:
    assert "Which number?" in logged_in(viewer).get("/search/").content.decode()
