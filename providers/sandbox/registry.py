"""Finds the sandbox's providers by the name of their file or package, as ``providers.registry`` finds the adapters."""

import pkgutil
from functools import cache
from importlib import import_module

from providers import sandbox
from providers.sandbox.site import BaseSite


def module_names() -> list[str]:
    """Return the full name of every module and package in ``providers/sandbox/``."""
    return [f"{sandbox.__name__}.{module.name}" for module in pkgutil.iter_modules(sandbox.__path__)]


@cache
def all_sites() -> dict[str, type[BaseSite]]:
    """Return ``{slug: Site class}`` in the order in which people see the providers.

    A module or package in ``providers/sandbox/`` is a provider if it has a class named ``Site``. Its name is the slug.
    """
    found = {}
    for name in module_names():
        site = getattr(import_module(name), "Site", None)
        if site is not None:
            site.slug = name.rpartition(".")[2]
            found[site.slug] = site
    return dict(sorted(found.items(), key=lambda item: (item[1].position, item[0])))
