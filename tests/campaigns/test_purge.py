"""Retention: what is old enough is erased, kind by kind, and books and digests can still be proved."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEntry
from campaigns import follow_up, jobs
from campaigns.audience import erased
from campaigns.audience.approval import audience_digest, is_as_approved
from campaigns.lifecycle import transition
from campaigns.models import Batch, Campaign, CampaignExclusion, Evidence, Purge, Recipient, Reply
from campaigns.privacy import purging, recipients
from campaigns.results import balance
from campaigns.results.evidence import keep_observation
from contacts import retention
from contacts.errors import Refusal
from contacts.importing import ImportRefusal, begin_undo
from contacts.models import Contact, ContactList, Import, ImportCorrection, ImportIssue, ImportRow
from contacts.pseudonyms import pseudonym
from providers import base
from providers.models import Account
from tests.campaigns.conftest import Clock, MakeCampaign

NUMBER = "27825550100"


@pytest.fixture
def ended(account: Account, make_running: MakeCampaign, clock: Clock) -> Campaign:
    """A campaign that ended now, with one accepted file, its evidence and a number that failed."""
    campaign = make_running(account)
    batch = campaign.batches.get()
    for status in ("uploading", "committing", "accepted"):
        transition(batch, status)
    Batch.objects.filter(pk=batch.pk).update(first_intent_at=clock())
    seen = base.ObservedFile("out", "report.csv", 11, None, NUMBER.encode(), "host")
    keep_observation(batch, base.Observation(clock(), ("host",), (seen,), (b"OK",)))
    transition(campaign, "closed")
    return campaign


@pytest.fixture
def keep_days(settings: Settings) -> Callable[..., None]:
    """Set the days of some kinds; the others keep everything."""

    def keep(**days: int) -> None:
        settings.RETENTION_DAYS = dict.fromkeys(settings.RETENTION_DAYS, 0) | days

    return keep


def run(clock: Clock, **options: Any) -> dict[str, tuple[int, int]]:
    return {one.kind: (one.items, one.rows) for one in purging.purge(clock, **options)}


def test_nothing_is_erased_unless_it_is_set(ended: Campaign, clock: Clock) -> None:
    clock.forward(days=10_000)
    assert run(clock) == {}
    assert not Purge.objects.exists()
    out = StringIO()
    call_command("purge", stdout=out)
    assert "no RETENTION_..._DAYS is set" in out.getvalue()


def test_numbers_are_replaced_and_everything_can_still_be_proved(
    ended: Campaign, clock: Clock, keep_days: Callable[..., None]
) -> None:
    before = ended.audience_digest
    row = ended.recipients.get(msisdn=NUMBER)
    values = [row.msisdn, row.customer_id, *row.values().values(), row.message]
    keep_days(recipients=30)
    clock.forward(days=29)
    assert run(clock) == {"recipients": (0, 0)}
    clock.forward(days=2)
    assert run(clock, dry_run=True) == {"recipients": (1, 0)}
    assert Recipient.objects.filter(msisdn=NUMBER).exists()
    assert run(clock) == {"recipients": (1, 5)}

    ended.refresh_from_db()
    row.refresh_from_db()
    assert (row.msisdn, row.is_erased, row.contact_id) == (pseudonym(NUMBER), True, 0)
    # Whoever has the key and the original row proves that it is this one.
    assert row.customer_id == recipients.row_pseudonym(values)
    assert {row.message, *row.values().values()} == {""}
    assert not Recipient.objects.filter(msisdn__startswith="27").exists()
    assert (ended.audience_digest, is_as_approved(ended)) == (before, True)
    assert before in ended.events.get(reason="recipients_erased").sentence
    assert ended.kept_digest in ended.events.get(reason="recipients_erased").sentence
    assert balance.audit(ended).balanced
    jobs.audit(ended.pk)
    ended.refresh_from_db()
    assert ended.alarm == ""
    # A change of what is left is still found.
    ended.recipients.filter(pk=row.pk).update(customer_id="~other")
    jobs.audit(ended.pk)
    ended.refresh_from_db()
    assert ended.alarm == "The recipients changed after submission."
    # Only the run that erased something is in the audit trail.
    assert run(clock) == {"recipients": (0, 0)}
    assert AuditEntry.objects.get(action=AuditEntry.Action.DELETE).changes_dict == {
        "recipients": ["", "1 (5 rows or files)"]
    }


def test_what_cannot_be_proved_stays(
    ended: Campaign, clock: Clock, keep_days: Callable[..., None], settings: Settings
) -> None:
    ended.recipients.filter(msisdn=NUMBER).update(value1="Somebody else")
    settings.RETENTION_DAYS |= {"recipients": 30}
    clock.forward(days=31)
    [found] = purging.purge(clock)
    assert (found.items, found.left) == (0, [f"{ended}: its recipients changed after submission."])
    assert ended.recipients.filter(msisdn=NUMBER).exists()


def test_a_run_that_died_is_continued(
    ended: Campaign, clock: Clock, keep_days: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_days(recipients=30)
    clock.forward(days=31)
    monkeypatch.setattr(recipients, "CHUNK", 2)
    replace = recipients.replace
    done: list[None] = []

    def dies(*args: Any) -> None:
        if done:
            raise OSError("killed")
        done.append(replace(*args))

    monkeypatch.setattr(recipients, "replace", dies)
    with pytest.raises(OSError, match="killed"):
        run(clock)
    assert ended.recipients.filter(msisdn__startswith="~").count() == 2
    # Half of it is replaced: no alarm, and nothing may rely on the numbers.
    jobs.audit(ended.pk)
    ended.refresh_from_db()
    assert (ended.alarm, ended.kept_digest) == ("", "")
    assert ended.recipients_erased_at
    monkeypatch.setattr(recipients, "replace", replace)
    assert run(clock) == {"recipients": (1, 3)}
    jobs.audit(ended.pk)
    ended.refresh_from_db()
    assert (ended.alarm, bool(ended.kept_digest)) == ("", True)


@pytest.mark.parametrize("blocker", ["polled", "unclear", "follow-up"])
def test_what_is_still_needed_stays(
    ended: Campaign, clock: Clock, keep_days: Callable[..., None], operator: User, blocker: str
) -> None:
    keep_days(recipients=30, provider_files=30)
    clock.forward(days=31)
    if blocker == "polled":
        ended.batches.update(poll_at=clock(), poll_until=clock() + timedelta(hours=1))
    elif blocker == "unclear":
        ended.batches.update(status="unclear")
    else:
        Campaign.objects.create(name="Again", account=ended.account, follows=ended, chain_root=ended)
    assert run(clock) == {"recipients": (0, 0), "provider_files": (0, 0)}


def test_no_campaign_relies_on_erased_numbers(
    ended: Campaign, make_campaign: MakeCampaign, clock: Clock, keep_days: Callable[..., None], operator: User
) -> None:
    other = make_campaign(ended.account, ended.lists.get())
    keep_days(recipients=30)
    clock.forward(days=31)
    run(clock)
    ended.refresh_from_db()
    erased.refuse_erased(other, clock())
    assert "erased" in follow_up.why_not_follow_up(ended)
    Campaign.objects.filter(pk=other.pk).update(not_texted_for_days=60)
    with pytest.raises(Refusal, match="Choose fewer days"):
        erased.refuse_erased(Campaign.objects.get(pk=other.pk), clock())
    Campaign.objects.filter(pk=other.pk).update(not_texted_for_days=20)
    erased.refuse_erased(Campaign.objects.get(pk=other.pk), clock())
    CampaignExclusion.objects.create(campaign=other, of_campaign=ended)
    with pytest.raises(Refusal, match="cannot be chosen or skipped"):
        erased.refuse_erased(other, clock())


def test_files_and_evidence_are_deleted_and_their_checksums_stay(
    ended: Campaign, clock: Clock, keep_days: Callable[..., None]
) -> None:
    batch = ended.batches.get()
    seen = Evidence.objects.get()
    [[report, _]], [reply] = seen.files[0]["body"], seen.replies
    # The same answer, seen of a batch that is still polled.
    other = Evidence.objects.create(
        batch=batch, seen_at=clock(), last_seen_at=clock(), digest="d", files=[], replies=[reply]
    )
    payload, sha256 = str(batch.payload), batch.sha256
    Evidence.objects.filter(pk=other.pk).update(batch=_another(batch))
    keep_days(provider_files=30)
    clock.forward(days=31)
    assert run(clock) == {"provider_files": (1, 2)}
    assert [default_storage.exists(path) for path in (payload, report, reply)] == [False, False, True]
    batch.refresh_from_db()
    seen.refresh_from_db()
    assert (batch.payload.name, batch.sha256) == ("", sha256)
    assert (seen.files[0]["body"], seen.files[0]["size"], len(seen.files[0]["sha256"])) == ([], 11, 64)
    assert run(clock) == {"provider_files": (0, 0)}


def _another(batch: Batch) -> Batch:
    """A batch of another campaign, which is not over."""
    campaign = Campaign.objects.create(name="Other", account=batch.account)
    return Batch.objects.create(
        campaign=campaign, account=batch.account, number=1, stem="other", key=7, size=0, rows=0, parts=0
    )


def test_a_poll_stores_content_again_that_was_deleted_meanwhile(
    ended: Campaign, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, create = ended.batches.get(), Evidence.objects.create

    def deleted_meanwhile(**fields: Any) -> Evidence:
        for path in fields["replies"]:
            default_storage.delete(path)
        return create(**fields)

    monkeypatch.setattr(Evidence.objects, "create", deleted_meanwhile)
    row = keep_observation(batch, base.Observation(clock(), ("host",), (), (b"OK", b"More")))
    assert [default_storage.open(path).read() for path in row.replies] == [b"OK", b"More"]


def test_replies_are_erased_and_a_repeat_is_still_recognised(
    account: Account, clock: Clock, keep_days: Callable[..., None]
) -> None:
    from_person = {"account": account, "phone": "0825550100", "msisdn": NUMBER, "text": "Call me", "raw": b"Call me"}
    Reply.objects.create(
        **from_person, recorded_at=clock(), fingerprint="f", source="push", action="to_read", provider_ref="1"
    )
    keep_days(replies=90)
    clock.forward(days=91)
    # Nobody has read it.
    [found] = purging.purge(clock)
    assert (found.items, found.left[0][:40]) == (0, "1 reply that nobody has read stays. Mark")
    assert Reply.objects.get(action="to_read").text == "Call me"
    Reply.objects.update(action="read")
    [found] = purging.purge(clock)
    assert (found.items, found.rows, found.left) == (1, 1, [])
    row = Reply.objects.get()
    assert (row.msisdn, row.phone, row.text, bytes(row.raw), row.action) == (pseudonym(NUMBER), "", "", b"", "read")
    assert (row.fingerprint, run(clock)) == ("f", {"replies": (0, 0)})


def test_uploads_and_rows_left_out_are_erased_and_counters_stay(
    make_list: Callable[..., ContactList], clock: Clock, keep_days: Callable[..., None]
) -> None:
    path = default_storage.save("imports/a.csv", ContentFile(NUMBER.encode()))
    fields = {"list": make_list(), "original_name": "a.csv", "country": "ZA", "file": path, "sha256": "s"}
    done = Import.objects.create(
        **fields, status="done", created=1, read=1, first_rows=[[1, [NUMBER]]], samples=[[NUMBER]]
    )
    abandoned = Import.objects.create(**{**fields, "file": ""}, status="checked", mapping={"0": "phone"})
    ImportRow.objects.create(import_of=done, row=2, msisdn=NUMBER, bucket="created")
    ImportIssue.objects.create(
        import_of=done, row=3, code="other_country", sentence=f"Write +{NUMBER}.", value=NUMBER, cells=[NUMBER]
    )
    ImportCorrection.objects.create(import_of=done, row=3, column_number=0, old=NUMBER, new=NUMBER)
    keep_days(uploads=30, left_out=60)
    clock.forward(days=31)
    assert run(clock) == {"uploads": (2, 2), "left_out": (0, 0)}
    done.refresh_from_db()
    abandoned.refresh_from_db()
    assert (done.file.name, done.sha256, done.first_rows, done.samples) == ("", "s", [], [])
    assert (abandoned.status, default_storage.exists(path), done.rows.count()) == ("cancelled", False, 0)
    with pytest.raises(ImportRefusal, match="can no longer be undone"):
        begin_undo(done)
    assert Contact.objects.filter(msisdn=NUMBER).exists()

    clock.forward(days=31)
    assert run(clock)["left_out"][1] == 1
    issue = done.issues.get()
    assert (issue.code, issue.sentence, issue.value, issue.cells) == ("other_country", retention.ERASED, "", [])
    assert set(done.corrections.values_list("old", "new")) == {("", "")}
    done.refresh_from_db()
    assert (done.created, run(clock)["left_out"]) == (1, (0, 0))


def test_the_documentation_recommends_the_same_days() -> None:
    page = Path(__file__, "../../../docs/privacy.md").resolve().read_text()
    for kind, days in purging.RECOMMENDED_DAYS.items():
        assert f"| `RETENTION_{kind.upper()}_DAYS` | {days} |" in page


def test_the_command_counts_and_erases(ended: Campaign, keep_days: Callable[..., None], settings: Settings) -> None:
    keep_days(recipients=30)
    Campaign.objects.update(created_at=timezone.now() - timedelta(days=40))
    ended.events.update(at=timezone.now() - timedelta(days=40))
    out = StringIO()
    call_command("purge", "--dry-run", stdout=out)
    assert out.getvalue() == "Numbers and fields of recipients, older than 30 days: 1 campaign would be erased\n"
    ended.recipients.filter(msisdn=NUMBER).update(value1="Somebody else")
    with pytest.raises(CommandError, match="its recipients changed after submission"):
        call_command("purge", stdout=out)
    assert audience_digest(ended) != ended.audience_digest
