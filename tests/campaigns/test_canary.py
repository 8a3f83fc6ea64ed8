"""A canary in the hand-over: who waits for it, and what lets the others follow."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from campaigns import decisions
from campaigns.handover.waiting import waiting_for
from contacts.errors import Refusal
from tests.campaigns.life import JOHANNESBURG, MONDAY, Begin, begin

__all__ = ["begin"]
pytestmark = pytest.mark.django_db


def test_a_canary_waits_for_a_person(begin: Begin, operator: User) -> None:
    life = begin({JOHANNESBURG: 30}, canary=4)
    life.until(MONDAY + timedelta(hours=9))

    assert life.campaign.status == "running"
    assert sum(life.texted().values()) == 4
    with pytest.raises(Refusal, match="Your role"):
        decisions.release_canary(life.campaign, User.objects.create_user("viewer"), life.now())
    decisions.release_canary(life.campaign, operator, life.now())
    life.until(life.moment + timedelta(minutes=5))

    assert life.campaign.status == "closed"
    assert set(life.texted().values()) == {1}
    assert len(life.texted()) == 30
    with pytest.raises(Refusal, match="Nobody waits"):
        decisions.release_canary(life.campaign, operator, life.now())


@pytest.mark.postgresql
@pytest.mark.parametrize("answer", ["accept", "row_error", "reject"])
def test_a_canary_waits_for_acceptance(begin: Begin, answer: str) -> None:
    life = begin({JOHANNESBURG: 30}, canary=4, canary_waits_for="acceptance")
    life.provider.answer = answer
    life.until(MONDAY + timedelta(minutes=30))

    followed = answer == "accept"
    assert life.campaign.status == ("closed" if followed else "running")
    assert life.campaign.recipients.waiting().count() == (0 if followed else 26)


def test_a_canary_that_is_accepted_late_is_followed_by_the_others(begin: Begin) -> None:
    life = begin({JOHANNESBURG: 30}, canary=4, canary_waits_for="acceptance")
    life.provider.is_slow = True
    life.until(MONDAY + timedelta(hours=1))
    assert life.campaign.status == "running"
    assert life.campaign.recipients.waiting().count() == 26
    life.provider.is_slow = False
    life.provider.work()

    life.until(MONDAY + timedelta(hours=2))

    assert life.campaign.status == "closed"
    assert set(life.texted().values()) == {1}


@pytest.mark.parametrize(
    ("answer", "waits_for", "said"),
    [
        ("reject", "acceptance", "File 1 was rejected."),
        ("accept", "person", "26 wait until somebody continues."),
        ("none yet", "acceptance", "File 1 is not accepted yet."),
    ],
)
def test_people_are_asked_about_a_canary_that_only_they_can_release(
    begin: Begin, client: Client, operator: User, answer: str, waits_for: str, said: str
) -> None:
    life = begin({JOHANNESBURG: 30}, canary=4, canary_waits_for=waits_for)
    life.provider.answer, life.provider.is_slow = answer, answer == "none yet"
    life.until(MONDAY + timedelta(minutes=5))
    client.force_login(operator)

    inbox = client.get("/").context["inbox"]

    assert waiting_for(life.campaign, life.campaign.recipients.waiting().count(), life.now()).endswith(said)
    asked = [line for line in inbox if "waiting to continue" in str(line)]
    assert bool(asked) is (answer != "none yet")
