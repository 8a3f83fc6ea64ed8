"""From what a person typed to a number: ``"082 555 0100"`` read in ZA is ``"27825550100"``.

What a number may look like is phonenumbers' knowledge. Most numbers match patterns compiled from its own metadata,
which is some ten times faster than asking it; what does not match is given to it.
"""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberType, ValidationResult

from contacts.errors import Refusal

# Kinds of numbers that make a number valid, in phonenumbers' own words.
KINDS = ("mobile", "fixed_line", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager", "uan")
MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)

_PLAIN = re.compile(r"\+?[0-9]+")
# What people put around and between digits. Dots and slashes separate digits, too: 082.555.0100.
_DECORATION = re.compile(r"[\s'’‘`´ʼ\"“”().\-‐‑‒–—―−/\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_POINT_ZERO = re.compile(r"(\+?[0-9]{6,})[.,]0+")
_SCIENTIFIC = re.compile(r"\+?([0-9])(?:[.,]([0-9]+))?[eE]\+?([0-9]{1,2})")
# 2.78E+10 in a cell that is a number: nobody's number ends in six zeros, and a rounded one does.
_ROUNDED = re.compile(r"\+?[1-9][0-9]{2,8}0{6,}(?:[.,]0+)?")
_TWO_NUMBERS = re.compile(r"[0-9].*(?:[,;|&\n]|\bor\b|\band\b).*[0-9]", re.DOTALL | re.IGNORECASE)


class PhoneError(Refusal):
    """A text is not a phone number."""


def parse(text: str, country: str) -> str:
    """Return the digits of ``text`` with country code and no plus, read as a person in ``country`` (ISO 3166) would.

    What a spreadsheet did to a number is undone where only one number can be meant: a lost leading zero, a trailing
    ``.0``, an apostrophe, odd spaces and dashes. A number without plus that begins with the country's own code is
    read with it; one longer than any number of the country is taken for a foreign mobile number if it is one.
    Raises PhoneError: ``missing``, ``rounded_by_excel``, ``two_numbers``, ``not_a_number``, ``too_short``,
    ``too_long``, ``not_in_use``, ``unknown_country``.
    """
    pattern = _pattern(country)
    found = pattern.fullmatch(text)
    if found is None:
        text = _clean(text)
        found = pattern.fullmatch(text)
    if found is not None:
        return f"{_country_code(country)}{found['national']}"
    return _ask_phonenumbers(text, country)


def refuse_rounded(text: str) -> None:
    """Raises PhoneError ``rounded_by_excel`` for a number as a spreadsheet leaves it after showing it as 2.78E+10.

    Only for numbers that are to be texted: an opt-out is better recorded once too often.
    """
    if _ROUNDED.fullmatch(text):
        raise PhoneError(
            "rounded_by_excel",
            "Excel seems to have rounded this number; its last digits are lost. Format the column as text and export"
            " again.",
        )


def check_country(country: str) -> None:
    """Raises PhoneError ``unknown_country`` unless ``country`` is an ISO 3166 code Baton can read numbers of."""
    _metadata(country)


def _clean(text: str) -> str:
    """Digits with or without a plus in front. Raises PhoneError."""
    text = unicodedata.normalize("NFKC", text).strip().strip("'\"").strip()
    if not text:
        raise PhoneError("missing", "There is no phone number in this row.")
    if point_zero := _POINT_ZERO.fullmatch(text):
        text = point_zero[1]
    if scientific := _SCIENTIFIC.fullmatch(text):
        text = _unrounded(*scientific.groups(default=""))
    if _TWO_NUMBERS.search(text) or all(sum(map(str.isdigit, side)) > 6 for side in text.partition("/")[::2]):
        raise PhoneError(
            "two_numbers", "There is more than one number in this cell. Keep one, or give each its own row."
        )
    digits = _DECORATION.sub("", text)
    if not _PLAIN.fullmatch(digits):
        digits = "".join(str(unicodedata.digit(character, character)) for character in digits)
    if not _PLAIN.fullmatch(digits):
        raise PhoneError("not_a_number", "This is not a phone number. Write it with digits only, such as +27825550100.")
    return digits


def _unrounded(first: str, rest: str, exponent: str) -> str:
    if len(rest) < int(exponent) or rest[int(exponent) :].strip("0"):
        raise PhoneError(
            "rounded_by_excel",
            "Excel rounded this number; it cannot be recovered. Format the column as text and export again.",
        )
    return first + rest[: int(exponent)]


def _ask_phonenumbers(digits: str, country: str) -> str:
    number = None
    for candidate in _readings(digits, country):
        try:
            number = phonenumbers.parse(candidate, country.upper())
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).lstrip("+")
    foreign = _foreign_mobile(digits, country)
    if foreign is not None:
        return foreign
    raise _why_not(number, digits, country)


