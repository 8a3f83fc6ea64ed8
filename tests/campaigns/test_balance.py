"""Every recipient is in exactly one bucket; a mismatch is reported, not rounded away."""

import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import DjangoAssertNumQueries

from campaigns.lifecycle import transition
from campaigns.models import Batch, Campaign, RecipientOutcome
from campaigns.results import balance
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, freeze

pytestmark = pytest.mark.postgresql


def test_a_draft_has_empty_books(account: Account, make_campaign: MakeCampaign) -> None:
    books = balance.of(make_campaign(account))

    assert (books.selected, books.balanced) == (0, True)


def test_a_frozen_campaign_waits(account: Account, make_campaign: MakeCampaign, operator: User) -> None:
    books = balance.audit(freeze(make_campaign(account), operator))

    assert (books.selected, books.waiting, books.batched, books.balanced) == (5, 5, 0, True)


def test_each_status_counts_in_its_bucket(running: Campaign) -> None:
    batch = running.batches.get()
    for status in ("uploading", "committing", "handed_over", "processing"):
        transition(batch, status)
        assert balance.of(running).open == {status: 5}
    transition(batch, "accepted")
    assert balance.of(running).outcomes == {"accepted": 5, "row_error": 0, "rejected": 0, "cancelled": 0, "open": 0}


def test_those_who_were_cancelled_before_they_were_in_a_file_have_a_final_result(
    account: Account, make_campaign: MakeCampaign, operator: User
) -> None:
    campaign = freeze(make_campaign(account), operator)
    assert balance.of(campaign).settled == 0
    transition(campaign, "cancelled")
    books = balance.of(campaign)
    assert (books.cancelled, books.settled) == (5, books.included)


def test_the_dashboard_reads_as_many_rows_as_there_are_batches(
    running: Campaign, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        balance.of(running)


def test_the_audit_finds_a_lost_recipient(running: Campaign) -> None:
    running.recipients.all()[:1].get().delete()

    assert balance.of(running).balanced
    assert "4 recipients are stored" in balance.audit(running).mismatch


def test_the_audit_finds_a_recipient_moved_by_hand(running: Campaign) -> None:
    running.recipients.filter(msisdn="27825550100").update(batch_number=9)

    assert "Batch" in balance.audit(running).mismatch


def test_the_audit_finds_a_changed_reason(running: Campaign) -> None:
    running.recipients.filter(msisdn="27825550100").update(excluded_reason="missing_field", batch_number=None)

    assert "Excluded as missing_field: 0 expected, 1 found." in balance.audit(running).mismatch


def test_the_audit_finds_an_uncounted_outcome(running: Campaign) -> None:
    RecipientOutcome.objects.create(
        batch=running.batches.get(), recipient=running.recipients.all()[0], result="row_error"
    )

    assert "outcome counters differ" in balance.audit(running).mismatch


def test_a_campaign_closed_with_open_recipients_is_a_mismatch(running: Campaign) -> None:
    transition(running, "closed")

    assert "closed, but 5 are open" in balance.of(running).mismatch


def test_more_outcomes_than_rows_is_a_mismatch(running: Campaign) -> None:
    Batch.objects.update(row_errors=6)

    assert not balance.of(running).balanced


def test_the_command_prints_one_line_of_json(running: Campaign) -> None:
    said = StringIO()

    call_command("balance", running.name, "--json", stdout=said)

    [campaign] = json.loads(said.getvalue())["campaigns"]
    assert campaign == {
        "id": running.pk,
        "name": "October promo",
        "status": "running",
        "selected": 5,
        "excluded": {},
        "waiting": 0,
        "batched": 5,
        "cancelled": 0,
        "outcomes": {"accepted": 0, "row_error": 0, "rejected": 0, "cancelled": 0, "open": 5},
        "balanced": True,
    }
    assert said.getvalue().count("\n") == 1


def test_the_command_fails_when_the_books_do_not_balance(running: Campaign) -> None:
    Batch.objects.update(rows=4)
    said = StringIO()

    with pytest.raises(CommandError, match="do not balance"):
        call_command("balance", str(running.pk), "--json", stdout=said)

    assert json.loads(said.getvalue())["campaigns"][0]["balanced"] is False


def test_the_command_says_when_there_is_no_such_campaign(db: None) -> None:
    with pytest.raises(CommandError, match="no campaign nothing"):
        call_command("balance", "nothing")


def test_the_command_prints_text_for_people_too(running: Campaign) -> None:
    said = StringIO()

    call_command("balance", stdout=said)

    assert "the books balance" in said.getvalue()
    assert "5 selected = 0 excluded (nobody) + 0 waiting + 5 batched" in said.getvalue()
