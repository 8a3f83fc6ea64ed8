"""What each provider can do, in words: the capability table of the Accounts page and of ``docs/providers.md``. Pure.

Everything is read from the class attributes of the adapters, so a new adapter has its column at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django import forms

from providers.base import BaseAdapter, GuardKind

#: Between these two lines of ``docs/providers.md`` stands the table, as ``manage.py capabilities --write`` puts it.
BEGIN = "<!-- capabilities: written by manage.py capabilities --write -->"
END = "<!-- end of capabilities -->"

_GUARDS = {
    GuardKind.KEY: "The provider drops a repeated file",
    GuardKind.RENAME: "A file can be handed over only once",
    GuardKind.NONE: "After a broken line a person decides",
}


@dataclass(frozen=True)
class Row:
    """One line of the table: ``cells`` holds one sentence for each provider, in the order of ``Table.labels``."""

    title: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """The whole table: one column for each provider."""

    labels: tuple[str, ...]
    rows: tuple[Row, ...]


def table(adapters: Sequence[type[BaseAdapter]]) -> Table:
    """Return what these adapters say of their providers."""
    return Table(
        labels=tuple(adapter.label for adapter in adapters),
        rows=tuple(Row(title, tuple(words(adapter) for adapter in adapters)) for title, words in _ROWS),
    )


def markdown(adapters: Sequence[type[BaseAdapter]]) -> str:
    """Return the table as Markdown, without a line break at its end."""
    drawn = table(adapters)
    lines = [_line("", *drawn.labels), "|---" * (len(drawn.labels) + 1) + "|"]
    lines += [_line(row.title, *row.cells) for row in drawn.rows]
    return "\n".join(lines)


def summary(adapter: type[BaseAdapter]) -> str:
    """Return what tells this provider from the others, in a line."""
    guard = _GUARDS[adapter.guard.kind]
    return f"{_characters(adapter)} · {_rows(adapter)} recipients a file · {guard[0].lower()}{guard[1:]}"


def between_markers(page: str, drawn: str) -> str:
    """Return ``page`` with ``drawn`` between its markers. Raises ValueError when ``page`` has not both of them once."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise ValueError(f"The page needs the lines {BEGIN} and {END} once each.")
    return f"{before}{BEGIN}\n\n{drawn}\n\n{END}{after}"


def secrets(adapter: type[BaseAdapter]) -> list[str]:
    """Return what people call the settings of an account that are stored encrypted."""
    fields = adapter.SettingsForm.base_fields.values()
    return [str(field.label) for field in fields if isinstance(field.widget, forms.PasswordInput)]


def _line(*cells: str) -> str:
    # A bar inside a cell would begin another one.
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _characters(adapter: type[BaseAdapter]) -> str:
    return "GSM only" if adapter.limits.alphabet == "gsm" else "GSM and Unicode"


def _alphabet(adapter: type[BaseAdapter]) -> str:
    words = _characters(adapter)
    return f"{words}; a line break counts {adapter.limits.newline_units}" if adapter.limits.newline_units > 1 else words


def _rows(adapter: type[BaseAdapter]) -> str:
    return f"{adapter.limits.rows:,}"


def _size(adapter: type[BaseAdapter]) -> str:
    return f"{round(adapter.limits.bytes / 1_000_000, 1):g} MB"


def _texts(adapter: type[BaseAdapter]) -> str:
    if not adapter.limits.values:
        return "Every text is written out"
    return f"The provider can fill in up to {adapter.limits.values} fields"


def _schedule(adapter: type[BaseAdapter]) -> str:
    if not adapter.starts_later:
        return "No: Baton holds the files until the start"
    ahead = adapter.limits.start_ahead
    return f"Yes, for up to {ahead.days} days" if ahead else "Yes"


def _guard(adapter: type[BaseAdapter]) -> str:
    return adapter.guard_words or _GUARDS[adapter.guard.kind]


def _window(adapter: type[BaseAdapter]) -> str:
    if adapter.guard.kind is GuardKind.KEY:
        return _duration(adapter.guard.window)
    return "No end: it needs no memory" if adapter.guard.kind is GuardKind.RENAME else "None"


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
    ("Recipients a file", _rows),
    ("Size of a file", _size),
    ("Personal texts", _texts),
    ("Holds a file until its start", _schedule),
    ("Against duplicates", _guard),
    ("Baton relies on that for", _window),
    ("How its word comes back", lambda adapter: adapter.evidence),
    ("Silence is asked about after", _silence),
    ("Connections at once", _connections),
    ("Stored encrypted", _secrets),
    ("What accepted means", lambda adapter: adapter.accepted_means),
)
