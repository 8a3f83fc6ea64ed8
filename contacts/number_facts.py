"""The country and the kind of a number, from its digits alone. Stored with each contact, for filters."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from contacts.phones import calling_code, country_of, kind_of
from contacts.phones.numbering import is_mobile, main_country

#: The kinds that a filter can ask for. A number that may be either a mobile or a fixed line counts as a mobile.
NUMBER_KINDS = [("mobile", "Mobile"), ("fixed_line", "Fixed line"), ("other", "Other")]
#: The columns that hold what ``number_facts`` returns.
NUMBER_FACTS = ("number_country", "number_kind")
_KINDS = {"mobile": "mobile", "mobile_or_fixed_line": "mobile", "fixed_line": "fixed_line"}


def number_facts(msisdn: str) -> tuple[str, str]:
    """The ISO 3166 code of the country of ``msisdn`` (digits), ``""`` if it belongs to none, and its kind.

    An import calls this for each row, so mobiles do not go through the library, which takes fifty times as long.
    """
    # No calling code is the beginning of another.
    for length in (2, 3, 1):
        for is_mobile_of, country in _mobiles_of(msisdn[:length]):
            if is_mobile_of(msisdn[length:]):
                return country, "mobile"
    return country_of(msisdn), _KINDS.get(kind_of(msisdn), "other")


def fixed_lines(msisdns: Iterable[str]) -> Iterator[str]:
    """Those of ``msisdns`` (digits) whose kind is ``fixed_line``. Cheaper where neighbours share a calling code."""
    code = "-"
    mobiles: list[Callable[..., object]] = []
    for msisdn in msisdns:
        if not msisdn.startswith(code):
            code = next((msisdn[:length] for length in (2, 3, 1) if _mobiles_of(msisdn[:length])), "-")
            mobiles = [] if code == "-" else [is_mobile_of for is_mobile_of, _ in _mobiles_of(code)]
        for is_mobile_of in mobiles:
            if is_mobile_of(msisdn, len(code)):
                break
        else:
            if number_facts(msisdn)[1] == "fixed_line":
                yield msisdn


@cache
def facts_of_mobiles(country: str) -> tuple[str, tuple[str, str] | None]:
    """The calling code of a country, and what ``number_facts`` returns for every mobile with this calling code.

    None instead where that depends on the number: the United States and Canada share a calling code, Russia and
    Kazakhstan too. Raises PhoneError ``unknown_country``.
    """
    code = calling_code(country)
    countries = {country_of_it for _, country_of_it in _mobiles_of(code)}
    return code, (countries.pop(), "mobile") if len(countries) == 1 else None


@cache
def _mobiles_of(code: str) -> list[tuple[Callable[..., object], str]]:
    """A test of national digits, and the country, of each region with this calling code; [] if there is none."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    return [(is_mobile(region), main_country(region)) for region in regions if region != "001"]
