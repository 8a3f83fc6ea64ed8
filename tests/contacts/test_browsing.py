"""Lists of any size: searches, pages and counts in short queries that use an index."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.db.models import Q, QuerySet
from django.test.utils import CaptureQueriesContext

from contacts import browsing, segments
from contacts.models import Contact, ContactList, Suppression

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


@pytest.fixture
def customers() -> ContactList:
    """100 contacts with numbers in steps of two; every seventh is called Thandi."""
    made = ContactList.objects.create(name="Customers", country="ZA", labels={"value1": "First name"})
    Contact.objects.bulk_create(
        Contact(
            list=made,
            msisdn=f"2782555{n * 2:04}",
            value1="Thandi" if n % 7 == 0 else "Sipho",
            customer_id=f"C{n}",
            number_country="ZA",
        )
        for n in range(100)
    )
    other = ContactList.objects.create(name="Other")
    Contact.objects.create(list=other, msisdn="27825550001", value1="Thandi")
    return made


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "PAGE", 4)
    monkeypatch.setattr(browsing, "WINDOW", 10)
    monkeypatch.setattr(browsing, "COUNT_WINDOW", 30)


def walk(contacts: QuerySet[Contact], query: Q) -> Iterator[list[str]]:
    """The pages, forwards; checks that each following page leads back."""
    page = browsing.page(contacts, query)
    assert page.previous_key is None
    while True:
        yield [row.msisdn for row in page.rows]
        if page.next_key is None:
            return
        following = browsing.page(contacts, query, after=page.next_key)
        assert following.previous_key is not None
        back = browsing.page(contacts, query, before=following.previous_key)
        assert [row.pk for row in back.rows] == [row.pk for row in page.rows]
        assert back.next_key == page.next_key
        page = following


@pytest.mark.parametrize("conditions", [[], [{"field": "value1", "is": "equals", "value": "thandi"}]])
def test_pages_by_key_hold_each_match_once_in_order(customers: ContactList, conditions: list[dict[str, str]]) -> None:
    query = segments.query_of(conditions)
    expected = list(customers.contacts.filter(query).order_by("msisdn").values_list("msisdn", flat=True))
    pages = list(walk(customers.contacts.all(), query))
    assert [number for page in pages for number in page] == expected
    assert {len(page) for page in pages[:-1]} == {4}
    assert browsing.count(customers.contacts.all(), query).number == len(expected)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", 100),
        ("082 555 0010", 1),
        ("+27 82 555 0010", 1),
        ("0825550", 100),
        ("+27825551", 0),
        ("082555001", 5),
        ("0010", 6),
        ("thandi", 15),
        ("THANDI c7", 3),
        ("nobody", 0),
        ("c99", 1),
    ],
)
def test_a_search_finds_the_beginning_of_a_number_and_words_anywhere(
    customers: ContactList, words: str, expected: int
) -> None:
    contacts, query = browsing.searched(customers, words)
    assert browsing.count(contacts, query).number == expected


def test_a_page_that_takes_too_long_says_where_it_stopped(customers: ContactList) -> None:
    ticks = iter(range(1000))
    query = Q(value1="Thandi")
    found: list[str] = []
    after, pages = 0, 0
    while True:
        page = browsing.page(customers.contacts.all(), query, after=after, clock=lambda: next(ticks) * 0.6)
        found += [row.msisdn for row in page.rows]
        pages += 1
        after = page.stopped_at or page.next_key or 0
        if not after:
            break
    assert pages == 4
    assert found == list(customers.contacts.filter(query).order_by("msisdn").values_list("msisdn", flat=True))


def test_a_count_that_takes_too_long_is_a_lower_limit(customers: ContactList) -> None:
    ticks = iter(range(1000))
    counted = browsing.count(customers.contacts.all(), Q(value1="Thandi"), 1.0, clock=lambda: next(ticks) * 0.6)
    assert not counted.is_exact
    assert (counted.number, counted.looked_at) == (3, 20)


def test_a_long_list_is_counted_at_most_once_a_minute(monkeypatch: pytest.MonkeyPatch, customers: ContactList) -> None:
    assert browsing.size_of(customers) == 100
    monkeypatch.setattr(browsing, "COUNTED_EACH_TIME", 50)
    assert browsing.size_of(customers) == 100
    customers.contacts.filter(value1="Thandi").delete()
    assert browsing.size_of(customers) == 100


Explained = Callable[[Callable[[], object]], list[str]]


@pytest.fixture
def plans_of(django_db_setup: None) -> Explained:
    """Runs something and returns the plan of each of its queries."""

    def run(work: Callable[[], object]) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            work()
        plans = []
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                # Small tables are read whole, and sorted, unless that is forbidden.
                cursor.execute("SET LOCAL enable_seqscan = off")
                cursor.execute("SET LOCAL enable_sort = off")
                cursor.execute("SET LOCAL enable_bitmapscan = off")
            explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            for query in captured:
                cursor.execute(f"{explain} {query['sql']}")
                plans.append("\n".join(" ".join(map(str, row)) for row in cursor.fetchall()))
        return plans

    return run


def test_every_query_of_a_list_uses_an_index(customers: ContactList, plans_of: Explained) -> None:
    contacts = customers.contacts.all()
    middle = contacts.order_by("msisdn")[50].pk
    query = segments.query_of([{"field": "value1", "is": "contains", "value": "han"}])
    for work in (
        lambda: browsing.page(contacts, Q(), after=middle),
        lambda: browsing.page(contacts, Q(), before=middle),
        lambda: browsing.page(contacts, query, after=middle),
        lambda: browsing.page(contacts, query, before=middle),
        lambda: browsing.page(*browsing.searched(customers, "082 555 00")),
        lambda: browsing.count(contacts, query),
        lambda: browsing.size_of(customers),
    ):
        plans = plans_of(work)
        assert plans
        for plan in plans:
            assert "Seq Scan" not in plan, plan
            assert "SCAN contacts" not in plan, plan
            # Sorting would read everything before the first row.
            assert "TEMP B-TREE" not in plan, plan
            assert "Sort" not in plan, plan


@pytest.mark.parametrize("order", [("-created_at", "-id"), ("msisdn", "id")])
def test_every_query_of_the_opt_outs_uses_an_index(
    customers: ContactList, plans_of: Explained, order: tuple[str, str]
) -> None:
    for number, contact in enumerate(customers.contacts.all()[:40]):
        at = f"2026-01-01T00:00:{number:02}Z"
        Suppression.objects.create(
            msisdn=contact.msisdn, source="manual", created_at=at, lifted_at=at if number % 3 == 0 else None
        )
    middle = Suppression.objects.order_by("created_at")[20].pk
    shown = Suppression.objects.prefetch_related("created_by")
    numbered = browsing.with_beginning(shown, "082 555", "ZA")
    assert numbered is not None
    by_index = {
        "opt_outs_newest_first": Suppression.objects.active(),
        "opt_outs_by_source": Suppression.objects.filter(source="manual"),
        "lifted_opt_outs_newest_first": Suppression.objects.lifted(),
    }
    for index, rows in by_index.items() if order[0] == "-created_at" else {"msisdn": numbered}.items():
        for key in ({}, {"after": middle}, {"before": middle}):
            plans = plans_of(lambda rows=rows, key=key: browsing.key_page(rows, order, **key))  # type: ignore[misc]
            # The last query finds the users of the page.
            assert any(index in plan for plan in plans), plans
            for plan in plans:
                assert "Seq Scan" not in plan, plan
                assert "SCAN contacts_suppression\n" not in f"{plan}\n", plan
                assert "USE TEMP B-TREE FOR ORDER BY" not in plan, plan
