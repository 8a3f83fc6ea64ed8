"""The numbering plans of the countries: which digits are a mobile number in use, and which kind of number others are.

phonenumbers has the plans, compiled from its metadata. For some countries the metadata is wider than the plan: it
accepts every length that was ever seen. ``NARROWED`` corrects these.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType
from phonenumbers.phonemetadata import PhoneNumberDesc

from contacts.phones.refusals import refusal
from contacts.pseudonyms import is_pseudonym

#: What ``kind_of`` returns for each of phonenumbers' types.
KINDS = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "mobile_or_fixed_line",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.VOIP: "voip",
    PhoneNumberType.PERSONAL_NUMBER: "personal_number",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "uan",
    PhoneNumberType.VOICEMAIL: "voicemail",
}
#: The kinds that are never a person's mobile phone.
OTHER_KINDS = frozenset(KINDS.values()) - {"mobile", "mobile_or_fixed_line"}
# phonenumbers tests these kinds before mobile and fixed line.
_BEFORE_MOBILE = ("premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail")


class Narrowed(NamedTuple):
    """Which of the mobile numbers of the metadata are in use: the digits of the shortest and the longest, without the
    trunk prefix, and a pattern where the length depends on the prefix."""

    shortest: int
    longest: int
    pattern: str = ""


# How it was decided: of the 244 countries with mobile numbers, 204 have one length, and most others have one length
# for each prefix; there the metadata is right. In these countries the metadata has an open range such as 8[1-4]\d{3,7}.
# The shortest length is that of phonenumbers' own example number, unless the plan names shorter numbers by prefix.
# Rare numbers that are left out (nine digits in Italy) can still be entered by hand.
NARROWED = {
    "ZA": Narrowed(9, 9),
    # 11 digits after 15, 176 and 1609.
    "DE": Narrowed(10, 11, r"15[0-9]{9}|176[0-9]{8}|1609[0-9]{7}|1(?:60(?!9)|6[23]|7[0-57-9])[0-9]{7}"),
    # Nothing tells the length; the numbers of companies contain an extension.
    "AT": Narrowed(9, 13),
    "FI": Narrowed(9, 10),
    "AX": Narrowed(9, 10),
    # Few of the first numbers, with 9 digits, are still in use.
    "IT": Narrowed(10, 10),
    "VA": Narrowed(10, 10),
    # The numbers of 9 digits ended with the second generation of mobile networks in 2021.
    "KR": Narrowed(10, 10),
    # 10 digits after 11 and 15.
    "MY": Narrowed(9, 10, r"1[15][0-9]{8}|1(?![15])[0-9]{8}"),
    # Up to 10 digits after 20, 21 and 28.
    "NZ": Narrowed(9, 10, r"[0-9]{9}|2[018][0-9]{8}"),
}


@lru_cache(maxsize=256)
def metadata(country: str) -> PhoneMetadata:
    """The numbering plan of an ISO 3166 code. Raises PhoneError ``unknown_country``."""
    found = PhoneMetadata.metadata_for_region(country.upper(), None)
    if found is None:
        raise refusal("unknown_country", country)
    return found


@lru_cache(maxsize=256)
def calling_code(country: str) -> str:
    """``"27"`` for ZA. Raises PhoneError ``unknown_country``."""
    return str(metadata(country).country_code)


@lru_cache(maxsize=256)
def mobile_pattern(country: str) -> str:
    """A pattern of the mobile numbers in use in ``country``, national digits without any prefix; never matches if
    there are none. Where mobile and fixed numbers cannot be told apart, both match."""
    plan = metadata(country)
    if not (plan.mobile and plan.mobile.national_number_pattern and plan.general_desc):
        return r"(?!)"
    others = [getattr(plan, kind) for kind in _BEFORE_MOBILE]
    excluded = "".join(f"(?!{_pattern_of(other)}\\Z)" for other in others if other and other.national_number_pattern)
    narrowed = ""
    if limit := NARROWED.get(country.upper()):
        narrowed = f"(?=[0-9]{{{limit.shortest},{limit.longest}}}\\Z)"
        narrowed += f"(?=(?:{limit.pattern})\\Z)" if limit.pattern else ""
    return f"{narrowed}{excluded}(?={_pattern_of(plan.general_desc)}\\Z){_pattern_of(plan.mobile)}"


@lru_cache(maxsize=256)
def is_mobile(country: str) -> Callable[[str], object]:
    """A function that tells if national digits are a mobile number in use in ``country``."""
    # re.ASCII: the metadata writes \d for 0 to 9.
    return re.compile(mobile_pattern(country), re.ASCII).fullmatch


@lru_cache(maxsize=256)
def mobile_lengths(country: str) -> tuple[int, int]:
    """The digits of the shortest and the longest mobile number, without prefixes; (0, 0) if there are none."""
    if limit := NARROWED.get(country.upper()):
        return limit.shortest, limit.longest
    plan = metadata(country)
    if not (plan.mobile and plan.mobile.national_number_pattern and plan.general_desc):
        return 0, 0
    lengths = [length for length in plan.mobile.possible_length or plan.general_desc.possible_length if length > 0]
    return min(lengths), max(lengths)


@lru_cache(maxsize=16_384)
def country_of(msisdn: str) -> str:
    """The ISO 3166 code of the country that ``msisdn`` (digits) belongs to; "" if it does not exist or belongs to none.

    A dependent territory with the same calling code counts as the country: Guernsey as GB.
    """
    number = _number(msisdn)
    region = phonenumbers.region_code_for_number(number) if number else None
    return main_country(region) if region and region != "001" else ""


def main_country(region: str) -> str:
    """``"GB"`` for Guernsey. Only the calling codes 1 and 7 are shared by countries that are not one another's
    territories."""
    code = metadata(region).country_code
    return region if code in (None, 1, 7) else str(phonenumbers.region_code_for_country_code(code))


def region_of_mobile(code: str, national: str) -> str:
    """The region in which national digits after a calling code are a mobile number in use; "" if there is none."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    return next((region for region in regions if region != "001" and is_mobile(region)(national)), "")


