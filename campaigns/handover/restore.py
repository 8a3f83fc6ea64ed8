"""After a restore of an older database: replay what the journals know before anything is handed over."""

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from campaigns import timing
from campaigns.chain import root_of
from campaigns.handover import journal
from campaigns.lifecycle import record_event, transition
from campaigns.models import Attempt, Batch, Campaign, Recipient
from campaigns.results.schedule import unclear_fields
from campaigns.results.settle import RESTORED_OTHER_BYTES
from campaigns.statuses import RESTORED
from contacts.suppression import reapply_journal
from providers.base import NOT_ARRIVED

#: More campaigns than anybody makes between a backup and a restore without the journals.
UNUSED_IDS = 10_000


def missing_intents(batch: Batch) -> list[dict[str, Any]]:
    """The intents of a batch that a journal has and the database lacks, because an older copy was restored."""
    # The journal is read first: what it has was in the database before.
    journalled = journal.intents(batch.stem)
    known = set(batch.attempts.order_by().values_list("number", flat=True))
    return [line for line in journalled if line["attempt"] not in known]


def replay_intents(batch: Batch, now: datetime) -> bool:
    """Store the intents of a prepared or committing batch that only a journal has; return whether there were any.

    The attempts are stored again with an unknown ending, so that Baton polls before anything else. If an intent was
    about other bytes, evidence cannot settle this batch, and a person is asked.
    """
    forgotten = missing_intents(batch)
    if not forgotten:
        return False
    started = [datetime.fromisoformat(line["at"]) for line in forgotten]
    sentence = "According to the journal, it may have been handed over before the database was restored."
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
            differs = f"{sentence} That file had other recipients or other texts than this one."
            transition(
                batch, Batch.Status.UNCLEAR, reason=RESTORED_OTHER_BYTES, sentence=differs, **unclear_fields(batch, now)
            )
    return True


def cancel_unless_journalled(batch: Batch, now: datetime, **fields: Any) -> None:
    """Cancel a batch that no commit has reached; ``fields`` are those of the transition.

    If a journal knows more than the database, the batch may be with the provider, and Baton polls first.
    """
    if not missing_intents(batch):
        transition(batch, Batch.Status.CANCELLED, due_at=None, **fields)
        return
    if batch.status != Batch.Status.PREPARED:
        transition(batch, Batch.Status.PREPARED, reason=RESTORED)
    replay_intents(batch, now)


def journal_is_ahead(campaign: Campaign) -> bool:
    """Whether a journal has batches of the campaign's chain that the database lacks, or has with other bytes.

    A follow-up that the database has forgotten may have texted people whom the campaign, or a new follow-up, would
    text again.
    """
    root = root_of(campaign)
    journalled = journal.batches_of_chain(root)
    chain = Batch.objects.filter(Q(campaign=root) | Q(campaign__chain_root=root))
    stored = dict(chain.filter(stem__in=list(journalled)).values_list("stem", "sha256"))
    # Other bytes under the same name are missing as well, even after a person was asked about them.
    return any(sums != {stored.get(stem)} for stem, sums in journalled.items())


def journal_contradicts(batch: Batch) -> bool:
    """Whether a journal contradicts the database about a committing batch, because an older copy was restored.

    A withdrawal is stored in the database before it is journalled. If only the journal has it, other files, created
    without somebody who opted out, may have been handed over since.
    """
    withdrawn = journal.withdrawn(batch.stem)
    state = batch.attempts.filter(number__in=withdrawn).exclude(ending__in=NOT_ARRIVED)
    return state.exists() or journal_is_ahead(batch.campaign)


def has_opt_outs_since_restore(batch: Batch) -> bool:
    """Whether a batch whose intent only a journal had includes somebody who has opted out."""
    return batch.reason == RESTORED and Recipient.objects.of_batch(batch).opted_out().exists()


def hold_back_if_journal_is_ahead(campaign: Campaign, batch: Batch, now: datetime) -> bool:
    """Hold a batch back if a journal has batches of its chain that the database lacks; return whether it was.

    The recipients of such a batch may be in another one now. While batches are still being created, the missing ones
    may yet come. In a staggered campaign they are created only later, and perhaps with other people.
    """
    if not journal_is_ahead(campaign):
        return False
    if not campaign.is_staggered and Recipient.objects.has_waiting(campaign):
        Batch.objects.filter(pk=batch.pk).update(due_at=now + timing.RETRY_WHILE_BATCHES_ARE_CREATED)
        return True
    sentence = (
        "The database was restored from an older copy, and the journal lists files of this campaign, or of one that it "
        "follows or that follows it, that are missing from the database. Their recipients may be in another file now, "
        "so nothing more is handed over. Ask the provider who was texted, cancel this campaign, and create a new one "
        "for the others."
    )
    transition(campaign, Campaign.Status.PAUSED, reason=RESTORED, sentence=sentence)
    return True


def replay_journal() -> tuple[int, int]:
    """Record missing opt-outs again, and make sure that no campaign gets an id that a journal already has.

    Returns how many opt-outs were recorded again and the highest campaign id in the journals. Intents are replayed
    batch by batch, when a batch is about to be handed over.
    """
    opt_outs = reapply_journal()
    latest = journal.latest_campaign()
    if latest > _newest_id():
        _raise_sequence(latest)
    return opt_outs, latest


def leave_ids_unused() -> None:
    """Give no campaign an id that a lost journal may have: the names of files are derived from it."""
    _raise_sequence(_newest_id() + UNUSED_IDS)


def _newest_id() -> int:
    return Campaign.objects.order_by("-id").values_list("id", flat=True).first() or 0


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
