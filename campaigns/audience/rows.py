"""Recipients as plain tuples, for what is done to each of a million."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from campaigns.models import Campaign, Recipient
from contacts.fields import FROZEN_FIELDS

#: The columns of a row, in its order.
READ = ("id", "msisdn", *FROZEN_FIELDS)
#: What ``values_list(*READ)`` yields, or any tuple of the same values. The id is None if the recipient is not saved.
Row = tuple[Any, ...]
#: Where a row has its columns.
ID, MSISDN, CUSTOMER_ID, OWN_TEXT = (READ.index(name) for name in ("id", "msisdn", "customer_id", "message"))

#: Rows that are read and measured together.
CHUNK = 2_000


class RecipientRow(NamedTuple):
    """A row with the names that a recipient has: ``RecipientRow._make(row)``."""

    id: int | None
    msisdn: str
    customer_id: str
    value1: str
    value2: str
    value3: str
    value4: str
    value5: str
    value6: str
    message: str


def frozen_rows(campaign: Campaign) -> Iterator[Row]:
    """The recipients that the freeze included, in msisdn order, streamed."""
    return _frozen(campaign, "msisdn")


def kept_rows(campaign: Campaign) -> Iterator[Row]:
    """The recipients that the freeze included, in the order of their ids, streamed.

    Unlike the order of numbers, this one stays when pseudonyms replace them, whatever the database's collation.
    """
    return _frozen(campaign, "pk")


def _frozen(campaign: Campaign, order: str) -> Iterator[Row]:
    rows = Recipient.objects.frozen().filter(campaign_id=campaign.pk).order_by(order)
    return rows.values_list(*READ).iterator(chunk_size=CHUNK)


def row_of(recipient: Recipient) -> Row:
    """The row of a recipient, saved or not."""
    return tuple(getattr(recipient, name) for name in READ)
