"""Finds the adapters by name, as Django finds management commands.

An adapter is a file ``providers/adapters/<slug>.py``, or a package ``providers/adapters/<slug>/`` whose ``__init__``
exports ``Adapter``. Names that begin with an underscore are skipped.
"""

import pkgutil
from functools import cache
from importlib import import_module

from providers import adapters
from providers.base import BaseAdapter


class UnknownProvider(LookupError):
    """``providers/adapters/`` has no file or package of this name."""


@cache
def all_adapters() -> dict[str, type[BaseAdapter]]:
    """Return ``{slug: Adapter class}`` sorted by slug, which is the name of the adapter's file or package."""
    found = {}
    for slug in sorted(module.name for module in pkgutil.iter_modules(adapters.__path__)):
        if slug.startswith("_"):
            continue
        found[slug] = import_module(f"{adapters.__name__}.{slug}").Adapter
        found[slug].slug = slug
    return found


def adapter(slug: str) -> BaseAdapter:
    """Return a new instance of the provider's adapter. Raises UnknownProvider if there is none with this slug."""
    try:
        return all_adapters()[slug]()
    except KeyError:
        raise UnknownProvider(f"There is no adapter called {slug!r}.") from None
