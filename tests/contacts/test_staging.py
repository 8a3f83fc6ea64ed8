"""Checking a sheet in chunks and staging it in sets has the same result as checking and storing row by row."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from contacts import importing
from contacts.importing import checking, opt_outs
from contacts.importing.chunks import ChunkChecker
from contacts.importing.rows import RowChecker
from contacts.models import BUCKETS, Contact, ContactList, Import, ImportRow
from contacts.number_facts import facts_of_mobiles, number_facts
from contacts.phones import PhoneError, parse
from contacts.sheets import WHOLE_ROW, Row

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

HEADER = ["Name", "Cell", "Day", "Own text", "Notes"]
MAPPINGS = [
    {1: "phone", 0: "value2", 2: "value1", 3: "message"},
    {1: "phone"},
    {4: "customer_id", 1: "phone"},
]
PROBLEMS = [
    {0: ("spreadsheet_error", "The cell shows an error.")},
    {4: ("spreadsheet_error", "The cell shows an error.")},
    {5: ("surplus_cells", "The row has surplus cells.")},
    {WHOLE_ROW: ("missing_quote", "The row has no closing quotation mark.")},
]
NAMES = ["Ann", " Ann ", "", "B\nen", "Zoë\r\n ", "x" * 501, "a\x00b", "tab\tand \\N", 'quo"te', "\u2028", "name \\"]
PHONES = ["0825550{:03}", "+27 82 555 0{:03}", "27825550{:03}.0", " 0825550{:03}", "+4479111230{:02}", "+1212555{:04}"]
WRONG = ["", "12345", "2.78E+10", "n/a", "0215551234", "x" * 61, "082555\x00"]
DAYS = ["2026-11-27", "3 May 2026", "3/4/2026", "", " 2026-01-02\n"]


def random_rows(chance: random.Random, count: int) -> Iterator[Row]:
    for number in range(2, count + 2):
        if chance.random() < 0.05:
            yield Row(number, [])
            continue
        phone = chance.choice(PHONES).format(chance.randrange(count // 2)) if chance.random() < 0.9 else ""
        name = chance.choice(NAMES) if chance.random() < 0.4 else "Ann"
        cells = [name, phone or chance.choice(WRONG), chance.choice(DAYS), "Hello\nyou", "C1\x00", "more"]
        problems = chance.choice(PROBLEMS) if chance.random() < 0.15 else {}
        yield Row(number, cells[: chance.choice((2, 3, 4, 5, 6))], problems)


def result_of(import_: Import) -> dict[str, Any]:
    """Every row, issue and counter of a check, apart from ids and times."""
    import_.refresh_from_db()
    left_out = ("id", "import_of_id", "import_of")
    return {
        "rows": [{k: v for k, v in row.items() if k not in left_out} for row in import_.rows.order_by("row").values()],
        "issues": [
            {name: value for name, value in issue.items() if name not in left_out}
            for issue in import_.issues.order_by("row", "code", "is_warning", "column_number").values()
        ],
        "counters": {name: getattr(import_, name) for name in (*BUCKETS, "read", "waiting", "progress", "forecast")},
        "status": import_.status,
    }


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Callable[[Import, list[Row]], dict[str, Any]]:
    """Checks rows as if they were those of the uploaded sheet."""

    def run(import_: Import, rows: list[Row]) -> dict[str, Any]:
        @contextmanager
        def opened(import_: Import) -> Iterator[Any]:
            yield SimpleNamespace(
                layout=SimpleNamespace(header=HEADER), left_out={"above_header": 0}, rows=lambda: rows
            )

        monkeypatch.setattr(checking, "open_upload", opened)
        importing.check_rows(import_.pk)
        return result_of(import_)

    return run


def simple_stage_all(import_: Import, claim: int, chunks: Iterator[list[Row]]) -> None:
    for rows in chunks:
        checking._stage(import_, claim, rows)


@pytest.mark.parametrize("seed", range(6))
def test_it_equals_the_simple_form(
    check: Callable[[Import, list[Row]], dict[str, Any]], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    people = ContactList.objects.create(name="People", country="ZA")
    Contact.objects.create(list=people, msisdn="27825550003", value2="Ann")
    rows = list(random_rows(chance, 150))
    mapping = MAPPINGS[seed % len(MAPPINGS)]
    monkeypatch.setattr(checking, "CHECK_ROWS", chance.choice((7, 40, 1_000)))
    monkeypatch.setattr(checking, "STAGE_ROWS", chance.choice((1, 5, 1_000)))
    made = {
        "list": people,
        "header": HEADER,
        "country": "ZA",
        "mapping": {str(column): name for column, name in mapping.items()},
        "formats": {"2": "date_long"} if seed == 0 else {},
        "takes_fixed_lines": seed == 1,
    }
    fast = check(Import.objects.create(**made), rows)
    monkeypatch.setattr(checking, "_stage_all", simple_stage_all)
    simple = check(Import.objects.create(**made), rows)
    assert fast["status"] == "checked"
    assert all(fast["counters"][name] for name in ("duplicate", "invalid", "waiting"))
    assert fast == simple


def test_the_rows_of_a_chunk_are_checked_like_single_ones() -> None:
    chance = random.Random(7)
    checker = RowChecker(1, "ZA", HEADER, MAPPINGS[0], formats={2: "date_long"})
    chunks = ChunkChecker(checker)
    for _ in range(20):
        rows = list(random_rows(chance, 50))
        expected = checking.check_chunk(checker, rows)
        found = chunks.check(rows)
        single = {(msisdn, row.number) for msisdn, (row, _) in expected.staged.items()}
        single |= {(msisdn, row.number) for msisdn, row, _ in expected.duplicates}
        assert {row[:2] for row in found.good} == single
        assert found.blank == expected.blank
        for those, these in ((found.issues, expected.issues), (found.warnings, expected.warnings)):
            assert sorted((i.row, i.code, i.sentence, i.cells) for i in those) == sorted(
                (i.row, i.code, i.sentence, i.cells) for i in these
            )


@pytest.mark.parametrize("country", ["ZA", "GB", "US", "KZ", "IT", "DE"])
def test_the_facts_of_mobiles_are_those_of_each_number(country: str) -> None:
    code, facts = facts_of_mobiles(country)
    assert (facts is None) == (country in ("US", "KZ"))
    chance = random.Random(country)
    for _ in range(2_000):
        try:
            msisdn = parse(f"+{code}{chance.randrange(10**9):09}", country)
        except PhoneError:
            continue
        assert facts is None or number_facts(msisdn) == facts


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only there a page can have room for updates")
def test_applying_writes_no_index_of_the_staged_rows() -> None:
    people = ContactList.objects.create(name="People", country="ZA")
    import_ = Import.objects.create(
        list=people, country="ZA", mapping={"0": "phone"}, status="applying", read=500, waiting=500, total=500
    )
    ImportRow.objects.bulk_create(
        ImportRow(import_of=import_, row=n, msisdn=str(27825550000 + n), number_kind="mobile") for n in range(500)
    )

    importing.apply(import_.pk)

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_tuples_hot_updated('contacts_importrow'::regclass)")
        assert cursor.fetchone()[0] == 500


def test_rows_of_opt_outs_are_found_by_their_row() -> None:
    import_ = Import.objects.create(purpose="opt_outs", country="ZA")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
    for rows in (opt_outs.staged(import_).filter(row__gt=3).order_by("row"), opt_outs.staged(import_).filter(row=3)):
        assert "staged_opt_outs_in_order" in rows.explain()
