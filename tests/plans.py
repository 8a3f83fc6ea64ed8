"""How a database finds the rows of tables that grow with recipients or contacts."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

#: Their rows grow with recipients or contacts.
GROWING = re.compile(r'"(campaigns_recipient|campaigns_recipientoutcome|campaigns_campaignperson|contacts_contact)"')
#: A plan that reads all rows of a growing table, in either database's words.
READS_ALL = re.compile(
    r"(?:SCAN|Seq Scan on) (campaigns_recipient|campaigns_recipientoutcome|contacts_contact|U\d+|T\d+)\b"
)


@contextmanager
def queries_over_growing_tables() -> Iterator[list[str]]:
    """The SQL of each query in the block that is about tables that grow; the list is filled when the block ends."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    found += [query["sql"] for query in captured if GROWING.search(query["sql"])]


def plan_of(sql: str) -> str:
    """The plan that the database makes for a query."""
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())