def kind_of(msisdn: str) -> str:
    """The kind of ``msisdn`` (digits): one of the values of ``KINDS``; ``"mobile_or_fixed_line"`` where the country's
    numbers do not tell, as in the United States; ``"unknown"`` if the number does not exist."""
    number = _number(msisdn)
    return KINDS.get(phonenumbers.number_type(number), "unknown") if number else "unknown"


@lru_cache(maxsize=16_384)
def formatted(msisdn: str) -> str:
    """``msisdn`` (digits) as people write it: ``"+27 82 555 0100"``; ``"+"`` and the digits if it does not exist.

    A pseudonym (contacts.pseudonyms), which replaces an erased number, is shown after the word ``erased``.
    """
    if is_pseudonym(msisdn):
        return f"erased {msisdn}"
    number = _number(msisdn)
    if number is None or not phonenumbers.is_valid_number(number):
        return f"+{msisdn}"
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def _number(msisdn: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(f"+{msisdn}")
    except phonenumbers.NumberParseException:
        return None


def _pattern_of(kind: PhoneNumberDesc) -> str:
    """The pattern of a kind of numbers, with the lengths that it may have. It matches only up to the end of a text."""
    lengths = [length for length in kind.possible_length if length > 0]
    if not lengths:
        return f"(?:{kind.national_number_pattern})"
    is_range = lengths == list(range(lengths[0], lengths[-1] + 1))
    each = [f"{lengths[0]},{lengths[-1]}"] if is_range else lengths
    # The pattern first: the first digits already show that most numbers are of another kind.
    return f"(?:(?=(?:{kind.national_number_pattern})\\Z)(?:{'|'.join(f'[0-9]{{{length}}}' for length in each)}))"
