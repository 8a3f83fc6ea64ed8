"""Every reply of BulkSMS to a batch: the batch's status afterwards, the message people read, and who was texted."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from campaigns.models import Batch, Campaign
from campaigns.results import balance
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, collect, default_options, hand_over, until_closed
from tests.campaigns.elsewhere import account_with
from tests.providers.test_http import Server, serving

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(sandbox: Sandbox, account_at: Callable[..., Account]) -> Account:
    return account_at("bulksms")


@pytest.fixture
def campaign(account: Account, make_running: MakeCampaign) -> Campaign:
    return make_running(account, options=default_options(account))


def texted(sandbox: Sandbox) -> Counter[str]:
    return Counter(line["msisdn"] for line in sandbox.messages("bulksms"))


def in_turn(campaign: Campaign, clock: Clock, rounds: int, **pause: float) -> Batch:
    """Run the jobs this many times, with a pause after each."""
    for _ in range(rounds):
        hand_over(campaign, clock)
        collect(campaign, clock)
        clock.forward(**pause)
    assert balance.audit(campaign).balanced
    return campaign.batches.get()


def test_0_is_handed_over_and_the_report_settles_it(sandbox: Sandbox, campaign: Campaign, clock: Clock) -> None:
    batch = in_turn(campaign, clock, 1, seconds=5)
    assert (batch.status, bool(batch.provider_ref)) == ("handed_over", True)

    until_closed(campaign, clock)

    assert campaign.batches.get().status == "accepted"
    assert set(texted(sandbox).values()) == {1}


def test_1_waits_with_bulksms_for_its_start(
    sandbox: Sandbox, account: Account, make_running: MakeCampaign, clock: Clock
) -> None:
    start = timezone.now() + timedelta(days=2)
    campaign = make_running(account, options=default_options(account), start_at=start, is_early=True)

    batch = in_turn(campaign, clock, 5, hours=6)

    assert (batch.status, batch.attempts.count()) == ("handed_over", 1)
    assert bytes(batch.attempts.get().receipt).startswith(b"1|SCHEDULED")


@pytest.mark.parametrize(
    ("code", "status", "reason", "words"),
    [
        (22, "unclear", "internal_error", "BulkSMS had an internal error"),
        (24, "rejected", "validation_failed", "BulkSMS says that the data is not valid"),
        (201, "rejected", "batch_too_large", "BulkSMS says that the batch has too many"),
        (99, "unclear", "UNKNOWN", "BulkSMS answered with the unknown status 99."),
    ],
)
def test_a_refusal_of_the_batch(
    sandbox: Sandbox, campaign: Campaign, clock: Clock, code: int, status: str, reason: str, words: str
) -> None:
    sandbox.fault(f"bulksms:status:{code}")

    batch = in_turn(campaign, clock, 6, seconds=61)

    assert (batch.status, batch.reason) == (status, reason)
    assert batch.sentence.startswith(words)
    assert batch.attempts.count() == 1
    assert not campaign.account.is_stopped
    assert texted(sandbox) == {}


def test_22_after_half_of_it_was_texted_is_for_a_person(sandbox: Sandbox, campaign: Campaign, clock: Clock) -> None:
    sandbox.fault("bulksms:status:22-halfway")

    batch = in_turn(campaign, clock, 6, seconds=61)

    assert (batch.status, batch.attempts.count()) == ("unclear", 1)
    assert set(texted(sandbox).values()) == {1}
    assert len(texted(sandbox)) < 5


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (23, "BulkSMS refused the login."),
        (25, "The BulkSMS account does not have enough credits."),
        (27, "The account's daily quota"),
    ],
)
def test_a_refusal_of_the_account_holds_the_batch_and_stops_the_account(
    sandbox: Sandbox, campaign: Campaign, clock: Clock, code: int, words: str
) -> None:
    sandbox.fault(f"bulksms:status:{code}")

    batch = in_turn(campaign, clock, 4, seconds=61)

    campaign.account.refresh_from_db()
    assert (batch.status, campaign.account.is_stopped, batch.attempts.count()) == ("held", True, 1)
    assert batch.sentence.startswith(words)
    assert campaign.account.stopped_sentence == batch.sentence
    assert texted(sandbox) == {}


@pytest.mark.parametrize("code", [26, 28])
def test_an_upstream_failure_is_retried_a_few_times_and_then_held(
    sandbox: Sandbox, campaign: Campaign, clock: Clock, code: int
) -> None:
    sandbox.fault(f"bulksms:status:{code}")

    batch = in_turn(campaign, clock, 3, seconds=121)
    assert batch.status == "prepared"
    batch = in_turn(campaign, clock, 6, seconds=121)

    assert (batch.status, batch.attempts.count()) == ("held", 6)
    assert batch.sentence.endswith("It was tried 6 times.")
    assert texted(sandbox) == {}


def test_40_is_tried_again_until_it_is_taken(sandbox: Sandbox, campaign: Campaign, clock: Clock) -> None:
    sandbox.fault("bulksms:status:40", times=2)

    batch = in_turn(campaign, clock, 1, seconds=31)
    assert (batch.status, batch.reason) == ("prepared", "temporarily_unavailable")
    assert batch.sentence
    until_closed(campaign, clock)

    batch = campaign.batches.get()
    assert (batch.status, batch.attempts.count()) == ("accepted", 3)
    assert set(texted(sandbox).values()) == {1}


@pytest.mark.parametrize("reply", ["empty-answer", "html-answer", "truncated-answer", "drop-before-answer"])
def test_a_batch_that_was_taken_without_a_readable_answer_is_not_texted_again(
    sandbox: Sandbox, campaign: Campaign, clock: Clock, reply: str
) -> None:
    """A repeat with the same id gets the same answer as the first request."""
    sandbox.fault(f"bulksms:{reply}", times=1)
    batch = in_turn(campaign, clock, 2, seconds=5)
    assert (batch.status, batch.attempts.count()) == ("committing", 1)

    clock.forward(seconds=61)
    until_closed(campaign, clock)

    batch = campaign.batches.get()
    assert (batch.status, batch.attempts.count()) == ("accepted", 2)
    assert len(texted(sandbox)) == 5
    assert set(texted(sandbox).values()) == {1}


@pytest.mark.parametrize("status", ["302", "401", "404", "500", "502"])
def test_any_other_http_status_is_repeated_with_the_same_id(
    sandbox: Sandbox, campaign: Campaign, clock: Clock, status: str
) -> None:
    sandbox.fault(f"bulksms:http-{status}", times=1)
    batch = in_turn(campaign, clock, 1, seconds=5)
    assert batch.status == "committing"
    assert f"(HTTP status {status})" in batch.attempts.get().sentence

    clock.forward(seconds=61)
    until_closed(campaign, clock)

    batch = campaign.batches.get()
    assert (batch.status, batch.attempts.count()) == ("accepted", 2)
    assert set(texted(sandbox).values()) == {1}


def test_without_a_readable_answer_within_the_time_limit_a_person_decides(
    sandbox: Sandbox, campaign: Campaign, clock: Clock
) -> None:
    sandbox.fault("bulksms:html-answer")

    batch = in_turn(campaign, clock, 40, seconds=61)

    assert batch.status == "unclear"
    assert batch.sentence
    assert set(texted(sandbox).values()) == {1}


def test_a_number_that_another_batch_has_already_is_for_a_person(
    account: Account, make_running: MakeCampaign, clock: Clock, settings: Settings
) -> None:
    """Two batches with the same number: the report could belong to either."""
    settings.ALLOW_PRIVATE_HOSTS = True
    with serving(Server()) as server:
        server.body = b"0|IN_PROGRESS|30430"
        url = f"http://127.0.0.1:{server.server_port}/eapi"
        account = account_with("bulksms", api_url=url, allow_plain_http=True)
        first = make_running(account, name="First", options=default_options(account))
        people = first.ordered_lists()
        hand_over(first, clock)
        second = make_running(account, *people, name="Second", options=default_options(account))
        hand_over(second, clock)
        asked = [path for path, _, _ in server.asked]

    assert (first.batches.get().status, first.batches.get().provider_ref) == ("handed_over", "30430")
    batch = second.batches.get()
    assert (batch.status, batch.reason, batch.provider_ref) == ("unclear", "reference_taken", "")
    assert batch.sentence == ("The provider answered with the reference 30430, which another file already has.")
    assert batch.attempts.get().provider_ref == "30430"
    assert len(asked) == 2
