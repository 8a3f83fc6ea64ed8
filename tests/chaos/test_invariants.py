"""Every invariant reports what violates it, and reports nothing where nothing is wrong."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.utils import timezone

from campaigns.audience.spec import finished_text
from campaigns.handover import journal
from campaigns.lifecycle import record_event, transition
from campaigns.models import Attempt, Batch, Campaign, Recipient, RecipientOutcome
from campaigns.results import settle
from contacts.models import ContactList
from providers import registry
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests.campaigns.conftest import Clock, MakeCampaign, approve, default_options, freeze, until_closed
from tests.chaos import invariants
from tests.chaos.invariants import Findings
from tests.chaos.staggered import stagger

pytestmark = pytest.mark.django_db

Lines = list[dict[str, str]]
MOMENT = timedelta(seconds=1)


def lines_of(batch: Batch) -> Lines:
    """What the ledger holds once the provider has taken the batch."""
    campaign = batch.campaign
    return [
        {
            "at": timezone.now().isoformat(),
            "provider": campaign.account.provider,
            "account": "demo",
            "file": f"{batch.stem}.json",
            "msisdn": person.msisdn,
            "sender": campaign.sender,
            "text": finished_text(campaign, person),
            "reference": str(person.pk),
            "sha256": batch.sha256,
        }
        for person in campaign.recipients.filter(batch_number=batch.number)
    ]


def find(
    lines: Sequence[Mapping[str, str]] = (),
    opt_outs: Mapping[str, datetime] | None = None,
    logs: Sequence[Path] = (),
    later: timedelta = timedelta(0),
) -> Findings:
    return invariants.find(lines, opt_outs or {}, timezone.now() + later, logs, ["s3cret"])


def broken(found: Findings) -> set[str]:
    """The names of the violated invariants."""
    return {name for name, sentences in vars(found).items() if sentences}


def commit(batch: Batch, to: str, **fields: Any) -> Batch:
    """Take a prepared batch through the transitions of a hand-over."""
    now = timezone.now()
    transition(batch, "uploading")
    transition(batch, "committing", first_intent_at=now, due_at=now)
    Attempt.objects.create(batch=batch, number=1, name=f"{batch.stem}-a1.zip", started_at=now, ending="done")
    return transition(batch, to, due_at=None, **fields)


@pytest.fixture
def running(make_running: MakeCampaign, account: Account) -> Campaign:
    """A running campaign with one prepared batch."""
    return make_running(account)


@pytest.fixture
def prepared(running: Campaign) -> Batch:
    return running.batches.get()


@pytest.fixture
def accepted(prepared: Batch) -> Batch:
    """An accepted batch; its campaign is closed."""
    commit(prepared, "accepted")
    assert settle.close_if_done(prepared.campaign_id, timezone.now())
    prepared.campaign.refresh_from_db()
    return prepared


@pytest.fixture
def unclear(prepared: Batch) -> Batch:
    """A batch that waits for a person's decision, with evidence."""
    commit(prepared, "unclear", reason="no_evidence", sentence="The line broke.")
    prepared.attempts.update(ending="unclear", code="line_broke")
    return prepared


def change(row: Campaign | Batch, **fields: Any) -> None:
    """Write what Baton itself would never write."""
    type(row).objects.filter(pk=row.pk).update(**fields)
    row.refresh_from_db()


# -- nothing is broken


@pytest.mark.postgresql
def test_campaigns_through_every_provider_break_nothing(
    sandbox: Sandbox,
    account_at: Callable[..., Account],
    make_list: Callable[..., ContactList],
    make_running: MakeCampaign,
    clock: Clock,
    tmp_path: Path,
) -> None:
    lines: Lines = []
    for place, slug in enumerate(sorted(registry.all_adapters())):
        account = account_at(slug)
        people = make_list(f"List {place}", first=27825550100 + 1000 * place)
        campaign = make_running(account, people, name=slug, sender="SHOP", options=default_options(account))
        until_closed(campaign, clock)
        lines += sandbox.messages(slug)
    assert len(lines) == 5 * len(registry.all_adapters())
    log = tmp_path / "quiet.log"
    log.write_text("Nothing happened.\n")
    assert invariants.check(lines, {}, timezone.now(), [log], ["s3cret"]) == []
    named = {line["file"] for line in lines}
    lines = [{**line, "sha256": "0" * 64} for line in lines]
    assert len(find(lines).bytes_differ) == len(named) == len(registry.all_adapters())


