"""Records who took phone numbers out of Baton, with which filter, and how many; never a number."""

from collections.abc import Mapping
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest

#: A text with this many digits may be a phone number, or enough of one to tell whose it is.
TELLING_DIGITS = 4


def record_export(
    request: HttpRequest, of: Model | type[Model], what: str, filters: Mapping[str, Any] | None = None, **amount: int
) -> LogEntry:
    """Write an entry of the audit log before the download begins, so that a broken one is recorded as well.

    ``of`` is the row that the data belongs to, or the model when it belongs to none; ``amount`` is ``rows=`` or, where
    these are not known, ``bytes=``. The person and their address come from the request. Returns the entry.
    """
    chosen = {name: _without_numbers(value) for name, value in (filters or {}).items() if value not in ("", None)}
    words = ", ".join(f"{name}: {value}" for name, value in sorted(chosen.items())) or "none"
    told = {"exported": what, "filter": words, **{name: str(count) for name, count in amount.items()}}
    pk = of.pk if isinstance(of, Model) else None
    entry: LogEntry = LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(of),
        object_id=pk,
        object_pk="" if pk is None else str(pk),
        # Not the row's name, which people choose: it may hold a number.
        object_repr=what if pk is None else f"{of._meta.verbose_name} {pk}",
        action=LogEntry.Action.ACCESS,
        actor=request.user if request.user.is_authenticated else None,
        changes={name: ["", value] for name, value in told.items()},
    )
    return entry


def correct_rows(entry: LogEntry, rows: int) -> None:
    """Change the number of rows of an entry of ``record_export`` to what the download contained."""
    entry.changes = {**entry.changes_dict, "rows": ["", str(rows)]}
    entry.save(update_fields=["changes"])


def _without_numbers(value: Any) -> str:
    text = str(value)
    return "a number" if sum(character.isdigit() for character in text) >= TELLING_DIGITS else text
