"""How the staged rows of an import and the contacts of its list are compared and merged, in SQL."""

from collections.abc import Collection, Sequence

from django.db import connection
from django.utils import timezone

from contacts.fields import FIELD_NAMES
from contacts.models import Contact, Import, ImportRow, Suppression
from contacts.number_facts import NUMBER_FACTS

CONTACT_TABLE = Contact._meta.db_table
STAGING_TABLE = ImportRow._meta.db_table
_OPT_OUT_TABLE = Suppression._meta.db_table
_IS_OPTED_OUT = f"EXISTS (SELECT 1 FROM {_OPT_OUT_TABLE} o WHERE o.msisdn = s.msisdn AND o.lifted_at IS NULL)"
#: The rows of one import after one msisdn and up to another, with their contacts. Parameters: list, import, low, high.
_RANGE = (
    f" FROM {STAGING_TABLE} s LEFT JOIN {CONTACT_TABLE} c ON c.list_id = %s AND c.msisdn = s.msisdn"
    " WHERE s.import_id = %s AND s.msisdn > %s AND s.msisdn <= %s"
)
#: The last msisdn that there can be: none is longer than 15 digits. Digits sort alike in every language.
END = "9" * 15


def insert_staged(columns: Sequence[str], rows: Sequence[Sequence[str | int]]) -> None:
    """Insert staged rows with plain SQL, which is much faster than through model instances."""
    marks = ", ".join(["%s"] * len(columns))
    quoted = ", ".join(map(connection.ops.quote_name, columns))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {STAGING_TABLE} ({quoted}) VALUES ({marks})", rows)


def classify(import_: Import, low: str = "", high: str = END) -> dict[str, int]:
    """How many staged rows would be ``created``, ``updated``, ``unchanged`` and ``opted_out``.

    Rows with an msisdn after ``low`` and up to ``high``.
    """
    sql = f"SELECT {_bucket(import_)} AS counted_as, COUNT(*) {_RANGE} GROUP BY counted_as"
    with connection.cursor() as cursor:
        cursor.execute(sql, [import_.list_id, import_.pk, low, high])
        return dict(cursor.fetchall())


def buckets_of(import_: Import, msisdns: Collection[str]) -> dict[int, str]:
    """The bucket that each staged row with one of these msisdns would go into, by row number."""
    if not msisdns:
        return {}
    marks = ", ".join(["%s"] * len(msisdns))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT s.row, {_bucket(import_)} {_RANGE} AND s.msisdn IN ({marks})",
            [import_.list_id, import_.pk, "", END, *msisdns],
        )
        return dict(cursor.fetchall())


def end_of_range(import_: Import, low: str, rows: int) -> str:
    """The last msisdn of the next ``rows`` staged rows after the msisdn ``low``; END if there are not as many."""
    sql = f"SELECT msisdn FROM {STAGING_TABLE} WHERE import_id = %s AND msisdn > %s ORDER BY msisdn LIMIT 1 OFFSET %s"
    with connection.cursor() as cursor:
        cursor.execute(sql, [import_.pk, low, rows - 1])
        found = cursor.fetchone()
    return found[0] if found else END


def record_buckets(import_: Import, low: str, high: str) -> dict[str, int]:
    """Store in each staged row after ``low`` up to ``high`` its bucket and what it will overwrite; return the counts.

    ``before`` holds the mapped fields of an updated or opted-out contact; NULL where there is no contact yet or nothing
    changes. Must come before ``upsert`` in the same transaction.
    """
    build = "jsonb_build_object" if connection.vendor == "postgresql" else "json_object"
    before = ", ".join(f"'{name}', c.{name}" for name in mapped_fields(import_))
    is_same = _is_same(import_)
    # Looked up row by row: PostgreSQL would plan a join by its statistics, which are old right after the check.
    sql = (
        f"UPDATE {STAGING_TABLE} AS s SET (bucket, before) = (SELECT CASE WHEN o.id IS NOT NULL THEN 'opted_out'"
        f" WHEN c.id IS NULL THEN 'created' WHEN {is_same} THEN 'unchanged' ELSE 'updated' END,"
        f" CASE WHEN c.id IS NOT NULL AND (o.id IS NOT NULL OR NOT ({is_same})) THEN {build}({before}) END"
        f" FROM (SELECT 1 AS one) AS always LEFT JOIN {CONTACT_TABLE} c ON c.list_id = %s AND c.msisdn = s.msisdn"
        f" LEFT JOIN {_OPT_OUT_TABLE} o ON o.msisdn = s.msisdn AND o.lifted_at IS NULL)"
        " WHERE s.import_id = %s AND s.msisdn > %s AND s.msisdn <= %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [import_.list_id, import_.pk, low, high])
        cursor.execute(
            f"SELECT bucket, COUNT(*) FROM {STAGING_TABLE} s"
            " WHERE s.import_id = %s AND s.msisdn > %s AND s.msisdn <= %s GROUP BY bucket",
            [import_.pk, low, high],
        )
        return dict(cursor.fetchall())


def upsert(import_: Import, low: str, high: str) -> None:
    """Write the staged rows after ``low`` up to ``high`` to the list. A contact that stays the same is not touched."""
    mapped = mapped_fields(import_)
    copied = (*NUMBER_FACTS, *FIELD_NAMES)
    fields = ", ".join(copied)
    values = ", ".join(f"s.{name}" for name in copied)
    replaced = ", ".join(f"{name} = excluded.{name}" for name in mapped)
    differs = " OR ".join(f"{CONTACT_TABLE}.{name} <> excluded.{name}" for name in mapped)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    moment = "CAST(%s AS timestamptz)" if connection.vendor == "postgresql" else "%s"
    sql = (
        f"INSERT INTO {CONTACT_TABLE} (list_id, msisdn, {fields}, created_at, updated_at)"
        f" SELECT %s, s.msisdn, {values}, {moment}, {moment} FROM {STAGING_TABLE} s"
        " WHERE s.import_id = %s AND s.msisdn > %s AND s.msisdn <= %s ORDER BY s.msisdn"
        f" ON CONFLICT (list_id, msisdn) DO UPDATE SET {replaced}, updated_at = excluded.updated_at WHERE {differs}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [import_.list_id, now, now, import_.pk, low, high])


def mapped_fields(import_: Import) -> list[str]:
    """The fields that a column of the sheet is mapped to."""
    return [name for name in FIELD_NAMES if name in import_.mapping.values()]


def _is_same(import_: Import) -> str:
    """The SQL condition that the contact ``c`` has what the staged row ``s`` would write."""
    return " AND ".join(f"c.{name} = s.{name}" for name in mapped_fields(import_))


def _bucket(import_: Import) -> str:
    """The SQL expression of the bucket of the staged row ``s`` beside its contact ``c``."""
    return (
        f"CASE WHEN {_IS_OPTED_OUT} THEN 'opted_out' WHEN c.id IS NULL THEN 'created'"
        f" WHEN {_is_same(import_)} THEN 'unchanged' ELSE 'updated' END"
    )
