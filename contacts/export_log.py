"""Records who took phone numbers out of Baton, with which filter, and how many; never a number."""

from collections.abc import Mapping
from typing import Any

from auditlog import get_logentry_model
from django.db.models import Model
from django.http import HttpRequest

from contacts.audit_log import record

#: A text with this many digits may be a phone number, or enough of one to tell whose it is.
TELLING_DIGITS = 4


def record_export(
    request: HttpRequest | None,
    of: Model | type[Model],
    what: str,
    filters: Mapping[str, Any] | None = None,
    **amount: int,
) -> Any:
    """Write an entry of the audit trail before the download begins, so that a broken one is recorded as well.

    ``of`` is the row that the data belongs to, or the model when it belongs to none; ``amount`` is ``rows=`` or, where
    these are not known, ``bytes=``. The person and their address come from the request; without one, a command
    writes the data. Returns the entry.
    """
    chosen = {name: _without_numbers(value) for name, value in (filters or {}).items() if value not in ("", None)}
    words = ", ".join(f"{name}: {value}" for name, value in sorted(chosen.items())) or "none"
    told = {"exported": what, "filter": words, **{name: str(count) for name, count in amount.items()}}
    # Not the row's name, which people choose: it may hold a number.
    name = f"{of._meta.verbose_name} {of.pk}" if isinstance(of, Model) else what
    changes = {field: ("", value) for field, value in told.items()}
    return record(of, get_logentry_model().Action.ACCESS, changes, user=request and request.user, name=name)


def record_rows(entry: Any, counted: int, rows: int) -> None:
    """Write a second entry for a download that contained ``rows`` instead of the ``counted`` rows of ``entry``.

    The request has been answered by then, so the person and the address are those of ``entry``.
    """
    what = entry.changes_dict["exported"][1]
    entry.pk, entry._state.adding = None, True
    entry.changes = {"exported": ["", what], "rows": [str(counted), str(rows)]}
    entry.save()


def _without_numbers(value: Any) -> str:
    text = str(value)
    return "a number" if sum(character.isdigit() for character in text) >= TELLING_DIGITS else text
