"""The countries whose phone numbers Baton can read."""

from functools import cache
from importlib.resources import files

import phonenumbers


@cache
def names() -> dict[str, str]:
    """The English name of each country by its ISO 3166 code: ``{"ZA": "South Africa"}``, sorted by name."""
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    lines = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    known = [(code, name) for code, name in lines if code in phonenumbers.SUPPORTED_REGIONS]
    return dict(sorted(known, key=lambda country: country[1]))


def name_of(code: str) -> str:
    """``"South Africa"`` for ``"ZA"``; the code itself for an unknown country."""
    return names().get(code, code)


@cache
def choices() -> list[tuple[str, str]]:
    """For a form field: ``[("ZA", "South Africa (+27)"), ...]``, sorted by name."""
    return [(code, f"{name} (+{phonenumbers.country_code_for_region(code)})") for code, name in names().items()]
