"""``make bench``: its stages run and report, and a missed target is named."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import resolve

from benchmarks.document import BEGIN, END, PAGE, with_table
from benchmarks.people import BAD_NUMBERS, msisdn, people
from benchmarks.results import Result, against_sqlite, as_text, compared, misses
from benchmarks.stages import STAGES
from benchmarks.stages.load import PAGES


def result(stage: str = "freeze", database: str = "sqlite", seconds: float = 2.0, **fields: object) -> Result:
    return Result(stage, database, 1000, seconds, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "holds", "ratio"),
    [({"faster": 12}, True, 15), ({"faster": 16}, False, 15), ({"at_most": 0.05}, False, 1 / 15), ({}, None, 15)],
)
def test_a_ratio_is_compared_with_its_target(target: dict[str, float], holds: bool | None, ratio: float) -> None:
    fields = compared(result(), "a peer", 30.0, **target)
    assert fields.get("holds") is holds
    assert fields["ratio"] == pytest.approx(ratio)


def test_a_miss_names_stage_ratio_and_target() -> None:
    slow = result(**compared(result(), "bulk_create", 10.0, faster=12))
    assert misses([slow]) == ["freeze (sqlite) against bulk_create: 5.00, target at least 12"]
    assert misses([result(peak_mb=301, child_peak_mb=301), result("import xlsx", child_peak_mb=1001)]) == [
        "freeze (sqlite): 301 MB, target at most 300",
        "freeze (sqlite), its child process: 301 MB, target at most 300",
        "import xlsx (sqlite), its child process: 1001 MB, target at most 1000",
    ]
    assert misses([result(peak_mb=299), result("import xlsx", child_peak_mb=999)]) == []
    assert "NO" in as_text([slow])


def test_postgresql_is_compared_with_sqlite_once_a_stage() -> None:
    both = [result(), result(database="postgresql", seconds=5), result(database="postgresql", seconds=5)]
    assert [(row.ratio, row.holds) for row in against_sqlite(both)] == [(2.5, False)]


def test_the_people_are_unique_and_one_number_in_a_hundred_is_bad() -> None:
    assert len({msisdn(n) for n in range(20_000)}) == 20_000
    bad = [row for row in people(1_000) if row[0] in BAD_NUMBERS]
    assert len(bad) == 10


def test_the_page_has_a_place_for_the_table() -> None:
    text = with_table(PAGE.read_text(), [result()])
    assert "| freeze | SQLite | 1,000 |" in text
    assert with_table(text, []).count(BEGIN) == text.count(END) == 1


def test_the_pages_under_load_exist_and_their_roles_may_open_them() -> None:
    """Roles as docs/access.md has them; that it has every address is what tests/access checks."""
    access = Path(settings.BASE_DIR, "docs", "access.md").read_text()
    for page in PAGES:
        path = re.sub(r"\{(\w+)\}", "7", page.address.partition("?")[0])
        resolve(path)
        line = re.search(rf"^\| `{re.escape(path.replace('7', '<pk>'))}` \| ([^|]*) \|", access, re.MULTILINE)
        who = line[1] if line else "everybody"
        assert who == "everybody" or set(page.roles) <= set(who.split(", ")), path


@pytest.mark.slow
def test_the_stages_run_and_report(tmp_path: Path) -> None:
    """Those that need no server: the others are run by ``make bench`` alone."""
    only = ["read-csv", "import-csv", "freeze", "batches-gatewayapi"]
    assert set(only) <= set(STAGES)
    chosen = {"ROWS": "20000", "DATABASE": "sqlite", "ONLY": ",".join(only), "DATA": str(tmp_path)}
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "CHECK")}
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks"],
        cwd=settings.BASE_DIR,
        env={**environment, **chosen, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    rows = json.loads((tmp_path / "bench.json").read_text())
    stages = {row["stage"] for row in rows}
    assert stages == {"read csv", "import csv", "freeze", "create batches, gatewayapi"}
    assert all(row["seconds"] > 0 and row["rows"] == 20000 and row["peak_mb"] > 10 for row in rows)
    assert {row["baseline"] for row in rows} >= {"bulk_create", "the bare SELECT", "a tenth of the rows"}
    # Nothing of the run is left but its results.
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]