def test_what_waits_for_its_time_or_for_a_person_breaks_nothing(prepared: Batch) -> None:
    assert find().sentences() == []
    transition(prepared.campaign, "paused", reason="paused", sentence="Paused by a user.")
    assert find(later=timedelta(days=2)).sentences() == []


def test_an_accepted_batch_breaks_nothing(accepted: Batch) -> None:
    assert find(lines_of(accepted), later=timedelta(days=2)).sentences() == []


# -- who was texted


def test_a_second_text_is_a_duplicate(accepted: Batch) -> None:
    lines = lines_of(accepted)
    found = find([*lines, lines[0]])
    assert broken(found) == {"duplicates"}
    assert "was texted 2 times" in found.duplicates[0]


def test_somebody_accepted_and_not_texted_is_a_loss(accepted: Batch) -> None:
    found = find(lines_of(accepted)[1:])
    assert broken(found) == {"losses"}
    assert len(found.losses) == 1


def test_an_opt_out_before_the_intent_counts_and_one_after_it_does_not(accepted: Batch) -> None:
    lines, intent_at = lines_of(accepted), accepted.first_intent_at
    assert intent_at
    assert broken(find(lines, {lines[0]["msisdn"]: intent_at - MOMENT})) == {"opted_out"}
    assert broken(find(lines, {lines[0]["msisdn"]: intent_at + MOMENT})) == set()


# -- nothing outside what was approved


@pytest.mark.parametrize("field", ["text", "sender"])
def test_another_text_or_sender_is_unapproved(accepted: Batch, field: str) -> None:
    first, *others = lines_of(accepted)
    assert broken(find([{**first, field: "Something else"}, *others])) == {"unapproved"}


def test_a_truncated_text_is_allowed_only_where_a_person_decides_about_a_part(unclear: Batch) -> None:
    part = {**lines_of(unclear)[0], "text": "Hi Per", "sha256": "0" * 64}
    assert broken(find([part])) == {"unapproved"}

    unclear.account.provider = "clickatell"
    assert invariants.is_cut_short(unclear, part)
    assert not invariants.is_cut_short(unclear, {**part, "sha256": unclear.sha256})
    for text, is_left in (("Hi Per", True), ("Hi , 20 %", True), ("Hi Peter", False), ("Buy now", False)):
        line = {**part, "text": text}
        assert invariants._is_approved(line, "Hi Person 0, 20 % off", unclear) is is_left
        assert not invariants._is_approved({**line, "sha256": unclear.sha256}, "Hi Person 0, 20 % off", unclear)
    unclear.status = "accepted"
    assert not invariants.is_cut_short(unclear, part)


def test_the_part_of_a_number_that_had_arrived_is_allowed_only_in_a_part_of_an_unclear_file(unclear: Batch) -> None:
    number = unclear.campaign.recipients.values_list("msisdn", flat=True)[0]
    name = f"{unclear.stem}-a1.txt"
    part = {**lines_of(unclear)[0], "file": name, "msisdn": number[:-3], "sha256": "0" * 64}
    assert not invariants._are_cut_numbers(number[:-3], [part]), "only Clickatell reads a part"
    Account.objects.update(provider="clickatell")
    assert invariants._are_cut_numbers(number[:-3], [part])
    assert not invariants._are_cut_numbers(number[:-3], [part, {**part, "sha256": unclear.sha256}])
    assert not invariants._are_cut_numbers("2799", [{**part, "msisdn": "2799"}])
    Batch.objects.update(status="accepted")
    assert not invariants._are_cut_numbers(number[:-3], [part])


def test_a_stranger_is_unapproved(accepted: Batch) -> None:
    lines = lines_of(accepted)
    found = find([*lines, {**lines[0], "msisdn": "27825559999"}])
    assert broken(found) == {"unapproved"}


def test_a_text_of_a_batch_that_was_held_is_unapproved(prepared: Batch) -> None:
    transition(prepared, "held", reason="refused", sentence="The provider refused it.", due_at=None)
    assert broken(find(lines_of(prepared))) == {"unapproved"}


def test_a_text_to_somebody_the_provider_named_in_error_is_unapproved(accepted: Batch) -> None:
    lines = lines_of(accepted)
    person = Recipient.objects.get(msisdn=lines[0]["msisdn"])
    RecipientOutcome.objects.create(batch=accepted, recipient=person, result="row_error", code="no_network")
    change(accepted, row_errors=1, causes=[["row_error", "no_network", "", "", 1]])
    assert broken(find(lines[1:])) == set()
    found = find(lines)
    assert broken(found) == {"unapproved"}
    assert "the provider reports" in found.unapproved[0]


