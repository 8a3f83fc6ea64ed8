"""What people may decide, and what they may not."""

from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.utils import timezone
from pytest_django import Settings

from campaigns import decisions, timing
from campaigns.lifecycle import transition
from campaigns.models import Attempt, Batch, Campaign, Event, Recipient
from campaigns.results import balance, settle
from campaigns.results.evidence import evidence_fingerprint, keep_observation
from campaigns.results.uploaded_log import UploadedLog
from contacts.errors import Refusal
from providers.base import Interpretation, Observation, ObservedFile, Outcome, ProviderState, Result
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, approve, freeze

pytestmark = pytest.mark.postgresql


@pytest.fixture
def frozen(account: Account, make_campaign: MakeCampaign, operator: User) -> Campaign:
    return freeze(make_campaign(account), operator)


@pytest.fixture
def unclear(account: Account, make_running: MakeCampaign) -> Batch:
    batch = make_running(account).batches.get()
    transition(batch, "uploading")
    transition(batch, "committing", first_intent_at=timezone.now())
    return transition(batch, "unclear", reason="no_evidence")


def code_of(refusal: "pytest.ExceptionInfo[Refusal]") -> str:
    return refusal.value.code


def test_somebody_else_approves(frozen: Campaign, approver: User) -> None:
    approve(frozen, approver)

    assert (frozen.status, frozen.approved_by) == ("approved", approver)
    assert frozen.effective_start_at == frozen.approved_at
    assert frozen.approved_at
    assert frozen.approval_expires_at == frozen.approved_at + timedelta(days=7)


def test_an_operator_does_not_approve(frozen: Campaign, operator: User) -> None:
    with pytest.raises(Refusal) as refusal:
        approve(frozen, operator)
    assert code_of(refusal) == "not_allowed"


def test_who_edited_it_does_not_approve(frozen: Campaign, approver: User) -> None:
    frozen.editors.add(approver)

    with pytest.raises(Refusal, match="somebody else"):
        approve(frozen, approver)


def test_self_approval_is_flagged_where_it_is_allowed(frozen: Campaign, approver: User, settings: Settings) -> None:
    settings.SELF_APPROVAL = True
    frozen.editors.add(approver)

    approve(frozen, approver)

    assert frozen.is_self_approved


def test_the_database_refuses_an_approver_who_froze(frozen: Campaign, operator: User) -> None:
    with pytest.raises(IntegrityError):
        Campaign.objects.filter(pk=frozen.pk).update(approved_by=operator)


def test_what_changed_since_it_was_shown_is_not_approved(frozen: Campaign, approver: User) -> None:
    with pytest.raises(Refusal) as refusal:
        decisions.approve(frozen, approver, "another hash", timezone.now())
    assert code_of(refusal) == "approval_differs"


def test_a_double_click_approves_once(frozen: Campaign, approver: User) -> None:
    same = Campaign.objects.get(pk=frozen.pk)
    approve(frozen, approver)

    with pytest.raises(Refusal) as refusal:
        approve(same, approver)

    assert code_of(refusal) == "stale_transition"
    assert Event.objects.filter(to_status="approved").count() == 1


def test_a_rejection_needs_a_reason_and_deletes_the_recipients(frozen: Campaign, approver: User) -> None:
    with pytest.raises(Refusal) as refusal:
        decisions.reject(frozen, approver, "  ")
    assert code_of(refusal) == "no_reason"

    decisions.reject(frozen, approver, "Wrong sender.")

    assert (frozen.status, frozen.sentence) == ("draft", "Wrong sender.")
    assert not frozen.recipients.exists()
    assert Event.objects.filter(to_status="frozen").exists()


def test_an_approved_campaign_can_be_changed_before_its_first_batch(
    frozen: Campaign, approver: User, operator: User
) -> None:
    approve(frozen, approver)

    decisions.change(frozen, operator)

    assert (frozen.status, frozen.approved_by, frozen.approval_hash) == ("draft", None, "")


def test_a_running_campaign_cannot_be_changed(account: Account, make_running: MakeCampaign, operator: User) -> None:
    with pytest.raises(Refusal) as refusal:
        decisions.change(make_running(account), operator)
    assert code_of(refusal) == "not_changeable"


