"""Who has been contacted, for filters.

``contacts`` may not import ``campaigns``, so the app that contacts people registers a function here, in its AppConfig's
``ready``.
"""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Exists, Q, Value
from django.utils.module_loading import import_string

#: Takes a moment; returns a condition on contacts that is met by those who may have been contacted since.
ContactedSince = Callable[[datetime], Exists]
_registered: set[str] = set()


def register(path: str) -> None:
    """Have the ContactedSince function at the dotted ``path`` asked, too. It is imported when it is first asked."""
    _registered.add(path)


def contacted_since(moment: datetime) -> Q:
    """The condition that a contact may have been contacted at ``moment`` or later."""
    functions: list[ContactedSince] = [import_string(path) for path in sorted(_registered)]
    found = Q(Value(False))
    for function in functions:
        found |= Q(function(moment))
    return found