def test_a_campaign_that_nobody_approved_is_unapproved(accepted: Batch) -> None:
    change(accepted.campaign, approved_by=None)
    found = find(lines_of(accepted))
    assert broken(found) == {"unapproved"}
    assert "approved by nobody" in found.unapproved[0]


def test_a_campaign_that_was_changed_after_its_approval_is_unapproved(accepted: Batch) -> None:
    change(accepted.campaign, parts_ceiling=77)
    found = find(lines_of(accepted))
    assert broken(found) == {"unapproved"}
    assert "is not what was approved" in found.unapproved[0]


def test_people_who_were_changed_after_the_freeze_are_unapproved(accepted: Batch) -> None:
    accepted.campaign.recipients.update(value6="Somebody else")
    found = find(lines_of(accepted))
    assert broken(found) == {"unapproved"}
    assert "other recipients" in found.unapproved[0]


def test_a_batch_that_texted_nobody_is_not_unapproved(prepared: Batch) -> None:
    change(prepared.campaign, approved_by=None)
    assert broken(find()) == set()


def test_what_a_restored_database_has_in_doubt_is_left_to_a_person(prepared: Batch) -> None:
    transition(prepared.campaign, "paused", reason="restored", sentence="An older copy was put back.")
    change(prepared.campaign, parts_ceiling=77)
    assert broken(find(lines_of(prepared))) == set()


def test_a_forgotten_file_of_a_campaign_that_waits_for_its_turn_is_left_until_then(prepared: Batch) -> None:
    now, campaign = timezone.now(), prepared.campaign
    journal.intend(prepared, 1, prepared.name, now)
    lines = lines_of(prepared)
    campaign.recipients.update(batch_number=None)
    prepared.events.all().delete()
    prepared.delete()
    change(campaign, batches_due_at=now + timedelta(hours=1), nobody_waits_up_to="")
    assert broken(find(lines)) == set()

    found = find(lines, later=timedelta(hours=2))

    assert any("although nobody should have been" in sentence for sentence in found.unapproved)


def test_a_text_of_a_forgotten_file_of_another_campaign_of_the_chain_is_not_this_ones(prepared: Batch) -> None:
    first = prepared.campaign
    rest = Campaign.objects.create(
        name="Rest",
        account=prepared.account,
        text=first.text,
        sender=first.sender,
        options=first.options,
        created_by=first.created_by,
        follows=first,
        chain_root=first,
    )
    forgotten = Batch(campaign=rest, account=prepared.account, stem=f"c{rest.pk}-b1-g1-5", sha256="5" * 64)
    journal.intend(forgotten, 1, "5.zip", timezone.now())
    transition(prepared, "cancelled", reason="corrected", sentence="The rest is corrected.", due_at=None)
    lines = lines_of(prepared)

    assert broken(find([{**line, "sha256": forgotten.sha256} for line in lines])) == set()
    assert broken(find(lines)) == {"unapproved"}


def test_a_decision_about_a_restored_file_says_nothing_of_those_no_longer_in_it(unclear: Batch) -> None:
    lines = lines_of(unclear)
    gone = Recipient.objects.of_batch(unclear).first()
    assert gone is not None
    Recipient.objects.filter(pk=gone.pk).update(batch_number=None, excluded_reason="opted_out_later")
    Batch.objects.filter(pk=unclear.pk).update(rows=unclear.rows - 1)
    Campaign.objects.filter(pk=unclear.campaign_id).update(opted_out_later=1)
    transition(unclear, "accepted", reason="decided", sentence="The provider took all of it.")
    assert "unapproved" in broken(find(lines))
    record_event(unclear.campaign, "restored_differs", "An older copy was put back.", batch=unclear)
    assert "unapproved" not in broken(find(lines))


# -- the bytes


def test_other_bytes_than_those_rendered_are_found(accepted: Batch) -> None:
    first, *others = lines_of(accepted)
    found = find([{**first, "sha256": "0" * 64}, *others])
    assert broken(found) == {"bytes_differ"}
    assert "arrived with other bytes" in found.bytes_differ[0]


def test_a_stored_file_that_was_changed_is_found(accepted: Batch) -> None:
    Path(default_storage.path(str(accepted.payload))).write_bytes(b"something else")
    assert broken(find(lines_of(accepted))) == {"bytes_differ"}


