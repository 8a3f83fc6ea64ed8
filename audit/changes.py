"""What an entry of the audit trail says was before and after, in words."""

from typing import Any, NamedTuple

from audit.models import AuditEntry

#: Characters of a value in a list of entries; the entry's own page shows all of it.
SHORT = 40


class Change(NamedTuple):
    field: str
    before: str
    after: str

    def __str__(self) -> str:
        before, after = _short(self.before), _short(self.after)
        return f"{self.field}: {before} → {after}" if before else f"{self.field}: {after or 'nothing'}"


def changes_of(entry: AuditEntry) -> list[Change]:
    """The changes, by field; a field that was and is blank is left out."""
    found = [_change(name, value) for name, value in sorted((entry.changes or {}).items())]
    return [change for change in found if change.before or change.after]


def in_words(entry: AuditEntry) -> str:
    """All changes on one line, in full."""
    return "; ".join(
        f"{change.field}: {change.before} → {change.after}" if change.before else f"{change.field}: {change.after}"
        for change in changes_of(entry)
    )


def _change(name: str, value: Any) -> Change:
    """``value`` is [before, after], or what ``auditlog`` writes for a many-to-many field."""
    field = name.replace("_", " ")
    if isinstance(value, dict):
        objects = ", ".join(value["objects"])
        return Change(field, "", objects) if value["operation"] == "add" else Change(field, objects, "")
    before, after = (_word(each) for each in value)
    return Change(field, before, after)


def _word(value: Any) -> str:
    # ``auditlog`` writes None for what a row that did not exist had.
    return "" if value in (None, "None", "{}", "[]") else str(value)


def _short(value: str) -> str:
    value = " ".join(value.split())
    return value if len(value) <= SHORT else f"{value[: SHORT - 1]}…"
