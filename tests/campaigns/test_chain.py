"""In the chain of a campaign and its follow-ups, each number is texted at most once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from campaigns import chain
from campaigns.audience import check, people, samples
from campaigns.audience.texts import compile_text
from campaigns.models import Attempt, Batch, Campaign, CampaignPerson, Recipient, RecipientOutcome
from campaigns.results import balance
from campaigns.statuses import BatchStatus
from contacts.errors import Refusal
from contacts.models import ContactList
from contacts.suppression import suppress
from providers.models import Account
from tests.campaigns.conftest import TEXT, MakeCampaign, freeze

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

MakeList = Callable[..., ContactList]

#: (status of the batch, result of the row, alarm, ending of an attempt) -> whether the person may have been reached.
STATES: dict[tuple[str, str, str, str], bool] = {
    **{(status, "", "", ""): True for status in BatchStatus if status not in ("rejected", "cancelled", "superseded")},
    ("rejected", "", "", ""): False,
    ("rejected", "", "", "done"): False,
    ("rejected", "", "The provider took it after all.", "done"): True,
    ("rejected", "accepted", "", "done"): True,
    ("accepted", "row_error", "", "done"): False,
    ("accepted", "row_error", "The provider contradicts itself.", "done"): True,
    ("accepted", "accepted", "", "done"): True,
    ("cancelled", "", "", ""): False,
    ("cancelled", "", "", "refused"): False,
    ("cancelled", "", "", "unreachable"): False,
    ("cancelled", "", "", "unclear"): True,
    ("cancelled", "", "", "none"): True,
    ("cancelled", "row_error", "", "done"): False,
    # The same bytes may be handed over again.
    ("handed_over", "row_error", "", "done"): True,
    ("committing", "row_error", "", "done"): True,
    ("unclear", "row_error", "", "done"): True,
    # The next generation has nobody with a row error.
    ("superseded", "row_error", "", "done"): False,
    ("superseded", "", "The provider took it after all.", "done"): True,
}


def make_batch(campaign: Campaign, number: int, generation: int = 1, **fields: Any) -> Batch:
    stem = f"c{campaign.pk}-b{number}-g{generation}"
    key = campaign.pk * 10_000 + number * 10 + generation
    return Batch.objects.create(
        campaign=campaign, account=campaign.account, number=number, generation=generation, stem=stem, key=key,
        name=f"{stem}.zip", payload=f"{stem}.zip", sha256="0" * 64, size=1, rows=1, parts=1, **fields,
    )  # fmt: skip


def recipient_in(campaign: Campaign, state: tuple[str, str, str, str], number: int) -> Recipient:
    status, result, alarm, ending = state
    batch = make_batch(campaign, number, status=status, alarm=alarm)
    if status == "superseded":
        make_batch(campaign, number, 2, status="cancelled")
    recipient = campaign.recipients.create(
        list_id=1, contact_id=1, msisdn=str(27825550000 + number), batch_number=number
    )
    if result:
        RecipientOutcome.objects.create(batch=batch, recipient=recipient, result=result, code="0x1")
    if ending:
        Attempt.objects.create(batch=batch, number=1, name="a.zip", started_at=timezone.now(), ending=ending)
    return recipient


def follow(campaign: Campaign, **fields: Any) -> Campaign:
    return Campaign.objects.create(
        name="Again", account=campaign.account, follows=campaign,
        chain_root_id=chain.root_of(campaign), **{"text": campaign.text, **fields},
    )  # fmt: skip


def add(campaign: Campaign, *msisdns: str, **fields: Any) -> None:
    CampaignPerson.objects.bulk_create(
        CampaignPerson(campaign=campaign, list_id=1, contact_id=1, msisdn=one, **fields) for one in msisdns
    )


def reasons(campaign: Campaign) -> dict[str, str]:
    people.copy_people(campaign, compile_text(campaign.text), None)
    return dict(campaign.recipients.order_by("id").values_list("msisdn", "excluded_reason"))


@pytest.fixture
def root(account: Account, make_campaign: MakeCampaign) -> Campaign:
    campaign = make_campaign(account)
    Campaign.objects.filter(pk=campaign.pk).update(status="closed")
    campaign.refresh_from_db()
    return campaign


def test_who_may_have_been_reached_and_who_certainly_was_not(root: Campaign) -> None:
    found = {recipient_in(root, state, number): reached for number, (state, reached) in enumerate(STATES.items(), 1)}
    late = follow(root, status="draft")
    add(late, *(one.msisdn for one in found))

    reached = set(root.recipients.filter(chain.may_have_been_reached()))

    assert reached == {one for one, was in found.items() if was}
    assert set(chain.not_reached(root)) == {one for one, was in found.items() if not was}
    # The freeze of a follow-up leaves out exactly these.
    expected = {one.msisdn: "in_follow_up_chain" if was else "" for one, was in found.items()}
    assert reasons(late) == expected
    assert people.count_reasons(late, compile_text(late.text)) == {
        "in_follow_up_chain": len(reached),
        "": len(found) - len(reached),
    }


@pytest.mark.parametrize(("status", "reached"), [("running", True), ("paused", True), ("cancelled", False)])
def test_who_waits_is_reached_later_unless_the_campaign_is_cancelled(
    root: Campaign, status: str, reached: bool
) -> None:
    Campaign.objects.filter(pk=root.pk).update(status=status)
    root.recipients.create(list_id=1, contact_id=1, msisdn="27825550100")
    root.recipients.create(list_id=1, contact_id=1, msisdn="27825550101", excluded_reason="missing_field")

    assert root.recipients.filter(chain.may_have_been_reached()).count() == reached


def test_a_follow_up_looks_at_the_whole_chain_and_not_at_itself(root: Campaign) -> None:
    for number in (1, 2, 3):
        recipient_in(root, ("rejected", "", "", "done"), number)
    first = follow(root, status="closed")
    recipient_in(first, ("accepted", "", "", "done"), 1)
    recipient_in(first, ("rejected", "", "", "done"), 2)
    second = follow(first)
    add(second, "27825550001", "27825550002", "27825550003")
    # A test handover to the same number is no part of the chain.
    test = Campaign.objects.create(name="Test", account=root.account, kind="test", test_of=root, status="closed")
    recipient_in(test, ("accepted", "", "", "done"), 2)

    assert second.chain_root_id == root.pk
    assert chain.other_campaigns(second) == [root.pk, first.pk]
    assert chain.other_campaigns(test) == []
    assert reasons(second) == {"27825550001": "in_follow_up_chain", "27825550002": "", "27825550003": ""}
    # What is frozen in the second follow-up counts for the first campaign, which may not text them either.
    assert set(chain.not_reached(root)) == set()


def test_each_person_has_the_first_reason_that_applies(root: Campaign) -> None:
    again = follow(root, text="Hi @@value1@@")
    add(again, "27825550100", "27825550100", "27825550101", value1="Thandi")
    add(again, "27825550102")
    add(again, "27825550103", message="Just for you")
    suppress(["27825550101"], "manual")
    text = compile_text(again.text)

    assert people.count_reasons(again, text) == {"": 2, "duplicate": 1, "opted_out": 1, "missing_field": 1}
    found = list(people.draft_recipients(again, text, 0, 10))
    assert [(one.msisdn, one.value1, one.message) for one in found] == [
        ("27825550100", "Thandi", ""),
        ("27825550103", "", "Just for you"),
    ]
    assert [one.msisdn for one in people.draft_recipients(again, text, 1, 10)] == ["27825550103"]
    found_by_number = {number: people.draft_recipient(again, text, number) for number in ("27825550100", "27825550101")}
    assert [one.value1 if one else None for one in found_by_number.values()] == ["Thandi", None], "one opted out"
    assert people.copy_people(again, text, None) == 5


def test_the_people_of_a_test_handover_are_copied_whoever_was_reached(root: Campaign) -> None:
    recipient_in(root, ("accepted", "", "", "done"), 1)
    test = Campaign.objects.create(
        name="Test", account=root.account, kind="test", test_of=root, text=TEXT, created_by=User.objects.first()
    )
    add(test, "27825550001", value1="Thandi")

    assert reasons(test) == {"27825550001": ""}


def test_people_are_copied_in_chunks(root: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "CHUNK", 2)
    again = follow(root, status="freezing")
    add(again, *(str(27825550100 + number) for number in range(5)))

    assert len(reasons(again)) == 5
    again.refresh_from_db()
    assert again.freeze_progress == 5


def test_a_follow_up_is_checked_and_frozen_like_any_campaign(root: Campaign, operator: User) -> None:
    recipient_in(root, ("rejected", "", "", "done"), 1)
    recipient_in(root, ("accepted", "", "", "done"), 2)
    again = follow(root)
    with pytest.raises(Refusal, match="Everybody was removed"):
        check.check_audience(again)
    add(again, "27825550001", "27825550002", value1="Thandi")

    checked, seen = check.check_audience(again), samples.sample(again, 1)
    frozen = freeze(again, operator)

    assert (checked.selected, checked.included, checked.excluded) == (2, 1, {"in_follow_up_chain": 1})
    assert seen is not None
    assert (seen.text, seen.total) == ("Hi Thandi, 20 % off ends Sunday.", 1)
    assert frozen.status == "frozen"
    assert balance.audit(frozen).balanced
    assert frozen.value_labels() == root.value_labels() == {"value1": "First name"}