def test_what_a_person_accepted_may_lack_its_last_line_break(unclear: Batch) -> None:
    transition(unclear, "accepted", reason="decided", sentence="The provider took all of it.")
    assert broken(find([{**line, "sha256": "0" * 64} for line in lines_of(unclear)])) == set()


def test_each_attempt_renders_minutes_from_now_anew(
    make_running: MakeCampaign, account_at: Callable[..., Account], sandbox: Sandbox
) -> None:
    account = account_at("clickatell")
    end = timezone.now() + timedelta(hours=4)
    batch = make_running(account, options=default_options(account), end_at=end).batches.get()
    commit(batch, "accepted")
    assert broken(find([{**line, "sha256": "0" * 64} for line in lines_of(batch)])) == set()


# -- no silent state


@pytest.mark.parametrize(("since", "is_silent"), [(59, False), (61, True)])
def test_people_without_a_batch_are_silent(
    make_campaign: MakeCampaign, account: Account, operator: User, approver: User, since: int, is_silent: bool
) -> None:
    campaign = approve(freeze(make_campaign(account), operator), approver)
    transition(campaign, "running", started_at=timezone.now() - timedelta(seconds=since))
    found = find()
    assert broken(found) == ({"silent"} if is_silent else set())
    assert all("no batches are created" in sentence for sentence in found.silent)


@pytest.mark.parametrize("status", ["running", "paused"])
def test_a_campaign_that_ended_and_was_not_closed_is_silent(prepared: Batch, status: str) -> None:
    commit(prepared, "accepted")
    if status == "paused":
        transition(prepared.campaign, "paused", reason="paused", sentence="Paused by a user.")
    lines = lines_of(prepared)
    assert broken(find(lines, later=timedelta(seconds=55))) == set()
    found = find(lines, later=timedelta(seconds=65))
    assert broken(found) == {"silent"}
    assert "nothing is open" in found.silent[0]


@pytest.mark.parametrize("status", ["freezing", "approved"])
def test_a_campaign_that_never_began_is_silent(running: Campaign, status: str) -> None:
    change(running, status=status)
    assert "silent" in broken(find())


@pytest.mark.parametrize("seconds", [None, -61, 301])
@pytest.mark.parametrize("status", ["prepared", "uploading", "committing"])
def test_a_batch_that_the_sweep_does_not_find_is_silent(prepared: Batch, status: str, seconds: int | None) -> None:
    at = None if seconds is None else timezone.now() + timedelta(seconds=seconds + (seconds > 0))
    change(prepared, status=status, due_at=at)
    assert broken(find()) == {"silent"}
    change(prepared, due_at=timezone.now() + timedelta(minutes=4))
    assert broken(find()) == set()


@pytest.mark.parametrize("hours", [None, -1, 8])
@pytest.mark.parametrize("status", ["handed_over", "processing"])
def test_a_batch_that_is_no_longer_polled_is_silent(prepared: Batch, status: str, hours: int | None) -> None:
    at = None if hours is None else timezone.now() + timedelta(hours=hours)
    commit(prepared, status, poll_at=at)
    assert broken(find(lines_of(prepared))) == {"silent"}
    change(prepared, poll_at=timezone.now() + timedelta(hours=6))
    assert broken(find(lines_of(prepared))) == set()


@pytest.mark.parametrize("status", ["handed_over", "processing"])
def test_a_batch_that_is_with_the_provider_beyond_its_patience_is_silent(prepared: Batch, status: str) -> None:
    now = timezone.now()
    # 15 minutes at SMSPortal, and up to three more until the poll that ends them.
    commit(prepared, status, handed_over_at=now - timedelta(minutes=17), poll_at=now)
    assert find(lines_of(prepared)).sentences() == []
    change(prepared, handed_over_at=now - timedelta(minutes=19))
    assert "beyond its patience" in find(lines_of(prepared)).silent[0]
    transition(prepared, "unclear", reason="silent", sentence="It showed nothing.")
    assert find(lines_of(prepared)).silent == []


@pytest.mark.parametrize(("minutes", "is_silent"), [(5, False), (7, True)])
def test_a_log_that_stands_still_is_silent(prepared: Batch, minutes: int, is_silent: bool) -> None:
    seen_at = timezone.now() - timedelta(minutes=minutes)
    commit(prepared, "processing", poll_at=timezone.now(), handed_over_at=seen_at)
    change(prepared, reason="log_growing")
    prepared.evidence.create(seen_at=seen_at, last_seen_at=timezone.now(), digest="0")
    assert broken(find(lines_of(prepared))) == ({"silent"} if is_silent else set())


