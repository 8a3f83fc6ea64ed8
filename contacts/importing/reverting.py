"""How the contacts that an import wrote are compared with what it wrote, and reverted, in SQL.

Every function works on the rows of an import after the msisdn ``low`` and up to ``high``.
"""

from collections.abc import Sequence

from django.db import connection
from django.utils import timezone

from contacts.fields import FIELD_NAMES
from contacts.importing.merging import CONTACT_TABLE, STAGING_TABLE, mapped_fields
from contacts.models import UNDONE_BUCKETS, Import, UndoOutcome

_ROWS = f"FROM {STAGING_TABLE} s WHERE s.import_id = %s AND s.msisdn > %s AND s.msisdn <= %s"


def lock_contacts(import_: Import, msisdns: Sequence[str]) -> None:
    """Keep everybody from editing the contacts with these msisdns until the end of the transaction.

    On SQLite the transaction itself keeps everybody else from writing.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {CONTACT_TABLE} WHERE list_id = %s AND msisdn = ANY(%s) FOR UPDATE)"
            " AS locked",
            [import_.list_id, list(msisdns)],
        )


def decide_outcomes(import_: Import, low: str, high: str, later: Sequence[int]) -> None:
    """Store in each row to be undone that has no outcome yet whether it will be reverted or kept.

    Kept: the contact has other values than the import wrote, or a ``later`` import, by id, has a row for its number,
    even one that changed nothing. A created contact that somebody has deleted since counts as reverted.
    """
    is_as_created = " AND ".join(f"c.{name} = s.{name}" for name in FIELD_NAMES)
    is_as_updated = " AND ".join(f"c.{name} = s.{name}" for name in mapped_fields(import_))
    is_in_later = (
        f"EXISTS (SELECT 1 FROM {STAGING_TABLE} o WHERE o.import_id IN ({_marks(later)})"
        " AND o.msisdn = s.msisdn AND o.bucket <> '' AND o.undone_as = '')"
        if later
        else "1 = 0"
    )
    # Looked up row by row: PostgreSQL would plan a join by its statistics, which may be old.
    sql = (
        f"UPDATE {STAGING_TABLE} AS s SET undone_as = CASE WHEN {is_in_later} THEN 'kept' ELSE COALESCE("
        f"(SELECT CASE WHEN s.before IS NULL AND {is_as_created} THEN 'reverted'"
        f" WHEN s.before IS NOT NULL AND {is_as_updated} THEN 'reverted' ELSE 'kept' END"
        f" FROM {CONTACT_TABLE} c WHERE c.list_id = %s AND c.msisdn = s.msisdn),"
        " CASE WHEN s.before IS NULL THEN 'reverted' ELSE 'kept' END) END"
        " WHERE s.import_id = %s AND s.msisdn > %s AND s.msisdn <= %s AND s.undone_as = ''"
        f" AND s.bucket IN ({_marks(UNDONE_BUCKETS)})"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*later, import_.list_id, import_.pk, low, high, *UNDONE_BUCKETS])


def count_outcomes(import_: Import, low: str, high: str) -> dict[str, int]:
    """How many rows have each UndoOutcome."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.undone_as, COUNT(*) {_ROWS} AND s.undone_as <> '' GROUP BY s.undone_as", [import_.pk, low, high]
        )
        return dict(cursor.fetchall())


def put_back(import_: Import, low: str, high: str) -> None:
    """Give updated contacts whose rows are reverted the fields they had before the import."""
    mapped = mapped_fields(import_)
    read = "s.before ->> '{}'" if connection.vendor == "postgresql" else "json_extract(s.before, '$.{}')"
    values = ", ".join(read.format(name) for name in mapped)
    differs = " OR ".join(f"{read.format(name)} <> s.{name}" for name in mapped)
    moment = "CAST(%s AS timestamptz)" if connection.vendor == "postgresql" else "%s"
    # Each contact looks its row up, because PostgreSQL takes a join of the two ranges for a small one.
    sql = (
        f"UPDATE {CONTACT_TABLE} AS target SET updated_at = {moment}, ({', '.join(mapped)}) ="
        f" (SELECT {values} FROM {STAGING_TABLE} s WHERE s.import_id = %s AND s.msisdn = target.msisdn)"
        f" WHERE target.list_id = %s AND target.msisdn IN (SELECT s.msisdn {_ROWS}"
        f" AND s.undone_as = %s AND s.before IS NOT NULL AND ({differs}))"
    )
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        reverted = UndoOutcome.REVERTED.value
        cursor.execute(sql, [now, import_.pk, import_.list_id, import_.pk, low, high, reverted])


def remove_created(import_: Import, low: str, high: str) -> None:
    """Delete the contacts that the import created and whose rows are reverted."""
    sql = (
        f"DELETE FROM {CONTACT_TABLE} WHERE list_id = %s AND msisdn > %s AND msisdn <= %s AND msisdn IN"
        f" (SELECT s.msisdn {_ROWS} AND s.undone_as = %s AND s.before IS NULL)"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [import_.list_id, low, high, import_.pk, low, high, UndoOutcome.REVERTED.value])


def _marks(values: Sequence[object]) -> str:
    return ", ".join(["%s"] * len(values))
