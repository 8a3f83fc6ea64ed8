"""Every query of a list's page and of the opt-outs, with ``N=`` contacts (a million): times, and the slowest's plan.

``python -m benchmarks.lists`` measures on SQLite, ``python -m tests.postgresql -m benchmarks.lists`` on PostgreSQL.
Both use the tests' settings, which keep the database in a temporary directory. The baseline is one page by OFFSET at
the end of the list, as before. Exits 1 if a query takes more than ``LIMIT`` milliseconds in each of ``ROUNDS`` rounds.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.core.management import call_command

django.setup()

from django.db import connection  # noqa: E402
from django.db.models import Q  # noqa: E402

from contacts import browsing, segments  # noqa: E402
from contacts.fields import FIELD_NAMES  # noqa: E402
from contacts.models import ContactList, Suppression  # noqa: E402

LIMIT = 100.0
ROUNDS = 3
NAMES = ("Thandi", "Sipho", "Anna", "Pieter", "Zanele", "Johan", "Élodie", "Mary")
Work = Callable[[], object]


def fill(number: int) -> ContactList:
    """A list of ``number`` contacts in the order of an import, and as many opt-outs.

    Every eighth contact is called Thandi, one in a hundred thousand Nomvula.
    """
    made = ContactList.objects.create(name="Everybody", country="ZA", labels={"value1": "First name", "value2": "Town"})
    names = " ".join(f"WHEN {position} THEN '{name}'" for position, name in enumerate(NAMES))
    second_ago = {
        "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (n / 100) || ' seconds')",
        "postgresql": "CURRENT_TIMESTAMP - n / 100 * interval '1 second'",
    }
    _insert(
        "contacts_contact",
        number,
        dict.fromkeys(FIELD_NAMES, "''")
        | {
            "list_id": str(made.pk),
            "msisdn": "CAST(27820000000 + n * 7 AS text)",
            "number_country": "'ZA'",
            "number_kind": "'mobile'",
            "created_at": "CURRENT_TIMESTAMP",
            "updated_at": "CURRENT_TIMESTAMP",
            "customer_id": "'C' || CAST(n * 7919 % 999983 AS text)",
            "value1": f"CASE WHEN n % 100000 = 99999 THEN 'Nomvula' ELSE CASE n % {len(NAMES)} {names} END END",
            "value2": "CASE n % 3 WHEN 0 THEN 'Cape Town' WHEN 1 THEN 'Durban' ELSE 'Pretoria' END",
        },
    )
    _insert(
        "contacts_suppression",
        number,
        {
            "msisdn": "CAST(27700000000 + n * 7 AS text)",
            "source": "CASE WHEN n % 1000 = 0 THEN 'reply' ELSE 'file' END",
            "note": "'stop.csv, row ' || CAST(n AS text)",
            "created_at": second_ago[connection.vendor],
            "lifted_at": "CASE WHEN n % 5000 = 1 THEN CURRENT_TIMESTAMP ELSE NULL END",
        },
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return made


def _insert(table: str, number: int, columns: dict[str, str]) -> None:
    """Insert ``number`` rows; ``columns``: the SQL of each value, in which ``n`` counts from 0."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)})"
            " WITH RECURSIVE numbers(n) AS"
            f" (SELECT CAST(0 AS bigint) UNION ALL SELECT n + 1 FROM numbers WHERE n < {number - 1})"
            f" SELECT {', '.join(columns.values())} FROM numbers",
            None,
        )


