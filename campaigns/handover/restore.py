"""After a restore of an older database: what the journals know is brought back before anything is handed over."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction

from campaigns import timing
from campaigns.handover import journal
from campaigns.handover.recovery import RESTORED
from campaigns.lifecycle import record_event, transition
from campaigns.models import Attempt, Batch, Campaign
from campaigns.results.schedule import unclear_fields
from campaigns.results.settle import RESTORED_OTHER_BYTES
from contacts.suppression import reapply_journal
from providers.base import NOT_ARRIVED


def missing_intents(batch: Batch) -> list[dict[str, Any]]:
    """The intents of a batch that a journal knows and the database does not: an older copy of it was restored."""
    # The journal first: what it knows was in the database before.
    journalled = journal.intents(batch.stem)
    known = set(batch.attempts.values_list("number", flat=True))
    return [line for line in journalled if line["attempt"] not in known]


def replay_intents(batch: Batch, now: datetime) -> bool:
    """Store what a journal knows of a prepared or committing batch and the database forgot; say whether there was any.

    The attempts are stored again as such whose end is not known, so that Baton looks before anything else. Where other
    bytes were meant, no evidence can speak for these: a person is asked.
    """
    forgotten = missing_intents(batch)
    if not forgotten:
        return False
    started = [datetime.fromisoformat(line["at"]) for line in forgotten]
    sentence = "The journal knows that it may have been handed over before the database was restored."
    with transaction.atomic():
        for line, moment in zip(forgotten, started, strict=True):
            number, name = line["attempt"], line["name"]
            Attempt.objects.create(batch=batch, number=number, name=name, host=batch.account.host, started_at=moment)
        if batch.status == Batch.Status.PREPARED:
            transition(batch, Batch.Status.UPLOADING, reason=RESTORED)
            transition(
                batch,
                Batch.Status.COMMITTING,
                reason=RESTORED,
                sentence=sentence,
                first_intent_at=min(started),
                due_at=now,
            )
        else:
            record_event(batch.campaign, RESTORED, sentence, batch=batch)
        if any(line["sha256"] != batch.sha256 for line in forgotten):
            differs = f"{sentence} That file held other people or other texts than this one."
            transition(
                batch, Batch.Status.UNCLEAR, reason=RESTORED_OTHER_BYTES, sentence=differs, **unclear_fields(batch, now)
            )
    return True


def cancel_unless_journalled(batch: Batch, now: datetime, **fields: Any) -> None:
    """Cancel a batch that no commit of ours has reached; ``fields`` are those of the move.

    Where a journal knows more than the database it may be with the provider: then Baton looks first.
    """
    if not missing_intents(batch):
        transition(batch, Batch.Status.CANCELLED, due_at=None, **fields)
        return
    if batch.status != Batch.Status.PREPARED:
        transition(batch, Batch.Status.PREPARED, reason=RESTORED)
    replay_intents(batch, now)


def journal_is_ahead(campaign: Campaign) -> bool:
    """Whether a journal knows files of the campaign that the database does not, or knows with other bytes."""
    journalled = journal.batches_of(campaign.pk)
    stored = dict(campaign.batches.filter(stem__in=list(journalled)).values_list("stem", "sha256"))
    # Other bytes under the same name are forgotten too, also once a person was asked about them.
    return any(sums != {stored.get(stem)} for stem, sums in journalled.items())


def journal_contradicts(batch: Batch) -> bool:
    """Whether a journal knows better than the database about a committing batch: an older copy of it was restored.

    A withdrawal is in the database before it is in the journal. Where only the journal has it, other files, made
    without somebody who opted out, may have been handed over since.
    """
    withdrawn = journal.withdrawn(batch.stem)
    state = batch.attempts.filter(number__in=withdrawn).exclude(ending__in=NOT_ARRIVED)
    return state.exists() or journal_is_ahead(batch.campaign)


def hold_back_if_journal_is_ahead(campaign: Campaign, batch: Batch, now: datetime) -> bool:
    """Keep a batch back where a journal knows files of its campaign that the database forgot, and say whether it was.

    Who was in such a file may be in another one now. While the campaign is still being cut its files may yet come.
    """
    if not journal_is_ahead(campaign):
        return False
    if campaign.recipients.waiting().exists():
        Batch.objects.filter(pk=batch.pk).update(due_at=now + timing.RETRY_WHILE_BATCHES_ARE_CREATED)
        return True
    sentence = (
        "The database was restored from an older copy, and the journal knows files of this campaign that it has "
        "forgotten. Whoever was in them may be in another file now, so nothing more is handed over. Ask the provider "
        "who was texted, cancel this campaign, and make a new one for the others."
    )
    transition(campaign, Campaign.Status.PAUSED, reason=RESTORED, sentence=sentence)
    return True


def replay_journal() -> tuple[int, int]:
    """Record forgotten opt-outs again, and see that no campaign gets an id a journal already names.

    Returns how many opt-outs were recorded again and the highest campaign id a journal names. The intents themselves
    are looked up batch by batch when it is about to be handed over.
    """
    opt_outs = reapply_journal()
    latest = journal.latest_campaign()
    newest = Campaign.objects.order_by("-id").values_list("id", flat=True).first() or 0
    if latest > newest:
        _raise_sequence(latest)
    return opt_outs, latest


def _raise_sequence(latest: int) -> None:
    table = Campaign._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sequence = "pg_get_serial_sequence(%s, 'id')"
            cursor.execute(f"SELECT setval({sequence}, GREATEST(%s, nextval({sequence})))", [table, latest, table])
            return
        cursor.execute("UPDATE sqlite_sequence SET seq = MAX(seq, %s) WHERE name = %s", [latest, table])
        if cursor.rowcount == 0:
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, latest])
