"""The good rows of a sheet on their way to ``ImportRow``: a temporary table, from which they are moved in key order.

Rows in the order of the sheet would write a page of the index on msisdns for each row, and applying them would read and
write a page of ``ImportRow`` for each. A temporary table is not in the write-ahead log, and writing it keeps nobody
else from writing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from django.db import connection, transaction

from contacts.fields import FIELD_NAMES
from contacts.importing.chunks import GoodRow
from contacts.importing.merging import END, STAGING_TABLE
from contacts.importing.rows import row_from_json
from contacts.sheets import Row

_TABLE = "good_rows"
_SORTED = "sorted_good_rows"
_RANGE = "msisdn > %s AND msisdn <= %s"


class Repeated(NamedTuple):
    """A row whose number the row ``first`` has, and the values of the mapped fields of both."""

    row: Row
    values: dict[str, str]
    first: int
    first_values: dict[str, str]


class Staging:
    """The temporary table. ``fields``: the mapped ones, as in FIELD_NAMES."""

    def __init__(self, import_id: int, fields: Sequence[str]) -> None:
        self._import_id = import_id
        self._fields = list(fields)
        self._columns = ["msisdn", "row", "number_country", "number_kind", "whole", *fields]

    def add(self, rows: Sequence[GoodRow]) -> None:
        """Add rows; each has a value for each column."""
        columns = ", ".join(f'"{name}"' for name in self._columns)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY {_TABLE} ({columns}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            else:
                marks = ", ".join(["%s"] * len(self._columns))
                cursor.executemany(f"INSERT INTO {_TABLE} ({columns}) VALUES ({marks})", rows)

    def sort(self) -> None:
        """Prepare the table for ``end_of`` and ``move``, after the last row was added."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                # A sorted copy takes a quarter of the time of CLUSTER, which reads the rows by the index.
                with transaction.atomic():
                    cursor.execute(f"CREATE TEMPORARY TABLE {_SORTED} AS SELECT * FROM {_TABLE} ORDER BY msisdn, row")
                    cursor.execute(f"DROP TABLE {_TABLE}")
                    cursor.execute(f"ALTER TABLE {_SORTED} RENAME TO {_TABLE}")
            cursor.execute(f"CREATE INDEX {_TABLE}_in_order ON {_TABLE} (msisdn, row)")
            if connection.vendor == "postgresql":
                cursor.execute(f"ANALYZE {_TABLE} (msisdn)")

    def end_of(self, low: str, rows: int) -> str:
        """The last msisdn of the next ``rows`` rows after the msisdn ``low``; END if there are not as many."""
        sql = f"SELECT msisdn FROM {_TABLE} WHERE msisdn > %s ORDER BY msisdn LIMIT 1 OFFSET %s"
        with connection.cursor() as cursor:
            cursor.execute(sql, [low, rows - 1])
            found = cursor.fetchone()
        return found[0] if found else END

    def move(self, low: str, high: str) -> tuple[int, int]:
        """Copy the rows after ``low`` up to ``high`` to ImportRow, of rows with the same number the first.

        That is asked only for rows that are kept whole: no other one has the number of an earlier row.
        Returns how many were copied, and how many were not because an earlier row has their number.
        """
        names = ("import_id", "row", "msisdn", "number_country", "number_kind", "bucket", "undone_as", *FIELD_NAMES)
        values = ", ".join(name if name in self._fields else "''" for name in FIELD_NAMES)
        sql = (
            f"INSERT INTO {STAGING_TABLE} ({', '.join(map(connection.ops.quote_name, names))})"
            f" SELECT %s, \"row\", msisdn, number_country, number_kind, '', '', {values} FROM {_TABLE} t"
            f" WHERE {_RANGE} AND (whole IS NULL OR NOT EXISTS"
            f' (SELECT 1 FROM {_TABLE} earlier WHERE earlier.msisdn = t.msisdn AND earlier."row" < t."row"))'
            f' ORDER BY msisdn, "row"'
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, [self._import_id, low, high])
            moved = cursor.rowcount
            cursor.execute(f"SELECT COUNT(*) FROM {_TABLE} WHERE {_RANGE}", [low, high])
            return moved, cursor.fetchone()[0] - moved

    def repeated(self, low: str, high: str) -> Iterator[Repeated]:
        """The rows after ``low`` up to ``high`` whose number an earlier row of the sheet has."""
        values = ", ".join(f"{alias}.{name}" for alias in ("t", "f") for name in self._fields)
        sql = (
            f'SELECT t."row", t.whole, f."row", {values} FROM {_TABLE} t JOIN {_TABLE} f'
            f' ON f.msisdn = t.msisdn AND f."row" = (SELECT MIN("row") FROM {_TABLE} WHERE msisdn = t.msisdn)'
            f' WHERE t.whole IS NOT NULL AND t."row" <> f."row" AND t.{_RANGE.replace("AND ", "AND t.")}'
        )
        width = len(self._fields)
        with connection.cursor() as cursor:
            cursor.execute(sql, [low, high])
            for number, whole, first, *found in cursor:
                values_of = [dict(zip(self._fields, part, strict=True)) for part in (found[:width], found[width:])]
                yield Repeated(row_from_json(number, whole), values_of[0], first, values_of[1])


@contextmanager
def staging(import_id: int, fields: Sequence[str]) -> Iterator[Staging]:
    """A Staging whose table ends with the context, or with the connection."""
    names = ", ".join(f"{name} text NOT NULL" for name in fields)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {_TABLE}")
        cursor.execute(
            f'CREATE TEMPORARY TABLE {_TABLE} (msisdn text NOT NULL, "row" integer NOT NULL,'
            f" number_country text NOT NULL, number_kind text NOT NULL, whole text, {names})"
        )
    try:
        yield Staging(import_id, fields)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {_TABLE}")
