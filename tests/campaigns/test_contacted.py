"""Segments of people who may have been texted since a moment, and of all others."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.models import Batch, Campaign, Recipient, RecipientOutcome
from contacts import segments
from contacts.models import ContactList, Segment
from providers.models import Account

pytestmark = pytest.mark.postgresql


def matching(test: str, value: str) -> set[str]:
    """The last three digits of those on the only list who match."""
    conditions = [{"field": "contacted", "is": test, "value": value}]
    segment = Segment(list=ContactList.objects.get(), conditions=conditions)
    return {msisdn[-3:] for msisdn in segments.matching(segment).values_list("msisdn", flat=True)}


@pytest.mark.parametrize(
    ("status", "days_ago", "is_contacted"),
    [
        ("accepted", 3, True),
        ("handed_over", 3, True),
        ("unclear", 3, True),
        ("accepted", 30, False),
        ("rejected", 3, False),
        ("superseded", 3, False),
        ("prepared", None, False),
    ],
)
def test_who_may_have_been_texted_counts_as_contacted(
    account: Account, make_running: Callable[..., Campaign], status: str, days_ago: int | None, is_contacted: bool
) -> None:
    campaign = make_running(account)
    at = timezone.now() - timedelta(days=days_ago) if days_ago else None
    Batch.objects.update(status=status, first_intent_at=at)
    refused = Recipient.objects.get(msisdn="27825550104")
    RecipientOutcome.objects.create(batch=campaign.batches.get(), recipient=refused, result="row_error")
    everybody = {"100", "101", "102", "103", "104"}
    texted = {"100", "101", "102", "103"} if is_contacted else set()
    day = (timezone.localdate() - timedelta(days=7)).isoformat()
    for value in ("7", day):
        assert matching("since", value) == texted
        assert matching("not_since", value) == everybody - texted


def test_a_file_that_the_provider_holds_counts_from_its_start(
    account: Account, make_running: Callable[..., Campaign]
) -> None:
    make_running(account)
    now = timezone.now()
    Batch.objects.update(status="accepted", first_intent_at=now - timedelta(days=30))
    Campaign.objects.update(is_early=True, start_at=now - timedelta(days=2))
    assert matching("not_since", "7") == set()
