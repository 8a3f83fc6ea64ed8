"""How a database finds the rows of tables that grow with recipients or contacts."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

#: Their rows grow with recipients or contacts.
GROWING = re.compile(r'"(campaigns_recipient|campaigns_recipientoutcome|campaigns_campaignperson|contacts_contact)"')
#: A plan that reads all rows of a growing table, in either database's words.
READS_ALL = re.compile(
    r"(?:SCAN|Seq Scan on) (campaigns_recipient|campaigns_recipientoutcome|contacts_contact|U\d+|T\d+)\b"
)


@contextmanager
def queries_over_growing_tables() -> Iterator[list[tuple[str, Any]]]:
    """The SQL and the parameters of each query in the block that reads a growing table."""
    found: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, parameters: Any, *rest: Any) -> Any:
        if GROWING.search(sql):
            found.append((sql, parameters))
        return execute(sql, parameters, *rest)

    with connection.execute_wrapper(note):
        yield found


def plan_of(sql: str, parameters: Any = None) -> str:
    """The plan that the database makes for a query."""
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {sql}", parameters)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())
