"""The files an hour of an account: all its campaigns share them, whichever host's worker hands over."""

from collections import Counter
from datetime import timedelta

from pytest_django import Settings

from campaigns.handover.waiting import waiting_for
from campaigns.models import Attempt
from tests.campaigns.life import JOHANNESBURG, MONDAY, Begin, begin

__all__ = ["begin"]
HOUR = timedelta(hours=1)


def test_no_hour_has_more_files_than_the_account_takes_and_waiting_is_no_lack_of_progress(
    begin: Begin, settings: Settings
) -> None:
    settings.START_PATIENCE = timedelta(minutes=10)
    life = begin({JOHANNESBURG: 2_600})
    account = life.campaign.account
    account.files_an_hour = 2
    account.save()

    life.until(MONDAY + timedelta(minutes=30))
    assert "The account takes 2 files an hour: this file fits at " in waiting_for(
        life.campaign, life.campaign.recipients.waiting().count(), life.moment
    )
    life.until(MONDAY + timedelta(hours=9))

    assert life.campaign.status == "closed"
    assert Counter(life.texted().values()) == {1: 2_600}
    moments = [moment for moment, _ in life.gates()]
    assert len(moments) == 6
    for since in moments:
        assert sum(since <= moment < since + HOUR for moment in moments) <= 2
    assert Attempt.objects.count() == 6