def works(made: ContactList) -> dict[str, Work]:
    """What the pages do, by name."""
    contacts = made.contacts.all()
    middle = contacts.order_by("msisdn").values_list("pk", flat=True)[contacts.count() // 2]
    last = contacts.order_by("-msisdn")[0].pk
    opt_outs = Suppression.objects.prefetch_related("created_by")
    opt_out = opt_outs.order_by("created_at")[opt_outs.count() // 2].pk
    by_time = ("-created_at", "-id")

    def filtered(field: str, test: str, value: str = "") -> Q:
        return segments.query_of([{"field": field, "is": test, "value": value}])

    def searched(words: str) -> Work:
        return lambda: browsing.page(*browsing.searched(made, words))

    def opt_outs_beginning() -> None:
        found = browsing.with_beginning(opt_outs, "070 001", "ZA")
        assert found is not None
        browsing.key_page(found, ("msisdn", "id"))

    rare, common = filtered("value1", "equals", "Nomvula"), filtered("value1", "starts_with", "th")
    number = filtered("value1", "at_least", "10")
    uncontacted = filtered("contacted", "not_since", "30")
    return {
        "first page": lambda: browsing.page(contacts, Q()),
        "page in the middle": lambda: browsing.page(contacts, Q(), after=middle),
        "page before the last": lambda: browsing.page(contacts, Q(), before=last),
        "search: whole number": searched("082 000 0000"),
        "search: beginning of a number": searched("082 055"),
        "search: last digits": searched("4321"),
        "search: common name": searched("thandi"),
        "search: rare name": searched("nomvula"),
        "search: customer ID": searched("C999"),
        "filter: common": lambda: browsing.page(contacts, common),
        "filter: rare": lambda: browsing.page(contacts, rare),
        "filter: a number": lambda: browsing.page(contacts, number),
        "filter: not contacted": lambda: browsing.page(contacts, uncontacted, after=middle),
        "count of a filter": lambda: browsing.count(contacts, common, float("inf")),
        "count of the list": lambda: browsing.count(contacts, Q(), float("inf")),
        "opt-outs: first page": lambda: browsing.key_page(opt_outs.active(), by_time),
        "opt-outs: in the middle": lambda: browsing.key_page(opt_outs.active(), by_time, after=opt_out),
        "opt-outs: one source": lambda: browsing.key_page(opt_outs.active().filter(source="reply"), by_time),
        "opt-outs: lifted": lambda: browsing.key_page(opt_outs.lifted(), by_time),
        "opt-outs: beginning of a number": opt_outs_beginning,
    }


class Queries:
    """Times each query until the next begins, so that fetching its rows counts; SQLite finds them while fetching."""

    def __init__(self) -> None:
        self.begun: list[tuple[float, str, Any]] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.begun.append((time.perf_counter(), sql, params))
        return execute(sql, params, many, context)

    def slowest(self, ended: float) -> tuple[float, str, Any]:
        """Milliseconds, SQL and parameters of the slowest query."""
        ends = [began for began, _, _ in self.begun[1:]] + [ended]
        timed = [
            ((end - began) * 1000, sql, params) for (began, sql, params), end in zip(self.begun, ends, strict=True)
        ]
        return max(timed, key=lambda query: query[0])


def measured(work: Work) -> tuple[float, tuple[float, str, Any]]:
    """Milliseconds of the whole work, and its slowest query: the best of the rounds of each."""
    wholes, slowest = [], []
    for _ in range(ROUNDS):
        queries = Queries()
        began = time.perf_counter()
        with connection.execute_wrapper(queries):
            work()
        ended = time.perf_counter()
        wholes.append((ended - began) * 1000)
        slowest.append(queries.slowest(ended))
    return min(wholes), min(slowest, key=lambda query: query[0])


def plan_of(sql: str, params: Any) -> str:
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {sql}", params)
        return "\n".join(f"    {' '.join(map(str, row))}" for row in cursor.fetchall())


def main() -> int:
    """Print a line for each piece of work; return 1 if a query is over the limit."""
    call_command("migrate", verbosity=0)
    number = int(os.environ.get("N", "1000000"))
    made = fill(number)
    baseline, _ = measured(lambda: list(made.contacts.order_by("msisdn")[number - 50 : number]))
    print(f"{connection.vendor}, {number:,} contacts; baseline: last page by OFFSET {baseline:.1f} ms")
    print(f"{'':34}{'whole':>10}{'slowest query':>16}{'of baseline':>14}")
    slow = []
    for name, work in works(made).items():
        whole, query = measured(work)
        print(f"{name:34}{whole:8.1f}ms{query[0]:14.1f}ms{query[0] / baseline:13.2f}x", flush=True)
        slow.append((query[0], name, query))
    milliseconds, name, (_, sql, params) = max(slow, key=lambda line: line[0])
    print(f"\nThe slowest query is one of “{name}”; its plan:\n{plan_of(sql, params)}")
    return int(milliseconds > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
