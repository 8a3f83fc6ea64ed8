"""Replaces the numbers and fields of recipients by keyed hashes, so that books and digests can still be checked.

Before anything is replaced, the recipients are proved to be those that were approved and the books to balance. Then a
new digest over what is left takes the place of the first one (``campaigns.audience.approval``).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from campaigns.audience.approval import is_as_frozen, kept_digest
from campaigns.audience.rows import READ, Row
from campaigns.chain import root_of
from campaigns.handover.restore import journal_is_ahead
from campaigns.history import counted
from campaigns.lifecycle import lock_campaign, record_event
from campaigns.models import Batch, Campaign, CampaignPerson, Recipient
from campaigns.results import balance
from contacts.errors import Refusal
from contacts.pseudonyms import MARK, pseudonym, row_pseudonym
from contacts.snapshots import snapshot

#: Rows replaced in one transaction, so that others can write in between.
CHUNK = 5_000
#: The columns of a row without its id.
_COLUMNS = READ[1:]


def erased_row(row: Row) -> Row:
    """What replaces a row (see READ): its id, the pseudonym of its number, the keyed hash of all its values as the
    customer ID, and nothing else. A row that was erased stays as it is."""
    number, *_ = values = row[1:]
    if number.startswith(MARK):
        return row
    return (row[0], pseudonym(number), row_pseudonym(values), *[""] * (len(values) - 2))


def prove(campaign: Campaign) -> None:
    """Raise Refusal ``not_proved`` unless the books balance and the recipients are those that were frozen."""
    if journal_is_ahead(campaign):
        raise Refusal("not_proved", f"{campaign}: the database was restored, and the journal knows more files.")
    with snapshot():
        campaign.refresh_from_db()
        mismatch = balance.audit(campaign).mismatch
        is_frozen = is_as_frozen(campaign)
    if mismatch:
        raise Refusal("not_proved", f"{campaign}: its books do not balance. {mismatch}")
    if not is_frozen:
        raise Refusal("not_proved", f"{campaign}: its recipients changed after submission.")


def erase_recipients(campaign: Campaign, now: datetime, still_allowed: Callable[[], bool]) -> int:
    """Replace the numbers and fields of all recipients and people of an ended campaign; return how many recipients.

    ``still_allowed`` is asked once more while the first campaign of the chain is locked. After a crash, call it again.
    Raises Refusal ``not_proved`` or ``still_needed``, with nothing changed.
    """
    if campaign.recipients_erased_at is None:
        prove(campaign)
        with transaction.atomic():
            lock_campaign(root_of(campaign))
            if not still_allowed():
                raise Refusal("still_needed", f"{campaign}: its chain is in use again.")
            # From here on no freeze relies on these numbers: see campaigns.audience.erased.
            changes: dict[str, Any] = {"recipients_erased_at": now, "kept_digest": "", "problems": []}
            forget_ranges(campaign, campaign.batches.all())
            Campaign.objects.filter(pk=campaign.pk).update(**changes)
    replaced = _replace_all(Recipient, campaign)
    _replace_all(CampaignPerson, campaign)
    digest = kept_digest(campaign)
    with transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(kept_digest=digest)
        record_event(campaign, "recipients_erased", proof(campaign, replaced, digest))
    return replaced


def proof(campaign: Campaign, count: int, digest: str) -> str:
    """The sentence of the history that ties the new digest to the approved one."""
    before = f"Their digest was {campaign.audience_digest} as submitted. " if campaign.audience_digest else ""
    return (
        f"The numbers and fields of {counted(count, 'recipient')} were replaced by keyed hashes. Before that, the"
        f" books balanced and the recipients were unchanged. {before}What is left has the digest {digest}."
    )


def forget_ranges(campaign: Campaign, batches: QuerySet[Batch]) -> None:
    """Forget between which numbers the recipients of some batches are, and up to which nobody waits.

    These are numbers of people too, and pseudonyms are not between them.
    """
    batches.update(first_msisdn="", last_msisdn="")
    Campaign.objects.filter(pk=campaign.pk).update(nobody_waits_up_to="")


def _replace_all(model: type[Recipient] | type[CampaignPerson], campaign: Campaign) -> int:
    """Replace the rows of a campaign that are not replaced yet, in short transactions; return how many."""
    rows = model._default_manager.filter(campaign=campaign.pk).exclude(msisdn__startswith=MARK).order_by("pk")
    last = replaced = 0
    while chunk := list(rows.filter(pk__gt=last).values_list(*READ)[:CHUNK]):
        last = chunk[-1][0]
        with transaction.atomic():
            replace(model, chunk)
        replaced += len(chunk)
    return replaced


def replace(model: type[Recipient] | type[CampaignPerson], rows: Sequence[Row]) -> None:
    """Write what replaces ``rows`` (see READ). The contact that a row was copied from is forgotten too."""
    columns = ", ".join(f"{name} = %s" for name in _COLUMNS)
    sql = f"UPDATE {model._meta.db_table} SET {columns}, contact_id = 0 WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.executemany(sql, [[*erased[1:], erased[0]] for erased in map(erased_row, rows)])