def test_pause_and_resume(account: Account, make_running: MakeCampaign, operator: User) -> None:
    campaign = make_running(account)
    decisions.pause(campaign, operator)
    decisions.resume(campaign, operator, timezone.now())

    assert campaign.status == "running"


def test_an_approver_resumes_what_baton_paused(
    account: Account, make_running: MakeCampaign, operator: User, approver: User
) -> None:
    campaign = transition(make_running(account), "paused", reason="no_progress")

    with pytest.raises(Refusal):
        decisions.resume(campaign, operator, timezone.now())
    decisions.resume(campaign, approver, timezone.now())

    assert campaign.status == "running"


def test_a_cancel_stops_what_is_not_with_the_provider(
    account: Account, make_running: MakeCampaign, operator: User
) -> None:
    campaign = make_running(account)

    decisions.cancel(campaign, operator)

    assert campaign.batches.get().status == "cancelled"
    books = balance.audit(campaign)
    assert (books.balanced, books.outcomes["cancelled"]) == (True, 5)


def test_a_cancel_before_batching_counts_everybody_as_cancelled(frozen: Campaign, operator: User) -> None:
    decisions.cancel(frozen, operator)

    books = balance.audit(frozen)
    assert (books.balanced, books.cancelled, books.batched) == (True, 5, 0)


def test_a_held_batch_is_released_or_cancelled_with_a_reason(
    account: Account, make_running: MakeCampaign, approver: User, operator: User
) -> None:
    batch = transition(make_running(account).batches.get(), "held", reason="too_big")

    with pytest.raises(Refusal):
        decisions.release(batch, operator, "why", timezone.now())
    decisions.release(batch, approver, "The provider raised the limit.", timezone.now())
    assert batch.status == "prepared"

    transition(batch, "held", reason="too_big")
    decisions.cancel_batch(batch, approver, "Not worth it.")
    assert batch.status == "cancelled"


def test_past_its_time_a_held_batch_can_only_be_cancelled(
    account: Account, make_running: MakeCampaign, approver: User
) -> None:
    batch = transition(make_running(account).batches.get(), "held", expires_at=timezone.now())

    with pytest.raises(Refusal) as refusal:
        decisions.release(batch, approver, "why", timezone.now())
    assert code_of(refusal) == "expired"


@pytest.mark.parametrize(
    ("decision", "status", "bucket"),
    [
        ("handed_over", "handed_over", "open"),
        ("accepted", "accepted", "accepted"),
        ("rejected", "rejected", "rejected"),
        ("cancel", "cancelled", "cancelled"),
    ],
)
def test_each_decision_about_an_unclear_batch(
    unclear: Batch, approver: User, decision: str, status: str, bucket: str
) -> None:
    decisions.decide(
        unclear, approver, decision, "I asked the provider.", timezone.now(), seen=evidence_fingerprint(unclear)
    )

    assert unclear.status == status
    assert balance.audit(unclear.campaign).outcomes[bucket] == 5
    assert Event.objects.filter(user=approver, reason="decided").exists()