def _readings(digits: str, country: str) -> list[str]:
    """How ``digits`` may be meant, the most certain first."""
    if digits.startswith("+"):
        return [digits]
    if digits.startswith("00"):
        return [digits, f"+{digits.lstrip('0')}"]
    # Asked without a plus, phonenumbers reads 491711234567 in DE as +49 491711234567.
    if digits.startswith(_country_code(country)):
        return [f"+{digits}", digits]
    return [digits]


def _foreign_mobile(digits: str, country: str) -> str | None:
    """``digits`` when they can only be a mobile number of another country whose plus was left out."""
    if digits.startswith(("+", "0", _country_code(country))) or len(digits) <= _longest(country) + 1:
        return None
    try:
        number = phonenumbers.parse(f"+{digits}")
    except NumberParseException:
        return None
    is_mobile = phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in MOBILE
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).lstrip("+") if is_mobile else None


def _why_not(number: PhoneNumber | None, digits: str, country: str) -> PhoneError:
    hint = "Check the digits; a number from another country needs a plus and its country code."
    reason = phonenumbers.is_possible_number_with_reason(number) if number else None
    if reason == ValidationResult.TOO_SHORT or len(digits) < 6:
        return PhoneError("too_short", f"This number is too short for {country.upper()}. {hint}")
    if reason == ValidationResult.TOO_LONG or len(digits) > 16:
        return PhoneError("too_long", f"This number is too long for {country.upper()}. {hint}")
    return PhoneError("not_in_use", f"No such number exists in {country.upper()}. {hint}")


@lru_cache(maxsize=64)
def _metadata(country: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region(country.upper(), None)
    if metadata is None:
        raise PhoneError("unknown_country", f"{country} is not a country Baton knows. Write it like ZA, GB or US.")
    return metadata


@lru_cache(maxsize=64)
def _country_code(country: str) -> str:
    return str(_metadata(country).country_code)


def _longest(country: str) -> int:
    """How many digits the longest number of ``country`` has, without country code."""
    general = _metadata(country).general_desc
    return max(general.possible_length) if general else 0


@lru_cache(maxsize=64)
def _pattern(country: str) -> re.Pattern[str]:
    """Matches a valid number of ``country`` written in one of the plain ways; group ``national`` is what follows."""
    metadata = _metadata(country)
    kinds = []
    for kind in KINDS:
        description = getattr(metadata, kind)
        if description and description.national_number_pattern:
            lengths = "|".join(f"[0-9]{{{length}}}" for length in description.possible_length) or "[0-9]+"
            kinds.append(f"(?=(?:{lengths})\\Z)(?:{description.national_number_pattern})")
    prefixes = [rf"\+?{metadata.country_code}"]
    if metadata.international_prefix:
        prefixes.append(f"(?:{metadata.international_prefix}){metadata.country_code}")
    not_prefixed = ""
    if metadata.national_prefix_for_parsing:
        # What may still begin with a prefix has two readings; phonenumbers knows which counts.
        not_prefixed = f"(?!{metadata.national_prefix_for_parsing})"
        if metadata.national_prefix_for_parsing == metadata.national_prefix:
            prefixes.append(metadata.national_prefix)
    general = metadata.general_desc.national_number_pattern if metadata.general_desc else ""
    national = f"(?=(?:{general})\\Z){not_prefixed}(?:{'|'.join(kinds)})"
    # re.ASCII: the metadata says \d and means 0 to 9.
    return re.compile(f"(?:{'|'.join(prefixes)}|(?!{metadata.country_code}))(?P<national>{national})", re.ASCII)
