"""Every address, role and method is as docs/access.md says; a new address without a line there fails."""

import os

import pytest
from django.core.cache import cache
from django.db.models import Model

from tests.access import table
from tests.access.test_every_page import rows

__all__ = ["rows"]

Rows = dict[type[Model], Model]


@pytest.fixture(autouse=True)
def no_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the status counts, so no page is drawn, which would take most of the time."""
    monkeypatch.setattr("django.template.base.Template.render", lambda *arguments: "")
    cache.clear()


@pytest.mark.slow
def test_every_address_lets_in_whom_the_table_says(rows: Rows) -> None:
    found = table.INTRODUCTION + table.table(rows)
    if os.environ.get("WRITE_ACCESS"):
        table.FILE.write_text(found)
    known = set(table.FILE.read_text().splitlines())
    wrong = [line for line in found.splitlines() if line not in known]
    gone = [line for line in table.FILE.read_text().splitlines() if line not in set(found.splitlines())]
    assert not wrong, "Not as docs/access.md says. If it is right, run this test with WRITE_ACCESS=1."
    assert not gone, "docs/access.md says more. If it is right, run this test with WRITE_ACCESS=1."


def test_every_address_has_a_line(rows: Rows) -> None:
    """Each address has a line, also in a run without the slow tests."""
    lines = table.FILE.read_text()
    assert [address.route for address in table.addresses(rows) if f"| `{address.route}` |" not in lines] == []


@pytest.mark.slow
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_let_in_nobody_whom_get_does_not(rows: Rows, method: str) -> None:
    asked = {who: client for who, client in table.clients().items() if who in ("nobody", "no role", "viewer")}
    for address in table.addresses(rows):
        for who, client in asked.items():
            if table.passes(client, method, address.path):
                assert table.passes(client, "GET", address.path), f"{method} {address.path} as {who}"
