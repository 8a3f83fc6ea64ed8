"""Writes entries of the audit trail for what is more than one saved row; ``auditlog`` writes those of saved rows.

Callers pass no phone numbers: a row is identified by its id. ``AuditEntry`` replaces numbers in names.
The address comes from the request that is being answered.
"""

from collections.abc import Mapping
from typing import Any

from auditlog import get_logentry_model
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

#: What each field was before and after.
Changes = Mapping[str, tuple[str, str]]


def hidden(value: str) -> str:
    """A secret as the audit trail shows it: only whether there is one.

    ``auditlog`` passes the text ``None`` for what a row that does not exist has.
    """
    return "" if value in ("", "None") else "hidden"


def record(of: Model | type[Model], action: int, changes: Changes, *, user: Any = None, name: str = "") -> Any:
    """Write an entry about a row, or about a model where it concerns no single row; return it.

    ``action`` is one of ``AuditEntry.Action``. ``name`` is what the entry calls the row; by default its own name.
    Without ``user`` the entry gets the person of the request, or nobody.
    """
    pk = of.pk if isinstance(of, Model) else None
    actor = user if isinstance(user, User) else None
    return get_logentry_model().objects.create(
        content_type=ContentType.objects.get_for_model(of),
        object_id=pk,
        object_pk="" if pk is None else str(pk),
        object_repr=name or (str(of) if isinstance(of, Model) else str(of._meta.verbose_name_plural)),
        action=action,
        actor=actor,
        actor_name=actor.get_username() if actor else "",
        changes={field: list(values) for field, values in changes.items()},
    )
