"""Who has been contacted, for filters.

``contacts`` may not import ``campaigns``, so the app that contacts people registers a function here, in its AppConfig's
``ready``.
"""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Exists, Q, Value
from django.db.models.expressions import Combinable

#: Takes a moment; returns a condition on contacts that is met by those who may have been contacted since.
ContactedSince = Callable[[datetime], Exists]
_registered: list[ContactedSince] = []


def register(function: ContactedSince) -> None:
    """Have ``function`` asked, too, who has been contacted. Registering it twice has no further effect."""
    if function not in _registered:
        _registered.append(function)


def contacted_since(moment: datetime) -> Q | Combinable:
    """The condition that a contact may have been contacted at ``moment`` or later."""
    found = Q(Value(False))
    for function in _registered:
        found |= Q(function(moment))
    return found