def test_the_same_evidence_does_not_reopen_a_decision(
    unclear: Batch, approver: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = unclear.events.filter(to_status="unclear").latest("id")
    decisions.decide(
        unclear, approver, "handed_over", "I asked the provider.", timezone.now(), seen=evidence_fingerprint(unclear)
    )

    settle.settle(
        unclear, Interpretation(ProviderState.UNKNOWN, asked.reason, asked.sentence, unclear=True), timezone.now()
    )
    assert unclear.status == "handed_over"

    settle.settle(
        unclear, Interpretation(ProviderState.UNKNOWN, "only_a_part", "Only a part.", unclear=True), timezone.now()
    )
    assert (unclear.status, unclear.reason) == ("unclear", "only_a_part")


def test_nobody_texted_makes_a_new_generation(unclear: Batch, approver: User) -> None:
    decisions.decide(
        unclear, approver, "again", "The folder was empty.", timezone.now(), seen=evidence_fingerprint(unclear)
    )

    successor = unclear.campaign.batches.get(generation=2)
    assert (unclear.status, successor.status, successor.rows) == ("superseded", "prepared", 5)
    assert successor.stem != unclear.stem
    assert balance.audit(unclear.campaign).balanced


@pytest.mark.parametrize("decision", ["again", "cancel"])
def test_a_batch_given_up_and_taken_after_all_is_reported(unclear: Batch, approver: User, decision: str) -> None:
    now = timezone.now()
    decisions.decide(unclear, approver, decision, "The folder was empty.", now, seen=evidence_fingerprint(unclear))
    status = Batch.objects.get(pk=unclear.pk).status
    due = Batch.objects.due_for_poll(now + timedelta(minutes=2)).get(pk=unclear.pk)

    settle.settle(due, Interpretation(ProviderState.ABSENT), now + timedelta(minutes=2))
    assert due.alarm == ""
    settle.settle(due, Interpretation(ProviderState.ACCEPTED), now + timedelta(minutes=3))

    due.refresh_from_db()
    assert (due.status, due.accepted_rows) == (status, 0)
    assert "accepted it after all" in due.alarm
    assert (
        not Batch.objects.due_for_poll(now + timing.POLL_AFTER_END + timedelta(hours=1)).filter(pk=unclear.pk).exists()
    )


def test_in_a_cancelled_campaign_again_means_cancelled(unclear: Batch, approver: User, operator: User) -> None:
    decisions.cancel(unclear.campaign, operator)

    decisions.decide(
        unclear, approver, "again", "The folder was empty.", timezone.now(), seen=evidence_fingerprint(unclear)
    )

    assert unclear.status == "cancelled"
    assert unclear.campaign.batches.count() == 1


def test_a_decision_needs_an_approver_and_a_reason(unclear: Batch, approver: User, operator: User) -> None:
    with pytest.raises(Refusal, match="role"):
        decisions.decide(unclear, operator, "accepted", "why", timezone.now(), seen=evidence_fingerprint(unclear))
    with pytest.raises(Refusal) as refusal:
        decisions.decide(unclear, approver, "accepted", "", timezone.now(), seen=evidence_fingerprint(unclear))
    assert code_of(refusal) == "no_reason"
    assert unclear.status == "unclear"


def test_part_of_it_was_texted(unclear: Batch, approver: User) -> None:
    log = UploadedLog("log.txt", b"ok 27825550101\nERR to nobody\n+27825550103 queued\n27999999999 not ours\n")

    decisions.decide(
        unclear,
        approver,
        "partly",
        "The provider's log says so.",
        timezone.now(),
        log,
        seen=evidence_fingerprint(unclear),
    )

    unclear.refresh_from_db()
    assert unclear.status == "superseded"
    successor = unclear.campaign.batches.get(generation=2)
    assert (successor.status, successor.rows) == ("prepared", 3)
    left = Recipient.objects.of_batch(successor).values_list("msisdn", flat=True)
    assert sorted(left) == ["27825550100", "27825550102", "27825550104"]
    named = unclear.outcomes.order_by("line").values_list("recipient__msisdn", "result", "source", "line")
    assert list(named) == [("27825550101", "accepted", "log.txt", 1), ("27825550103", "accepted", "log.txt", 3)]
    books = balance.audit(unclear.campaign)
    assert books.balanced
    assert (books.outcomes["accepted"], books.outcomes["open"]) == (2, 3)
    assert unclear.evidence.get().files[0]["name"] == "log.txt"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "no_log"),
        (b"27999999999\n", "log_names_nobody"),
        (b"\n".join(b"2782555010%d" % n for n in range(5)), "log_names_all"),
        (b"27825550101 queued\n27825550102 FAILED invalid\n", "log_names_failures"),
        (b'{"faults": [{"msisdn": "27825550102"}]}', "log_names_failures"),
    ],
)
def test_a_log_that_settles_nothing_is_refused(unclear: Batch, approver: User, body: bytes, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        decisions.decide(
            unclear,
            approver,
            "partly",
            "So it says.",
            timezone.now(),
            UploadedLog("log.txt", body),
            seen=evidence_fingerprint(unclear),
        )
    assert code_of(refusal) == code
    unclear.refresh_from_db()
    assert unclear.status == "unclear"
    assert unclear.outcomes.count() == 0


def test_a_log_without_news_is_distinguished_from_an_unrelated_log(unclear: Batch, approver: User) -> None:
    settle.write_outcomes(unclear, [Outcome("27825550101", Result.ACCEPTED, "logged", "It has a message id.")])
    log = UploadedLog("log.txt", b"ok 27825550101\n")

    with pytest.raises(Refusal) as refusal:
        decisions.decide(
            unclear, approver, "partly", "So it says.", timezone.now(), log, seen=evidence_fingerprint(unclear)
        )

    assert code_of(refusal) == "log_names_nobody"
    assert "Baton already knows what log.txt says: it lists 1 of" in str(refusal.value)
    assert "and none of the 4 that remain" in str(refusal.value)


def test_several_are_decided_alike_and_refusals_are_reported(unclear: Batch, approver: User) -> None:
    settled = Batch.objects.get(pk=unclear.pk)
    decisions.decide(unclear, approver, "rejected", "It says so.", timezone.now(), seen=evidence_fingerprint(unclear))

    refused = decisions.decide_many([settled], approver, "accepted", "All alike.", timezone.now(), seen={})

    assert list(refused) == [settled]
    assert "no longer needs a decision" in refused[settled]


def test_identical_polls_change_nothing(unclear: Batch, approver: User) -> None:
    now = timezone.now()
    nothing_there = partial(Observation, hosts=("ftp.example.org",))
    keep_observation(unclear, nothing_there(now))
    seen = evidence_fingerprint(unclear)
    keep_observation(unclear, nothing_there(now + timedelta(minutes=2)))

    assert evidence_fingerprint(unclear) == seen
    decisions.decide(unclear, approver, "again", "The folder was empty.", now, seen=seen)
    assert unclear.status == "superseded"


def test_evidence_newer_than_the_page_refuses_the_decision(unclear: Batch, approver: User) -> None:
    now = timezone.now()
    seen = evidence_fingerprint(unclear)
    for files in ((), (ObservedFile("Send_SMS", "a.zip", 10, now, None, "ftp.example.org"),)):
        keep_observation(unclear, Observation(now, ("ftp.example.org",), files))
        with pytest.raises(Refusal, match="changed after this page was loaded") as refusal:
            decisions.decide(unclear, approver, "again", "The folder was empty.", now, seen=seen)
        assert code_of(refusal) == "evidence_changed"
        seen = evidence_fingerprint(unclear)

    assert Batch.objects.get().status == "unclear"
    decisions.decide(unclear, approver, "handed_over", "It lies there.", now, seen=seen)
    assert unclear.status == "handed_over"


def test_a_page_from_before_another_decision_decides_nothing(unclear: Batch, approver: User) -> None:
    now, seen = timezone.now(), evidence_fingerprint(unclear)
    decisions.decide(unclear, approver, "handed_over", "They wrote so.", now, seen=seen)
    transition(unclear, "unclear", reason="silent")

    with pytest.raises(Refusal) as refusal:
        decisions.decide(unclear, approver, "again", "The folder was empty.", now, seen=seen)

    assert code_of(refusal) == "evidence_changed"
    assert Batch.objects.get().status == "unclear"


def test_evidence_that_was_there_for_a_while_refuses_the_decision(unclear: Batch, approver: User) -> None:
    now, seen = timezone.now(), ""
    file = ObservedFile("Send_SMS", "a.zip", 10, now, None, "ftp.example.org")
    for files in ((), (file,), ()):
        keep_observation(unclear, Observation(now, ("ftp.example.org",), files))
        seen = seen or evidence_fingerprint(unclear)

    with pytest.raises(Refusal) as refusal:
        decisions.decide(unclear, approver, "again", "The folder was empty.", now, seen=seen)

    assert code_of(refusal) == "evidence_changed"


def test_a_late_reply_refuses_the_decision(unclear: Batch, approver: User) -> None:
    attempt = Attempt.objects.create(batch=unclear, number=7, name="a.zip", host="h", started_at=timezone.now())
    seen = evidence_fingerprint(unclear)
    attempt.ending = "done"
    attempt.save()

    with pytest.raises(Refusal) as refusal:
        decisions.decide(unclear, approver, "again", "The folder was empty.", timezone.now(), seen=seen)

    assert code_of(refusal) == "evidence_changed"
