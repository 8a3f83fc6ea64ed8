"""The two tables of transitions: every status has a way out, and only ``transition()`` changes a status."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from campaigns.lifecycle import BATCH_TRANSITIONS, CAMPAIGN_TRANSITIONS, OPEN, StaleTransition, transition
from campaigns.models import Batch, Campaign, Event
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign

pytestmark = pytest.mark.postgresql

TABLES = [
    (CAMPAIGN_TRANSITIONS, {"closed", "cancelled"}),
    (BATCH_TRANSITIONS, {"accepted", "rejected", "superseded", "cancelled"}),
]


def reachable(table: dict[str, frozenset[str]], start: str) -> set[str]:
    found: set[str] = set()
    rest = [start]
    while rest:
        status = rest.pop()
        for to in table[status] - found:
            found.add(to)
            rest.append(to)
    return found


@pytest.mark.parametrize(("table", "ends"), TABLES)
def test_every_status_has_a_way_to_an_end(table: dict[str, frozenset[str]], ends: set[str]) -> None:
    for status in table:
        assert status in ends or reachable(table, status) & ends, f"{status} has no way out"
        assert status not in ends or not table[status], f"{status} is an end and has a way out"


@pytest.mark.parametrize(("table", "ends"), TABLES)
def test_every_status_can_be_reached(table: dict[str, frozenset[str]], ends: set[str]) -> None:
    start = next(iter(table))
    assert reachable(table, start) | {start} == set(table)


def test_the_tables_and_the_models_have_the_same_statuses() -> None:
    assert set(CAMPAIGN_TRANSITIONS) == set(Campaign.Status.values)
    assert set(BATCH_TRANSITIONS) == set(Batch.Status.values)
    assert set(OPEN) == {status for status, to in BATCH_TRANSITIONS.items() if to}


def test_a_settled_batch_never_goes_back() -> None:
    before = {"prepared", "uploading", "held"}
    for status in ("accepted", "rejected"):
        assert not BATCH_TRANSITIONS[status] & {*before, "committing", "handed_over", "processing", "unclear"}
    for status in ("handed_over", "processing"):
        assert not BATCH_TRANSITIONS[status] & before


def test_a_transition_writes_the_status_its_fields_and_the_event(
    account: Account, make_campaign: MakeCampaign, operator: User
) -> None:
    campaign = make_campaign(account)

    transition(campaign, "cancelled", user=operator, reason="why", sentence="Because.")

    campaign.refresh_from_db()
    assert (campaign.status, campaign.reason) == ("cancelled", "why")
    event = Event.objects.get()
    assert (event.from_status, event.to_status, event.user, event.sentence) == (
        "draft",
        "cancelled",
        operator,
        "Because.",
    )


def test_a_transition_missing_from_the_table_is_an_error(account: Account, make_campaign: MakeCampaign) -> None:
    with pytest.raises(ValueError, match="draft -> closed"):
        transition(make_campaign(account), "closed")


def test_a_row_that_changed_meanwhile_is_left_alone(account: Account, make_campaign: MakeCampaign) -> None:
    campaign = make_campaign(account)
    same = Campaign.objects.get(pk=campaign.pk)
    transition(same, "cancelled")

    with pytest.raises(StaleTransition):
        transition(campaign, "freezing")

    assert Event.objects.count() == 1


def test_nothing_else_writes_a_status() -> None:
    writes = re.compile(r"\.update\([^)]*\bstatus=|\.status = ")
    for path in Path(settings.BASE_DIR, "campaigns").rglob("*.py"):
        # An export and an erasure are no campaign and no batch.
        if path.name not in ("lifecycle.py", "exporting.py", "erasing.py"):
            assert not writes.search(path.read_text()), path
