"""Everything that was ever done about one number, as one timeline, newest first.

Each query is served by an index on msisdn, or by the ids that such a query found. Texts are paged by key; a page also
holds whatever else happened between its first text and its last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from campaigns.audience.spec import rehearsal_of, text_to_show
from campaigns.models import Attempt, Batch, Recipient, RecipientOutcome, Reply
from campaigns.outcomes import current_generations, state_of
from contacts.models import Consent, Contact, ContactList, ImportRow, Suppression
from contacts.pseudonyms import pseudonym

#: Texts on one page, and the most rows of each other kind.
TEXTS, OTHERS = 50, 500
#: Imports of a list in which a number is looked up.
IMPORTS = 200
#: Characters that are shown of a provider's answer. All of it is kept.
SHOWN_OF_AN_ANSWER = 300


@dataclass
class Entry:
    """One line of the timeline. ``kind``: text, opted_out, opted_in, imported, added or reply; ``row`` fits it."""

    at: datetime
    kind: str
    row: Any
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class Timeline:
    """``older``: the id of the recipient whose page comes next; None on the last page.

    ``contacts``: those with the number, with their lists.
    """

    entries: list[Entry]
    contacts: list[Contact]
    older: int | None = None
    is_first: bool = True


def timeline_of(msisdn: str, before: int = 0) -> Timeline:
    """A page of the timeline of ``msisdn`` (digits): the newest, or the one with the texts before a recipient's id."""
    contacts = list(Contact.objects.filter(msisdn=msisdn).select_related("list")[:OTHERS])
    texts = _texts(msisdn, before)
    more = len(texts) > TEXTS
    texts = texts[:TEXTS]
    upper = None
    if before:
        last = Recipient.objects.filter(pk=before, msisdn__in=(msisdn, pseudonym(msisdn))).select_related(
            "campaign__account"
        )
        upper = next((entry.at for entry in _text_entries(list(last))), None)
    entries = _text_entries(texts)
    lower = entries[-1].at if more else None
    entries += [
        entry
        for entry in (*_opt_outs(msisdn), *_imports(msisdn, contacts), *_added(contacts), *_replies(msisdn))
        if (upper is None or entry.at < upper) and (lower is None or entry.at >= lower)
    ]
    entries.sort(key=lambda entry: entry.at, reverse=True)
    return Timeline(entries, contacts, older=texts[-1].pk if more else None, is_first=not before)


def text_of(row: Recipient) -> Entry:
    """The text of one recipient of a campaign, as the timeline of the number shows it."""
    return _text_entries([row])[0]


def since(msisdn: str, moment: datetime) -> list[Entry]:
    """The opt-outs, consents and replies of ``msisdn`` (digits) from this moment on, in no order."""
    return [entry for entry in (*_opt_outs(msisdn), *_replies(msisdn)) if entry.at >= moment]


def is_known(msisdn: str) -> bool:
    """Whether there is anything about these digits."""
    both = (msisdn, pseudonym(msisdn))
    return any(
        model.objects.filter(msisdn__in=both).exists() for model in (Contact, Suppression, Consent, Recipient, Reply)
    )


# -- texts ----------------------------------------------------------------------------------------------------------


def _texts(msisdn: str, before: int) -> list[Recipient]:
    rows = Recipient.objects.filter(msisdn__in=(msisdn, pseudonym(msisdn)))
    if before:
        rows = rows.filter(pk__lt=before)
    related = ("campaign__account", "campaign__approved_by", "campaign__frozen_by")
    return list(rows.select_related(*related).order_by("-pk")[: TEXTS + 1])


