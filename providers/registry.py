"""Finds the adapters by file name, as Django finds management commands."""

import pkgutil
from functools import cache
from importlib import import_module

from providers import adapters
from providers.base import BaseAdapter


class UnknownProvider(LookupError):
    """No file in ``providers/adapters/`` bears this name."""


@cache
def all_adapters() -> dict[str, type[BaseAdapter]]:
    """Return ``{slug: Adapter class}`` in order of slug; the slug is the name of the adapter's file."""
    found = {}
    for _, slug, is_package in sorted(pkgutil.iter_modules(adapters.__path__), key=lambda item: item.name):
        if is_package or slug.startswith("_"):
            continue
        found[slug] = import_module(f"{adapters.__name__}.{slug}").Adapter
        found[slug].slug = slug
    return found


def adapter(slug: str) -> BaseAdapter:
    """Return an adapter of the provider. Raises UnknownProvider when there is no such file."""
    try:
        return all_adapters()[slug]()
    except KeyError:
        raise UnknownProvider(f"There is no adapter called {slug!r}.") from None