def test_a_batch_that_a_cancelled_campaign_left_behind_is_silent(prepared: Batch) -> None:
    transition(prepared.campaign, "cancelled")
    assert broken(find()) == set()
    assert broken(find(later=timedelta(minutes=2))) == {"silent"}


@pytest.mark.parametrize("lacking", ["reason", "sentence"])
@pytest.mark.parametrize("status", ["held", "unclear", "paused"])
def test_what_waits_for_a_person_says_why(prepared: Batch, status: str, lacking: str) -> None:
    row: Campaign | Batch = prepared
    if status == "paused":
        row = transition(prepared.campaign, "paused", reason="no_progress", sentence="Nothing could be handed over.")
    elif status == "held":
        row = transition(prepared, "held", reason="expired", sentence="Its time has passed.", due_at=None)
    else:
        row = commit(prepared, "unclear", reason="no_evidence", sentence="The line broke.")
        prepared.attempts.update(code="line_broke")
    assert broken(find()) == set()
    change(row, **{lacking: ""})
    found = find()
    assert broken(found) == {"silent"}
    assert "does not say why" in found.silent[0]


# -- evidence and books


def test_an_unclear_batch_carries_evidence(unclear: Batch) -> None:
    assert broken(find()) == set()
    unclear.attempts.update(code="")
    assert broken(find()) == {"without_evidence"}
    unclear.attempts.all().delete()
    assert broken(find()) == {"without_evidence"}


def test_books_that_do_not_balance_are_found(accepted: Batch) -> None:
    change(accepted.campaign, opted_out_later=1)
    found = find(lines_of(accepted))
    assert broken(found) == {"books"}


# -- the logs

FORMS = [
    "27825550100",
    "+27825550100",
    "0027825550100",
    "0825550100",
    "825550100",
    "+27 82 555 0100",
    "+27 (0)82 555-0100",
    "082 555 0100",
    "0027 82 555 0100",
    "(082) 555.0100",
]


@pytest.mark.parametrize("written", FORMS)
def test_a_number_is_found_in_a_log_however_it_is_written(accepted: Batch, tmp_path: Path, written: str) -> None:
    log = tmp_path / "worker.log"
    for line in ("{}", "to {}.", "17 {} 4", "msisdn={}&x=1", '"{}"', "of 1234567 {}, 12 others"):
        log.write_text(f"2026-11-21 11:30:08,123 {line.format(written)}\n")
        assert broken(find(lines_of(accepted), logs=[log])) == {"leaks"}, line


def test_a_number_of_a_stranger_to_the_database_is_found(accepted: Batch, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("27831112222 opted out")
    assert broken(find(lines_of(accepted), logs=[log])) == {"leaks"}
    log.write_text("083 111 2222 opted out")
    assert broken(find(lines_of(accepted), logs=[log])) == set()
    opt_outs = {"27831112222": datetime(2026, 1, 1, tzinfo=UTC)}
    assert broken(find(lines_of(accepted), opt_outs, logs=[log])) == {"leaks"}


def test_times_and_ids_are_no_numbers(accepted: Batch, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text(
        "2026-11-21 11:30:08,825 c12-b3-g1-77d0a1b2 1763724608.825550 127.0.0.1:45321 key 2147483647\n"
        "127825550100 8255501001 job 01825550100 278255501 20261121113008\n"
        "worker 3a04d3b27825550100d222c9f4538aa6: job 5a95d972-3666-44c6-b7ca-27825550100a\n"
    )
    assert find(lines_of(accepted), logs=[log]).leaks == []


def test_a_password_in_a_log_is_found(accepted: Batch, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("login baton s3cret refused")
    assert broken(find(lines_of(accepted), logs=[log])) == {"leaks"}


@pytest.mark.parametrize("kind", ["opens", "pace", "canary"])
def test_a_file_out_of_its_turn_is_found(accepted: Batch, kind: str) -> None:
    now = timezone.now()
    journal.intend(accepted, 1, accepted.name, now)
    assert broken(find(lines_of(accepted))) == set()
    fields = stagger(kind, now, accepted.rows)
    if kind == "pace":
        fields = {"pace": accepted.rows - 1}
    elif kind == "canary":
        change(accepted, number=2)

    change(accepted.campaign, **fields)

    assert "out_of_turn" in broken(find(lines_of(accepted)))
