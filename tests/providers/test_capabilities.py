"""The providers' capabilities, in one table on the screen and in the documentation."""

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django import forms
from django.core.management import CommandError, call_command
from django.test import Client

from providers import capabilities, registry
from providers.base import BaseAdapter
from providers.limits import Guard, Limits
from providers.management.commands import capabilities as command

ADAPTERS = list(registry.all_adapters().values())


class Acme(BaseAdapter):
    label = "Acme | Sons"
    limits = Limits(
        rows=5_000, bytes=1_500_000, alphabet="gsm+ucs2", newline_units=2, start_ahead=timedelta(days=730), values=3
    )
    guard = Guard.key(window=timedelta(minutes=60))
    give_up_after = timedelta(hours=3)
    accepted_means = "Acme took it."
    evidence = "A report"
    starts_later = True

    class SettingsForm(forms.Form):
        host = forms.CharField(label="Host")
        password = forms.CharField(label="Password", widget=forms.PasswordInput)
        token = forms.CharField(label="API key", widget=forms.PasswordInput)


def test_the_table_describes_what_an_adapter_declares() -> None:
    table = capabilities.table([Acme])
    assert table.labels == ("Acme | Sons",)
    assert {row.title: row.cells[0] for row in table.rows} == {
        "Characters": "GSM and Unicode; a line break counts as 2",
        "Recipients per file": "5,000",
        "Maximum file size": "1.5 MB",
        "Personalised texts": "The provider can fill in up to 3 fields",
        "Holds a file until its start": "Yes, for up to 730 days",
        "Protection against duplicates": "The provider drops a repeated file",
        "Baton relies on it for": "60 minutes",
        "How it reports results": "A report",
        "A person is asked if it is silent for": "3 hours",
        "Connections at once": "1",
        "Stored encrypted": "Password, API key",
        "What accepted means": "Acme took it.",
    }


def test_a_bar_in_a_cell_does_not_start_another_cell() -> None:
    first, rule, *_ = capabilities.markdown([Acme]).splitlines()
    assert first == "|  | Acme \\| Sons |"
    assert rule == "|---|---|"


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.slug)
def test_every_adapter_answers_every_row(adapter: type[BaseAdapter]) -> None:
    for row in capabilities.table([adapter]).rows:
        assert row.cells[0], row.title
    assert adapter.guard_words
    assert "sent" not in " ".join(row.cells[0] for row in capabilities.table([adapter]).rows).split()


def test_the_documentation_matches_the_adapters() -> None:
    page = command.PAGE.read_text()
    assert capabilities.between_markers(page, capabilities.markdown(ADAPTERS)) == page, "manage.py capabilities --write"


def test_the_command_prints_the_table_or_puts_it_where_the_page_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = StringIO()
    call_command("capabilities", stdout=printed)
    assert printed.getvalue().strip() == capabilities.markdown(ADAPTERS)
    page = tmp_path / "providers.md"
    page.write_text(f"before\n{capabilities.BEGIN}\nold\n{capabilities.END}\nafter\n")
    monkeypatch.setattr(command, "PAGE", page)
    call_command("capabilities", "--write", stdout=printed)
    drawn = capabilities.markdown(ADAPTERS)
    assert page.read_text() == f"before\n{capabilities.BEGIN}\n\n{drawn}\n\n{capabilities.END}\nafter\n"
    page.write_text("no markers")
    with pytest.raises(CommandError, match="once each"):
        call_command("capabilities", "--write", stdout=printed)


@pytest.mark.parametrize("page", ["no markers", capabilities.BEGIN, f"{capabilities.END}{capabilities.BEGIN}"])
def test_a_page_without_its_markers_is_left_alone(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        capabilities.between_markers(page, "a table")


def test_the_accounts_page_shows_the_same_table(client: Client, admin_user: object) -> None:
    client.force_login(admin_user)  # type: ignore[arg-type]
    page = client.get("/accounts/")
    assert page.context["capabilities"] == capabilities.table(ADAPTERS)
    for adapter in ADAPTERS:
        assert adapter.label in page.content.decode()
