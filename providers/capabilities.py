"""What each provider can do: the capability table of the Accounts page and of ``docs/providers.md``. Pure.

Everything is read from the class attributes of the adapters, so a new adapter gets its column automatically.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django import forms

from providers.base import BaseAdapter
from providers.limits import GuardKind

#: ``manage.py capabilities --write`` puts the table between these two lines of ``docs/providers.md``.
BEGIN = "<!-- capabilities: written by manage.py capabilities --write -->"
END = "<!-- end of capabilities -->"

_GUARDS = {
    GuardKind.KEY: "The provider drops a repeated file",
    GuardKind.RENAME: "A file can be handed over only once",
    GuardKind.NONE: "After a broken connection a person decides",
}


@dataclass(frozen=True)
class Row:
    """One row of the table: ``cells`` holds one sentence per provider, in the order of ``Table.labels``."""

    title: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The whole table, with one column per provider."""

    labels: tuple[str, ...]
    rows: tuple[Row, ...]


def table(adapters: Sequence[type[BaseAdapter]]) -> Table:
    """Return the table of these adapters."""
    return Table(
        labels=tuple(adapter.label for adapter in adapters),
        rows=tuple(Row(title, tuple(words(adapter) for adapter in adapters)) for title, words in _ROWS),
    )


def markdown(adapters: Sequence[type[BaseAdapter]]) -> str:
    """Return the table as Markdown, without a line break at the end."""
    drawn = table(adapters)
    lines = [_line("", *drawn.labels), "|---" * (len(drawn.labels) + 1) + "|"]
    lines += [_line(row.title, *row.cells) for row in drawn.rows]
    return "\n".join(lines)


def summary(adapter: type[BaseAdapter]) -> str:
    """Return one line that distinguishes this provider from the others."""
    guard = _GUARDS[adapter.guard.kind]
    return f"{_characters(adapter)} · {_rows(adapter)} recipients per file · {guard[0].lower()}{guard[1:]}"


def between_markers(page: str, drawn: str) -> str:
    """Return ``page`` with ``drawn`` between its markers. Raises ValueError unless ``page`` has each of them once."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise ValueError(f"The page needs the lines {BEGIN} and {END}, once each.")
    return f"{before}{BEGIN}\n\n{drawn}\n\n{END}{after}"


def secrets(adapter: type[BaseAdapter]) -> list[str]:
    """Return the labels of the account settings that are stored encrypted."""
    fields = adapter.SettingsForm.base_fields.values()
    return [str(field.label) for field in fields if isinstance(field.widget, forms.PasswordInput)]


def _line(*cells: str) -> str:
    # A bar inside a cell would start another cell.
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _characters(adapter: type[BaseAdapter]) -> str:
    return "GSM only" if adapter.limits.alphabet == "gsm" else "GSM and Unicode"


def _alphabet(adapter: type[BaseAdapter]) -> str:
    words = _characters(adapter)
    return (
        f"{words}; a line break counts as {adapter.limits.newline_units}" if adapter.limits.newline_units > 1 else words
    )


def _rows(adapter: type[BaseAdapter]) -> str:
    return f"{adapter.limits.rows:,}"


def _size(adapter: type[BaseAdapter]) -> str:
    return f"{round(adapter.limits.bytes / 1_000_000, 1):g} MB"


def _texts(adapter: type[BaseAdapter]) -> str:
    if not adapter.limits.values:
        return "Baton writes out every text"
    return f"The provider can fill in up to {adapter.limits.values} fields"


def _schedule(adapter: type[BaseAdapter]) -> str:
    if not adapter.starts_later:
        return "No: Baton keeps the files until the start"
    ahead = adapter.limits.start_ahead
    return f"Yes, for up to {ahead.days} days" if ahead else "Yes"


def _guard(adapter: type[BaseAdapter]) -> str:
    return adapter.guard_words or _GUARDS[adapter.guard.kind]


def _window(adapter: type[BaseAdapter]) -> str:
    if adapter.guard.kind is GuardKind.KEY:
        return _duration(adapter.guard.window)
    return "Without limit: the provider has nothing to remember" if adapter.guard.kind is GuardKind.RENAME else "None"


def _silence(adapter: type[BaseAdapter]) -> str:
    return _duration(adapter.give_up_after)


def _connections(adapter: type[BaseAdapter]) -> str:
    return str(adapter.limits.connections)


def _secrets(adapter: type[BaseAdapter]) -> str:
    return ", ".join(secrets(adapter)) or "None"


def _duration(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    hours = minutes // 60
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"


_ROWS: tuple[tuple[str, Callable[[type[BaseAdapter]], str]], ...] = (
    ("Characters", _alphabet),
    ("Recipients per file", _rows),
    ("Maximum file size", _size),
    ("Personalised texts", _texts),
    ("Holds a file until its start", _schedule),
    ("Protection against duplicates", _guard),
    ("Baton relies on it for", _window),
    ("How it reports results", lambda adapter: adapter.evidence),
    ("A person is asked if it is silent for", _silence),
    ("Connections at once", _connections),
    ("Stored encrypted", _secrets),
    ("What accepted means", lambda adapter: adapter.accepted_means),
)
