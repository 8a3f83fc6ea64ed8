"""A campaign that failed never looks like one that succeeded: campaign page, list of campaigns, overview."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.models import Batch, Campaign
from campaigns.results import balance, summary
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign

pytestmark = pytest.mark.django_db

LogIn = Callable[[User], Client]


def finished(account: Account, make_running: MakeCampaign, status: str, row_errors: int = 0) -> Campaign:
    """A campaign of five recipients whose only file ended like this."""
    campaign = make_running(account)
    Batch.objects.update(status=status, row_errors=row_errors, settled_at=timezone.now())
    Campaign.objects.update(status=Campaign.Status.CLOSED, closed_at=timezone.now())
    campaign.refresh_from_db()
    return campaign


@pytest.mark.parametrize(
    ("accepted", "failed", "cancelled", "kind", "words"),
    [
        (395, 0, 0, "accepted", "Finished: all 395 accepted"),
        (1, 0, 0, "accepted", "Finished: accepted"),
        (99_980, 20, 0, "accepted", "Finished: 99,980 accepted, 20 failed"),
        (94, 6, 0, "rejected", "Finished: 6 of 100 failed"),
        (0, 484, 0, "rejected", "Finished: 484 of 484 failed"),
        (0, 0, 0, "excluded", "Finished: nobody was texted"),
        (2, 0, 4, "rejected", "Finished: 2 accepted, 4 of 6 got no text"),
        (2, 1, 3, "rejected", "Finished: 2 accepted, 4 of 6 got no text"),
        (99_980, 0, 20, "accepted", "Finished: 99,980 accepted, 20 of 100,000 got no text"),
        (0, 0, 6, "excluded", "Finished: nobody was texted"),
    ],
)
def test_a_finished_campaign_is_named_by_its_result(
    accepted: int, failed: int, cancelled: int, kind: str, words: str
) -> None:
    found = summary.summarize(Campaign(status=Campaign.Status.CLOSED), accepted, failed, cancelled)
    assert (found.kind, found.words) == (kind, words)


@pytest.mark.parametrize(
    ("accepted", "failed", "cancelled", "words"),
    [
        (395, 0, 0, "Finished"),
        (99_980, 20, 0, "Finished: some failed"),
        (94, 6, 0, "Finished: many failed"),
        (0, 1, 0, "Finished: failed"),
        (2, 0, 4, "Finished: many got no text"),
        (99_980, 0, 20, "Finished: some got no text"),
        (0, 1, 5, "Finished: nobody was texted"),
    ],
)
def test_beside_its_numbers_the_result_repeats_none(accepted: int, failed: int, cancelled: int, words: str) -> None:
    assert summary.summarize(Campaign(status=Campaign.Status.CLOSED), accepted, failed, cancelled).short == words


def test_a_campaign_that_is_still_running_has_no_result_yet() -> None:
    assert summary.summarize(Campaign(status=Campaign.Status.RUNNING), 5, 5, 0).words == ""
    assert summary.summarize(Campaign(status=Campaign.Status.CANCELLED), 5, 5, 5).words == "Cancelled"


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("status", "row_errors"), [("rejected", 0), ("accepted", 2), ("rejected", 1), ("unclear", 1), ("cancelled", 2)]
)
def test_the_summary_counts_as_the_books_do(
    account: Account, make_running: MakeCampaign, status: str, row_errors: int
) -> None:
    campaign = finished(account, make_running, status, row_errors)
    books = balance.of(campaign)
    found = summary.of([campaign])[campaign.pk]
    assert found == summary.of_books(campaign, books)
    assert (found.accepted, found.failed) == (books.outcomes["accepted"], books.failed)


@pytest.mark.parametrize(
    ("status", "row_errors", "words_in_the_list", "words_elsewhere"),
    [
        ("rejected", 0, "Finished: all failed", "Finished: 5 of 5 failed"),
        ("cancelled", 1, "Finished: nobody was texted", "Finished: 0 accepted, 5 of 5 got no text"),
    ],
)
def test_every_page_shows_the_failure(
    account: Account,
    make_running: MakeCampaign,
    viewer: User,
    logged_in: LogIn,
    status: str,
    row_errors: int,
    words_in_the_list: str,
    words_elsewhere: str,
) -> None:
    campaign = finished(account, make_running, status, row_errors)
    client = logged_in(viewer)
    for url in ("/", "/campaigns/", campaign.get_absolute_url()):
        page = client.get(url).content.decode()
        # In the list, the numbers have columns of their own.
        words = words_in_the_list if url == "/campaigns/" else words_elsewhere
        assert words in page, url
        assert 'chip chip-accepted"><svg' not in page.partition("Balance sheet")[0], url
    assert "Recently finished" in client.get("/").content.decode()


def test_the_bar_has_a_segment_for_each_result(
    account: Account, make_running: MakeCampaign, viewer: User, logged_in: LogIn
) -> None:
    campaign = finished(account, make_running, Batch.Status.ACCEPTED, row_errors=1)
    page = logged_in(viewer).get(campaign.get_absolute_url()).content.decode()
    assert 'class="segment segment-accepted" x="0.000" width="80.000"' in page
    assert 'class="segment segment-rejected" x="80.000" width="20.000"' in page
    assert "segment-provider" not in page
