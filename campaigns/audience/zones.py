"""The time zones and the country that a number shows: its group, which decides when the person may be texted."""

from collections.abc import Callable
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

from campaigns.audience.windows import OWN, RECIPIENT, Group, Window
from contacts.number_facts import number_facts
from contacts.phones.numbering import is_mobile, main_country

#: The calling codes whose mobile numbers show an area: Mexico, Argentina, Brazil, Indonesia, China.
_AREA_MOBILES = ("52", "54", "55", "62", "86")


def group_of(window: Window, msisdn: str) -> Group:
    """The group of ``msisdn`` (digits) under ``window``. Cheap for millions of numbers."""
    code = _calling_code(msisdn)
    country = _country(code, msisdn[:4]) if OWN in window.holidays else ""
    if window.zone != RECIPIENT:
        return _group(country, (window.zone,))
    return _group(country, zones_of(msisdn) or (window.fallback,))


@lru_cache(maxsize=4096)
def _group(country: str, zones: tuple[str, ...]) -> Group:
    return Group(country, zones)


def zones_of(msisdn: str) -> tuple[str, ...]:
    """The names of the time zones that ``msisdn`` (digits) may be in, by phonenumbers' metadata; () if it shows none.

    Outside North America a mobile number shows only the country. In North America it shows the area in which the number
    was given out; people who moved kept it.
    """
    code = _calling_code(msisdn)
    zones = TIMEZONE_DATA.get(code, ())
    if len(zones) < 2:
        return zones
    if code == "1":
        return _of_longest_prefix(msisdn[:TIMEZONE_LONGEST_PREFIX])
    if code not in _AREA_MOBILES and any(test(msisdn[len(code) :]) for test in _mobile_tests(code)):
        return zones
    return _zones_by_library(msisdn) or zones


@lru_cache(maxsize=65_536)
def _of_longest_prefix(beginning: str) -> tuple[str, ...]:
    lengths = range(len(beginning), 0, -1)
    return next((TIMEZONE_DATA[beginning[:n]] for n in lengths if beginning[:n] in TIMEZONE_DATA), ())


@lru_cache(maxsize=65_536)
def _zones_by_library(msisdn: str) -> tuple[str, ...]:
    try:
        zones = tuple(time_zones_for_number(phonenumbers.parse(f"+{msisdn}")))
    except phonenumbers.NumberParseException:
        return ()
    return () if UNKNOWN_TIMEZONE in zones else zones


@cache
def _mobile_tests(code: str) -> tuple[Callable[[str], object], ...]:
    return tuple(is_mobile(region) for region in COUNTRY_CODE_TO_REGION_CODE[int(code)] if region != "001")


@lru_cache(maxsize=4096)
def _code_of_beginning(beginning: str) -> str:
    # No calling code is the beginning of another.
    return next((beginning[:n] for n in (1, 2, 3) if int(beginning[:n] or 0) in COUNTRY_CODE_TO_REGION_CODE), "")


def _calling_code(msisdn: str) -> str:
    return _code_of_beginning(msisdn[:3])


@lru_cache(maxsize=65_536)
def _country(code: str, beginning: str) -> str:
    """The country of the numbers with these first four digits. Only the calling codes 1 and 7 have several."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if code else ()
    if not regions or regions[0] == "001":
        return ""
    if code == "7":
        return "KZ" if beginning[1:2] in ("6", "7") else "RU"
    if code == "1":
        return number_facts(f"{beginning}5550100")[0] or "US"
    return main_country(regions[0])
