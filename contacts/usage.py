"""Which numbers of a list are in use outside contacts.

``contacts`` may not import ``campaigns``, so an app that uses contacts registers a function here, in its AppConfig's
``ready``. ``campaigns`` registers one for the numbers of campaigns on the list that are being frozen, wait for
approval, are approved, held, running or paused.
"""

from collections.abc import Callable, Collection

from django.utils.module_loading import import_string

#: Takes the id of a list and msisdns; returns those of them that are in use.
InUse = Callable[[int, Collection[str]], set[str]]
_registered: set[str] = set()


def register(path: str) -> None:
    """Have the InUse function at the dotted ``path`` asked, too. It is imported when it is first asked."""
    _registered.add(path)


def in_use(list_id: int, msisdns: Collection[str]) -> set[str]:
    """Those of ``msisdns`` that something outside contacts uses as contacts of this list."""
    functions: list[InUse] = [import_string(path) for path in _registered]
    return set().union(*(function(list_id, msisdns) for function in functions))
