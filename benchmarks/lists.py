"""Every query of a list's page and of the opt-outs, with ``N=`` contacts (a million): times, and the slowest's plan.

``python -m benchmarks.lists`` measures on SQLite, ``python -m tests.postgresql -m benchmarks.lists`` on PostgreSQL.
Both use the tests' settings, which keep the database in a temporary directory. The baseline is one page by OFFSET at the end
of the list, as before. Exits 1 if a query takes longer than ``LIMIT`` milliseconds in each of ``ROUNDS`` rounds.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.core.management import call_command

django.setup()

from django.db import connection  # noqa: E402
from django.db.models import Q  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from contacts import browsing, segments  # noqa: E402
from contacts.models import Contact, ContactList, Suppression  # noqa: E402

LIMIT = 100.0
ROUNDS = 3
CHUNK = 5_000
NAMES = ("Thandi", "Sipho", "Anna", "Pieter", "Zanele", "Johan", "Élodie", "Mary")
Work = Callable[[], object]


def fill(number: int) -> ContactList:
    """A list of ``number`` contacts, and as many opt-outs. One contact in a hundred thousand is called Nomvula."""
    made = ContactList.objects.create(name="Everybody", country="ZA", labels={"value1": "First name", "value2": "Town"})
    now = timezone.now()
    for low in range(0, number, CHUNK):
        Contact.objects.bulk_create(_contacts(made, range(low, min(low + CHUNK, number))))
        Suppression.objects.bulk_create(
            Suppression(
                msisdn=f"27{700_000_000 + n * 7}",
                source="reply" if n % 1000 == 0 else "file",
                note=f"stop.csv, row {n}",
                created_at=now - timedelta(seconds=n // 100),
                lifted_at=now if n % 5000 == 1 else None,
            )
            for n in range(low, min(low + CHUNK, number))
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return made


def _contacts(made: ContactList, numbers: Sequence[int]) -> Iterator[Contact]:
    for n in numbers:
        yield Contact(
            list=made,
            # Out of order, as in a spreadsheet that is sorted by name.
            msisdn=f"27{820_000_000 + (n * 7_919) % 9_999_991}",
            phone="082 000 0000",
            customer_id=f"C{n}",
            value1="Nomvula" if n % 100_000 == 99_999 else NAMES[n % len(NAMES)],
            value2=("Cape Town", "Durban", "Pretoria")[n % 3],
            number_country="ZA",
            number_kind="mobile",
        )


def works(made: ContactList) -> dict[str, Work]:
    """What the pages do, by name."""
    contacts = made.contacts.all()
    middle = contacts.order_by("msisdn").values_list("pk", flat=True)[contacts.count() // 2]
    last = contacts.order_by("-msisdn")[0].pk
    opt_outs = Suppression.objects.select_related("created_by")
    opt_out = opt_outs.order_by("created_at")[opt_outs.count() // 2].pk
    by_time = ("-created_at", "-id")

    def filtered(field: str, test: str, value: str = "") -> Q:
        return segments.query_of([{"field": field, "is": test, "value": value}])

    def searched(words: str) -> Work:
        return lambda: browsing.page(*browsing.searched(made, words))

    rare, common = filtered("value1", "equals", "Nomvula"), filtered("value1", "starts_with", "th")
    number = filtered("value1", "at_least", "10")
    uncontacted = filtered("contacted", "not_since", "30")
    return {
        "first page": lambda: browsing.page(contacts, Q()),
        "page in the middle": lambda: browsing.page(contacts, Q(), after=middle),
        "page before the last": lambda: browsing.page(contacts, Q(), before=last),
        "search: whole number": searched("082 500 0000"),
        "search: beginning of a number": searched("082 55"),
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
        "opt-outs: beginning of a number": lambda: browsing.key_page(
            browsing.with_beginning(opt_outs, "070 01", "ZA") or opt_outs.none(), ("msisdn", "id")
        ),
    }


def measured(work: Work) -> tuple[float, float, str]:
    """Milliseconds of the whole work and of its slowest query, and that query; of the best of the rounds."""
    best = (float("inf"), float("inf"), "")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        with CaptureQueriesContext(connection) as captured:
            work()
        whole = (time.perf_counter() - began) * 1000
        slowest = max(captured, key=lambda query: float(query["time"]))
        if float(slowest["time"]) * 1000 < best[1]:
            best = (whole, float(slowest["time"]) * 1000, slowest["sql"])
    return best


def plan_of(sql: str) -> str:
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {sql}")
        return "\n".join(f"    {' '.join(map(str, row))}" for row in cursor.fetchall())


def main() -> int:
    """Print a line for each piece of work; return how many queries are over the limit, at most 1."""
    call_command("migrate", verbosity=0)
    number = int(os.environ.get("N", "1000000"))
    made = fill(number)
    baseline, _, _ = measured(lambda: list(made.contacts.order_by("msisdn")[number - 50 : number]))
    print(f"{connection.vendor}, {number:,} contacts; baseline: last page by OFFSET {baseline:.1f} ms")
    print(f"{'':34}{'whole':>10}{'slowest query':>16}{'of baseline':>14}")
    slow = []
    for name, work in works(made).items():
        whole, query, sql = measured(work)
        print(f"{name:34}{whole:8.1f}ms{query:14.1f}ms{query / baseline:13.2f}x")
        slow.append((query, name, sql))
    query, name, sql = max(slow)
    print(f"\nThe slowest query is one of “{name}”; its plan:\n{plan_of(sql)}")
    return int(query > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
