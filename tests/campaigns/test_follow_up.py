"""Texting again those who got no text, and correcting the rest: a draft of exactly the people who were not reached."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns import decisions, follow_up
from campaigns.audience import freeze as audience_freeze
from campaigns.chain import why_not_freeze
from campaigns.handover import batches, journal
from campaigns.models import Batch, Campaign, RecipientOutcome
from campaigns.results import balance, settle, standing
from contacts.errors import Refusal
from contacts.suppression import suppress
from providers.models import Account
from tests.campaigns.conftest import Clock, MakeCampaign, approve, count_causes, freeze
from tests.campaigns.test_chain import make_batch

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


@pytest.fixture
def ended(account: Account, make_running: MakeCampaign) -> Campaign:
    """A closed campaign of five: two failed, one is in a rejected file, one in a cancelled one, and one is accepted."""
    campaign = make_running(account, sender="ACME")
    campaign.batches.update(status="accepted", rows=3)
    accepted = campaign.batches.get()
    people = list(campaign.recipients.order_by("msisdn"))
    for recipient, code in zip(people[:2], ("0x1", "0x2"), strict=True):
        RecipientOutcome.objects.create(
            batch=accepted, recipient=recipient, result="row_error", code=code, sentence=f"Cause {code}."
        )
    accepted.row_errors = 2
    accepted.save()
    count_causes(campaign)
    make_batch(campaign, 2, status="rejected", reason="NoCredit", sentence="No credit.")
    make_batch(campaign, 3, status="cancelled", reason="cancelled", sentence="Not worth it.")
    for number, recipient in enumerate(people[2:4], start=2):
        campaign.recipients.filter(pk=recipient.pk).update(batch_number=number)
    Campaign.objects.filter(pk=campaign.pk).update(status="closed")
    campaign.refresh_from_db()
    assert balance.audit(campaign).balanced
    return campaign


def test_the_causes_say_how_many_can_be_texted_again(ended: Campaign) -> None:
    suppress(["27825550100"], "manual")
    Batch.objects.filter(number=2).update(alarm="The provider took it after all.")

    found = {(one.outcome, one.code, one.sentence): (one.eligible, one.blocked) for one in follow_up.causes_of(ended)}

    assert found == {
        ("row_error", "0x1", "Cause 0x1."): (0, {"opted_out": 1}),
        ("row_error", "0x2", "Cause 0x2."): (1, {}),
        ("rejected", "NoCredit", "No credit."): (0, {"uncertain": 1}),
        ("cancelled", "cancelled", "Not worth it."): (1, {}),
    }


def test_a_follow_up_is_a_draft_with_the_same_text_and_the_chosen_people(ended: Campaign, operator: User) -> None:
    again = follow_up.follow_up(ended, ["row_error", "rejected"], operator, timezone.now())

    assert (again.status, again.name, again.text) == ("draft", "October promo (again)", ended.text)
    assert (again.account, again.sender, again.options) == (ended.account, "ACME", ended.options)
    assert (again.follows, again.chain_root) == (ended, ended)
    people = list(again.people.order_by("msisdn"))
    assert [(one.msisdn, one.value1, one.code, one.reason) for one in people] == [
        ("27825550100", "Person 0", "0x1", "Cause 0x1."),
        ("27825550101", "Person 1", "0x2", "Cause 0x2."),
        ("27825550102", "Person 2", "NoCredit", "No credit."),
    ]
    assert people[0].recipient == ended.recipients.get(msisdn="27825550100")

    second = follow_up.follow_up(ended, ["row_error"], operator, timezone.now(), causes=[("row_error", "0x2")])
    assert second.name == "October promo (again 2)"
    assert [one.msisdn for one in second.people.all()] == ["27825550101"]


def test_a_follow_up_of_a_follow_up_is_of_the_same_chain(ended: Campaign, operator: User, approver: User) -> None:
    first = approve(freeze(follow_up.follow_up(ended, ["rejected"], operator, timezone.now()), operator), approver)
    batches.create_batches(first.pk, timezone.now())
    assert follow_up.causes_of(ended)[2].blocked == {"elsewhere": 1}
    first.batches.update(status="rejected", reason="NoCredit")
    settle.close_if_done(first.pk, timezone.now())
    first.refresh_from_db()

    second = follow_up.follow_up(first, ["rejected"], operator, timezone.now())

    assert (second.follows, second.chain_root) == (first, ended)
    assert freeze(second, operator).counts["included"] == 1
    assert second.value_labels() == {"value1": "First name"}


def test_only_one_follow_up_of_a_chain_may_be_active(ended: Campaign, operator: User) -> None:
    first, second = (follow_up.follow_up(ended, ["rejected"], operator, timezone.now()) for _ in range(2))
    freeze(first, operator)

    with pytest.raises(Refusal, match=r"“October promo \(again\)” already texts people"):
        follow_up.follow_up(ended, ["row_error"], operator, timezone.now())
    with pytest.raises(Refusal, match=r"“October promo \(again\)” already texts people"):
        audience_freeze.begin_freeze(second, operator, timezone.now())
    second.refresh_from_db()
    assert second.status == "draft"


def test_of_two_follow_ups_submitted_at_once_the_second_is_refused_with_a_sentence(
    ended: Campaign, operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (follow_up.follow_up(ended, ["rejected"], operator, timezone.now()) for _ in range(2))
    freeze(first, operator)
    answers = iter([""])
    # The first question is asked before the first follow-up was submitted.
    monkeypatch.setattr(audience_freeze, "why_not_freeze", lambda campaign: next(answers, why_not_freeze(campaign)))
    with pytest.raises(Refusal, match=r"“October promo \(again\)” already texts people"):
        audience_freeze.begin_freeze(second, operator, timezone.now())
    second.refresh_from_db()
    assert second.status == "draft"


@pytest.mark.parametrize(
    ("change", "outcomes", "code"),
    [
        ({"status": "frozen"}, ["rejected"], "no_follow_up"),
        ({}, [], "nobody_left"),
        ({}, ["unknown"], "nobody_left"),
    ],
)
def test_a_follow_up_is_refused(
    ended: Campaign, operator: User, change: dict[str, Any], outcomes: list[str], code: str
) -> None:
    Campaign.objects.filter(pk=ended.pk).update(**change)
    ended.refresh_from_db()

    with pytest.raises(Refusal) as refused:
        follow_up.follow_up(ended, outcomes, operator, timezone.now())

    assert refused.value.code == code
    assert Campaign.objects.count() == 1


def test_a_viewer_makes_no_follow_up(ended: Campaign, viewer: User) -> None:
    with pytest.raises(Refusal, match="Your role"):
        follow_up.follow_up(ended, ["rejected"], viewer, timezone.now())


@pytest.fixture
def paused(account: Account, make_running: MakeCampaign, operator: User) -> Campaign:
    """A paused campaign of five: accepted, prepared, uploading and unclear files, and one person without a file."""
    campaign = make_running(account)
    people = list(campaign.recipients.order_by("msisdn"))
    campaign.batches.update(status="accepted", rows=1)
    for number, status in enumerate(("prepared", "uploading", "unclear"), start=2):
        make_batch(campaign, number, status=status)
    for number, recipient in enumerate(people[1:], start=2):
        campaign.recipients.filter(pk=recipient.pk).update(batch_number=number if number < 5 else None)
    Campaign.objects.filter(pk=campaign.pk).update(nobody_waits_up_to="")
    decisions.pause(campaign, operator)
    return campaign


def test_the_rest_becomes_a_draft_and_is_cancelled_here(paused: Campaign, operator: User) -> None:
    rest = follow_up.correct_the_rest(paused, operator, timezone.now())

    assert (rest.name, rest.status, rest.text) == ("October promo (rest)", "draft", paused.text)
    assert [one.msisdn for one in rest.people.order_by("msisdn")] == ["27825550101", "27825550104"]
    paused.refresh_from_db()
    assert (paused.status, paused.reason) == ("cancelled", "corrected")
    assert dict(paused.batches.values_list("number", "status")) == {
        1: "accepted",
        2: "cancelled",
        3: "uploading",
        4: "unclear",
    }
    books = balance.audit(paused)
    assert (books.balanced, books.cancelled, books.outcomes["cancelled"]) == (True, 1, 1)
    frozen = freeze(rest, operator)
    assert frozen.counts["included"] == 2
    assert balance.audit(frozen).balanced


def test_the_rest_of_a_running_campaign_is_not_corrected(paused: Campaign, operator: User) -> None:
    Campaign.objects.filter(pk=paused.pk).update(status="running")

    with pytest.raises(Refusal, match="not paused"):
        follow_up.correct_the_rest(paused, operator, timezone.now())

    assert Campaign.objects.count() == 1


def test_nothing_changes_if_nobody_is_left(paused: Campaign, operator: User) -> None:
    paused.batches.filter(number=2).update(status="handed_over")
    paused.recipients.filter(batch_number=None).update(batch_number=2)
    paused.batches.filter(number=2).update(rows=2)

    with pytest.raises(Refusal, match="Nobody is left"):
        follow_up.correct_the_rest(paused, operator, timezone.now())

    paused.refresh_from_db()
    assert paused.status == "paused"
    assert Campaign.objects.count() == 1


def test_a_file_that_only_a_journal_has_is_not_taken_from_the_campaign(
    paused: Campaign, operator: User, clock: Clock
) -> None:
    batch = paused.batches.get(number=2)
    journal.intend(batch, 1, "one.zip", clock())

    rest = follow_up.correct_the_rest(paused, operator, timezone.now())

    assert [one.msisdn for one in rest.people.all()] == ["27825550104"]
    batch.refresh_from_db()
    assert batch.status == "prepared"


def test_each_person_is_in_one_place_of_the_summary(paused: Campaign) -> None:
    make_batch(paused, 6, status="committing", row_errors=0)
    paused.counts = paused.counts | {"selected": 6, "included": 6}

    summary = standing.handover_summary(paused, timezone.now())

    assert Counter({place: n for place, n in summary.totals.items() if n}) == {
        "done": 1,
        "provider": 1,
        "committing": 1,
        "here": 3,
    }
    assert [(one.batch.number, one.people) for one in summary.files] == [
        (1, {"done": 1}),
        (2, {"here": 1}),
        (3, {"here": 1}),
        (4, {"provider": 1}),
        (6, {"committing": 1}),
    ]
    assert summary.waiting == 1


def test_an_accepted_file_that_starts_later_may_still_be_held_by_the_provider(paused: Campaign) -> None:
    paused.is_early = True
    paused.start_at = timezone.now() + timedelta(hours=1)

    assert standing.handover_summary(paused, timezone.now()).totals["provider"] == 2
