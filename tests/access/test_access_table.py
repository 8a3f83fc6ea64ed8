"""Every address, role and method is as docs/access.md says; a new address without a line there fails."""

import logging
import os
from collections.abc import Iterator

import pytest
from django.db.models import Model
from pytest_django import Settings

from tests.access import table
from tests.access.test_every_page import rows

__all__ = ["rows"]

Rows = dict[type[Model], Model]
WRONG = "docs/access.md says otherwise. If this is right, run the test with WRITE_ACCESS=1 and read the difference."


@pytest.fixture(autouse=True)
def only_the_status_counts(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[None]:
    """No page is drawn, which would take most of the time, and no refusal is logged."""
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    logging.disable(logging.ERROR)
    monkeypatch.setattr("django.template.base.Template.render", lambda *arguments: "")
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
def test_every_address_lets_in_whom_the_table_says(rows: Rows) -> None:
    written = table.INTRODUCTION + table.table(rows)
    if os.environ.get("WRITE_ACCESS"):
        table.FILE.write_text(written)
    found, known = written.splitlines(), table.FILE.read_text().splitlines()
    assert [line for line in found if line not in known] == [], WRONG
    assert [line for line in known if line not in found] == [], WRONG


def test_every_address_has_a_line(rows: Rows) -> None:
    """Each address has a line, also in a run without the slow tests."""
    lines = table.FILE.read_text()
    assert [address.route for address in table.addresses(rows) if f"| `{address.route}` |" not in lines] == []


@pytest.mark.slow
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_let_in_nobody_whom_get_does_not(rows: Rows, method: str) -> None:
    asked = {who: client for who, client in table.clients().items() if who in ("not logged in", "viewer")}
    for address in table.addresses(rows):
        for who, client in asked.items():
            if table.passes(client, method, address.path):
                assert table.passes(client, "GET", address.path), f"{method} {address.path} as {who}"
