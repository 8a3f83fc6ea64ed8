"""Reads mobile numbers in the usual notations by pattern, many times as fast as the library phonenumbers.

``tests/contacts/test_phone_properties.py`` compares it with ``parsing.parse_any``, which reads every notation.
"""

import re
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from contacts.phones.numbering import calling_code, metadata, mobile_pattern

# What spreadsheets and exports put around a number does not count: apostrophes, ="", tel:, invisible marks.
_AROUND = r"[\s'\"\u00a0\u200e\u200f\u202a\u202c\ufeff]"
# Groups of digits that cannot be anything else than a phone number if they are one. Identity numbers have other groups,
# or those that are excluded here: 123-45-6789 in the US and 9198 7654 3210 in India. With dots, only what begins with a
# plus or a zero: 825.550.100 may be divided into thousands.
_NOTATION = re.compile(
    rf"""
    (?: = | {_AROUND} )* (?: tel: | p: )?
    (?:
        ( \+? [0-9]{{6,}} ) (?: [.]0 )?
    |
        (
            (?! \d{{3}}-\d\d-\d{{4}} (?!\d) | \d{{4}}[ -]\d{{4}}[ -]\d{{4}} (?!\d) )
            (?:
                (?: \+\d{{1,3}} [ \u00a0-]? )? [(]\d{{2,5}}[)] [ \u00a0-]? \d{{2,10}}
            |   [(]\+\d{{1,3}}[)] [ ]? \d{{2,10}}
            |   \+\d{{1,3}} [ ]? [(]0[)] [ ]? \d{{2,10}}
            |   \+\d{{1,7}}
            |   \d{{2,5}}
            )
            (?: [ \u00a0-] \d{{2,10}} )*
        |
            (?: \+\d{{1,3}} | 0\d{{2,4}} ) (?: [.]\d{{2,10}} )+
        |
            0\d{{2,4}} / \d{{7,8}}
        )
    )
    {_AROUND}*
    """,
    re.ASCII | re.VERBOSE,
)
_CALLING_CODE = re.compile(r"[1-9]\d{0,2}", re.ASCII)
# A zero that is dialled only inside the country.
_TRUNK_ZERO = "(0)"


def read(text: str, country: str) -> str:
    """The digits, with calling code, of a mobile number in use in a usual notation; "" for every other text.

    ``country`` (ISO 3166): of the list. A number of another country is read after a plus, and after 00 where that is
    dialled. Raises PhoneError ``unknown_country``.
    """
    code, pattern = _plan(country)
    digits = text
    has_short_end = False
    if not text.isdecimal():
        found = _NOTATION.fullmatch(text)
        if not found:
            return ""
        digits = text = found[1] or found[2]
        if not found[1]:
            digits = text.replace(_TRUNK_ZERO, "") if "(" in text else text
            # One call after another is faster than a loop, and than str.translate.
            digits = digits.replace(" ", "").replace("-", "").replace("\u00a0", "")
            digits = digits.replace("(", "").replace(")", "").replace(".", "").replace("/", "")
            has_short_end = not text[-3:-2].isdecimal()
    # Eight digits may be a date, thirteen that begin with 0 and have a month an identity number; zeros at the end are
    # Excel's rounding.
    length = len(digits)
    if length == 8 or (length == 13 and digits[0] == "0" and digits[2:4] < "13") or digits[-6:] == "000000":
        return ""
    if match := pattern.fullmatch(digits):
        # A last group of two digits after a whole number is an extension.
        return "" if has_short_end and _may_be_mobile(country).fullmatch(digits[:-2]) else code + match[1]
    return "" if has_short_end or not digits.startswith(("+", "00")) else _read_abroad(digits, country)


@lru_cache(maxsize=256)
def _plan(country: str) -> tuple[str, re.Pattern[str]]:
    return calling_code(country), mobile(country)


def _read_abroad(digits: str, country: str) -> str:
    """The number that digits after a plus or 00 are in the countries whose calling code they begin with."""
    if digits.startswith("00") and metadata(country).international_prefix != "00":
        return ""
    digits = digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")
    pattern = _beginning_abroad(digits[:3])
    return digits if pattern and pattern.fullmatch(digits) else ""


@lru_cache(maxsize=2048)
def _beginning_abroad(digits: str) -> re.Pattern[str] | None:
    """The pattern of the calling code that digits begin with. No calling code is the beginning of another one."""
    return next(filter(None, (_mobile_abroad(digits[:length]) for length in (1, 2, 3))), None)


@lru_cache(maxsize=2048)
def _mobile_abroad(code: str) -> re.Pattern[str] | None:
    """Matches the digits, with calling code, of a mobile number of any country with that code; None if none has it."""
    regions = _regions(code)
    if not regions:
        return None
    # The plan of the first one says which prefixes a number has.
    trunk = metadata(regions[0]).national_prefix_for_parsing
    not_prefixed = f"(?!{trunk})" if trunk else ""
    return re.compile(f"{code}{not_prefixed}(?:{'|'.join(map(mobile_pattern, regions))})", re.ASCII)


@lru_cache(maxsize=256)
def _may_be_mobile(country: str) -> re.Pattern[str]:
    """Matches all digits that can be read as a mobile number with the calling code of ``country``, prefixes or not."""
    code, trunk = calling_code(country), metadata(country).national_prefix_for_parsing
    prefixes = [rf"\+?{code}", f"00{code}", *([trunk] if trunk else [])]
    return re.compile(f"(?:{'|'.join(prefixes)})?(?:{'|'.join(map(mobile_pattern, _regions(code)))})", re.ASCII)


def _regions(code: str) -> list[str]:
    """The countries with a calling code, the main one first; none for anything else, as with a zero in front."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code), ()) if _CALLING_CODE.fullmatch(code) else ()
    return [region for region in regions if region != "001"]


@lru_cache(maxsize=256)
def mobile(country: str) -> re.Pattern[str]:
    """Matches the digits of a mobile number in use of ``country``; the first group, ``national``, has no prefixes."""
    plan = metadata(country)
    prefixes = [rf"\+?{plan.country_code}", f"00{plan.country_code}"]
    not_prefixed = ""
    if plan.national_prefix_for_parsing:
        # A number that may still start with a prefix can be read in two ways; phonenumbers decides which is right.
        not_prefixed = f"(?!{plan.national_prefix_for_parsing})"
        if plan.national_prefix_for_parsing == plan.national_prefix:
            prefixes.append(plan.national_prefix)
    national = f"{not_prefixed}{mobile_pattern(country)}"
    # re.ASCII: the metadata writes \d for 0 to 9.
    return re.compile(f"(?:{'|'.join(prefixes)}|(?!{plan.country_code}))(?P<national>{national})", re.ASCII)