def _text_entries(rows: Sequence[Recipient]) -> list[Entry]:
    batches = _batches_of(rows)
    outcomes: dict[int, RecipientOutcome] = {}
    for own in RecipientOutcome.objects.filter(recipient__in=[row.pk for row in rows]).order_by("pk"):
        outcomes[own.recipient_id] = own
    last_attempts: dict[int, Attempt] = {}
    of_batches = [batch.pk for one in batches.values() for batch in one]
    for attempt in Attempt.objects.filter(batch__in=of_batches).order_by("number"):
        last_attempts[attempt.batch_id] = attempt
    names = dict(ContactList.objects.filter(pk__in={row.list_id for row in rows}).values_list("pk", "name"))
    lines = _lines_of(rows, batches)
    entries = []
    for row in rows:
        generations = batches.get((row.campaign_id, row.batch_number or 0), [])
        current = current_generations(generations).get(row.batch_number or 0)
        own_outcome = outcomes.get(row.pk)
        outcome, detail = state_of(row.campaign, row, own_outcome, current)
        campaign = row.campaign
        handed_over_at = current and (current.handed_over_at or current.first_intent_at)
        at = handed_over_at or campaign.approved_at or campaign.frozen_at or campaign.created_at
        more = {
            "text": text_to_show(row),
            "is_handed_over": bool(handed_over_at),
            "outcome": outcome,
            "detail": detail,
            "own": own_outcome,
            "batch": current,
            "line": lines[row.pk] if current else None,
            # A file that was replaced may have been taken by the provider all the same.
            "earlier": [batch for batch in generations if batch != current and batch.first_intent_at],
            "answer": _answer_of(last_attempts.get(current.pk) if current else None),
            "list_name": names.get(row.list_id, ""),
            "rehearsal": rehearsal_of(campaign),
        }
        entries.append(Entry(at, "text", row, more))
    return entries


def _batches_of(rows: Sequence[Recipient]) -> dict[tuple[int, int], list[Batch]]:
    """All generations of the batch of each row, by campaign and number."""
    wanted = {(row.campaign_id, row.batch_number) for row in rows if row.batch_number}
    found: dict[tuple[int, int], list[Batch]] = {}
    if wanted:
        query = Q()
        for campaign, number in wanted:
            query |= Q(campaign=campaign, number=number)
        for batch in Batch.objects.filter(query).order_by("generation"):
            found.setdefault((batch.campaign_id, batch.number), []).append(batch)
    return found


def _lines_of(rows: Sequence[Recipient], batches: Mapping[tuple[int, int], list[Batch]]) -> dict[int, int]:
    """The position of each person with a batch in its file, from 1, by the id of the row, in one query.

    The rows of a file are in the order of the numbers, from that of the first generation of the batch.
    """
    parts, values = [], list[Any]()
    for row in rows:
        if generations := batches.get((row.campaign_id, row.batch_number or 0)):
            parts.append(_COUNT_LINES)
            values += (row.pk, row.campaign_id, row.batch_number, generations[0].first_msisdn, row.msisdn)
    if not parts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        return dict(cursor.fetchall())


#: In SQL, because Django takes longer to compile fifty of them than the database to count. Nobody who is excluded has
#: the number of a batch.
_COUNT_LINES = """
    SELECT %s, COUNT(*) FROM "campaigns_recipient"
    WHERE campaign_id = %s AND batch_number = %s AND msisdn BETWEEN %s AND %s
"""


def _answer_of(attempt: Attempt | None) -> str:
    """The beginning of the provider's reply to the upload, as it came."""
    if attempt is None:
        return ""
    return bytes(attempt.receipt)[:SHOWN_OF_AN_ANSWER].decode("utf-8", "replace").strip()


# -- everything else --------------------------------------------------------------------------------------------------


def _opt_outs(msisdn: str) -> list[Entry]:
    rows = Suppression.objects.filter(msisdn=msisdn).select_related("created_by")[:OTHERS]
    consents = Consent.objects.filter(msisdn=msisdn).select_related("created_by")[:OTHERS]
    return [
        *(Entry(row.created_at, "opted_out", row) for row in rows),
        *(Entry(row.created_at, "opted_in", row) for row in consents),
    ]


def _added(contacts: Sequence[Contact]) -> list[Entry]:
    return [Entry(row.created_at, "added", row) for row in contacts]


def _imports(msisdn: str, contacts: Sequence[Contact]) -> list[Entry]:
    """The rows of imports into the lists that the number is on."""
    lists = [row.list for row in contacts]
    imports = [pk for one in lists for pk in one.imports.order_by("-pk").values_list("pk", flat=True)[:IMPORTS]]
    if not imports:
        return []
    rows = ImportRow.objects.filter(import_of__in=imports, msisdn=msisdn).exclude(bucket="")
    found = rows.select_related("import_of__list", "import_of__created_by")
    return [Entry(row.import_of.ended_at or row.import_of.created_at, "imported", row) for row in found]


def _replies(msisdn: str) -> list[Entry]:
    both = (msisdn, pseudonym(msisdn))
    rows = Reply.objects.filter(msisdn__in=both).select_related("account", "acted_by").defer("raw")[:OTHERS]
    return [Entry(row.received_at or row.recorded_at, "reply", row) for row in rows]
