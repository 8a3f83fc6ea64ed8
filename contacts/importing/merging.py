"""How the staged rows of an import and the contacts of its list are compared and merged, in SQL."""

from django.db import connection
from django.utils import timezone

from contacts.fields import FIELD_NAMES
from contacts.models import Contact, Import, ImportRow, Suppression

CONTACT_TABLE = Contact._meta.db_table
STAGING_TABLE = ImportRow._meta.db_table
_IS_OPTED_OUT = (
    f"EXISTS (SELECT 1 FROM {Suppression._meta.db_table} o WHERE o.msisdn = s.msisdn AND o.lifted_at IS NULL)"
)


def classify(import_: Import, low: str, high: str) -> dict[str, int]:
    """How many staged rows would be ``created``, ``updated``, ``unchanged`` and ``opted_out``.

    Rows with an msisdn after ``low`` and up to ``high``; an empty ``high`` means to the end.
    """
    is_same = " AND ".join(f"c.{name} = s.{name}" for name in _mapped(import_))
    sql = (
        f"SELECT CASE WHEN {_IS_OPTED_OUT} THEN 'opted_out' WHEN c.id IS NULL THEN 'created'"
        f" WHEN {is_same} THEN 'unchanged' ELSE 'updated' END AS counted_as, COUNT(*)"
        f" FROM {STAGING_TABLE} s LEFT JOIN {CONTACT_TABLE} c ON c.list_id = %s AND c.msisdn = s.msisdn"
        " WHERE s.import_id = %s AND s.msisdn > %s" + (" AND s.msisdn <= %s" if high else "") + " GROUP BY counted_as"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [import_.list_id, import_.pk, low, *([high] if high else [])])
        return dict(cursor.fetchall())


def upsert(import_: Import, low: str, high: str) -> None:
    """Write the staged rows after ``low`` up to ``high`` to the list. A contact that stays the same is not touched."""
    mapped = _mapped(import_)
    fields = ", ".join(FIELD_NAMES)
    values = ", ".join(f"s.{name}" for name in FIELD_NAMES)
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


def _mapped(import_: Import) -> list[str]:
    """The fields that a column of the sheet is mapped to."""
    return [name for name in FIELD_NAMES if name in import_.mapping.values()]
