"""Erases what is older than the retention settings allow, kind by kind. A run may be interrupted and repeated.

Each kind has its own setting (``settings.RETENTION_DAYS``); 0 keeps everything. Each run is stored as a Purge, and one
that erased something is in the audit trail too.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from audit.models import AuditEntry
from campaigns.chain import chain_of, root_of
from campaigns.models import Campaign, Purge
from campaigns.privacy.chains import ended_chains
from campaigns.privacy.files import erase_files
from campaigns.privacy.recipients import erase_recipients
from campaigns.privacy.replies import count_unread, due_replies, erase_replies
from campaigns.statuses import RetentionKind
from campaigns.timing import PURGE_EVERY, Clock
from contacts import retention
from contacts.audit_log import record
from contacts.errors import Refusal
from contacts.models import Import
from providers.locks import hold

#: Held by the one process that purges.
LOCK = "purge"
#: Sentences about what had to stay that a report keeps.
SHOWN = 20

#: The days that docs/privacy.md recommends, with the reasons.
RECOMMENDED_DAYS = {
    RetentionKind.UPLOADS: 30,
    RetentionKind.LEFT_OUT: 30,
    RetentionKind.PROVIDER_FILES: 180,
    RetentionKind.RECIPIENTS: 365,
    RetentionKind.REPLIES: 180,
}

#: Campaigns whose files, or whose numbers, are not erased yet, or not completely.
_HAS_FILES = Q(files_erased_at=None)
_HAS_NUMBERS = Q(recipients_erased_at=None) | Q(kept_digest="")


@dataclass
class Purged:
    """What a run erased, or would erase, of one kind.

    ``items``: imports, campaigns or replies; ``rows``: the rows or files in them, 0 in a dry run. ``left``: sentences
    about what is old enough and had to stay.
    """

    kind: str
    days: int
    items: int = 0
    rows: int = 0
    left: list[str] = field(default_factory=list)


#: How many items a piece of work is about, and the function that erases them and returns how many rows or files.
Work = tuple[int, Callable[[], int]]


def purge(clock: Clock, dry_run: bool = False) -> list[Purged]:
    """Erase everything that is due; with ``dry_run``, only count it. [] if no kind has a retention.

    Raises Refusal ``busy`` if another process purges.
    """
    kinds = [Purged(kind, days) for kind, days in settings.RETENTION_DAYS.items() if days]
    if dry_run:
        for one in kinds:
            one.items = sum(items for items, _ in _work(one, clock))
        return kinds
    if not kinds:
        return []
    with hold(LOCK) as lock:
        if lock is None:
            raise Refusal("busy", "Another process is erasing old data right now. Try again when it has ended.")
        run = Purge.objects.create(started_at=clock())
        for one in kinds:
            for items, erase in _work(one, clock):
                _try(one, items, erase)
            if one.kind == RetentionKind.REPLIES and (unread := count_unread(clock() - timedelta(days=one.days))):
                which = "1 reply that nobody has read stays." if unread == 1 else f"{unread:,} unread replies stay."
                one.left.append(f"{which} Mark what you have read under Replies; the next run erases it.")
        run.ended_at, run.report = clock(), [asdict(one) for one in kinds]
        run.save(update_fields=["ended_at", "report"])
    _record(run, kinds)
    return kinds


def is_due(now: datetime) -> bool:
    """Whether some kind has a retention, and the last run began a day ago."""
    return any(settings.RETENTION_DAYS.values()) and not Purge.objects.filter(started_at__gt=now - PURGE_EVERY).exists()


def _try(found: Purged, items: int, erase: Callable[[], int]) -> None:
    """Count what is erased; what is refused stays, and the report says why."""
    try:
        found.rows += erase()
        found.items += items
    except Refusal as refusal:
        if len(found.left) < SHOWN:
            found.left.append(refusal.sentence)


def _work(of: Purged, clock: Clock) -> Iterator[Work]:
    """The pieces of work of a kind; nothing is erased before their functions are called."""
    before = clock() - timedelta(days=of.days)
    if of.kind == RetentionKind.UPLOADS:
        for pk in list(retention.due_uploads(before).values_list("pk", flat=True)):
            yield 1, partial(_erase_upload, pk, clock)
    elif of.kind == RetentionKind.LEFT_OUT:
        for import_ in list(retention.due_left_out(before).only("pk")):
            yield 1, partial(retention.erase_left_out, import_, clock())
    elif of.kind == RetentionKind.PROVIDER_FILES:
        for campaign in _campaigns(before, clock(), _HAS_FILES):
            yield 1, partial(erase_files, campaign, clock())
    elif of.kind == RetentionKind.RECIPIENTS:
        for campaign in _campaigns(before, clock(), _HAS_NUMBERS):
            yield 1, partial(_erase_recipients, campaign, before, clock)
    else:
        rows = due_replies(before)
        yield rows.count(), lambda: erase_replies(rows, clock())


def _campaigns(before: datetime, now: datetime, unerased: Q) -> Iterator[Campaign]:
    """The campaigns with something to erase, chain by chain."""
    members = Campaign.objects.filter(unerased).filter(Q(pk=OuterRef("pk")) | Q(chain_root=OuterRef("pk")))
    for root in list(ended_chains(before, now).filter(Exists(members)).order_by("pk")):
        yield from chain_of(root).filter(unerased).order_by("pk")


def _erase_upload(pk: int, clock: Clock) -> int:
    retention.erase_upload(Import.objects.get(pk=pk), clock())
    return 1


def _erase_recipients(campaign: Campaign, before: datetime, clock: Clock) -> int:
    root = root_of(campaign)
    return erase_recipients(campaign, clock(), lambda: ended_chains(before, clock()).filter(pk=root).exists())


def _record(run: Purge, kinds: list[Purged]) -> None:
    """Write an entry of the audit trail about a run that erased something."""
    changes = {one.kind: ("", f"{one.items} ({one.rows} rows or files)") for one in kinds if one.items}
    if changes:
        record(run, AuditEntry.Action.DELETE, changes, name=f"purge {run.pk}")
