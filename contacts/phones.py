"""Turns a phone number as a person typed it into digits: ``"082 555 0100"`` read in ZA is ``"27825550100"``.

The library phonenumbers defines what a number may look like. Most numbers match patterns compiled from its metadata,
which is about ten times faster than calling it; numbers that do not match are passed to it.
"""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberType, ValidationResult

from contacts.errors import Refusal

# The kinds of numbers that are valid, in phonenumbers' terms.
KINDS = ("mobile", "fixed_line", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager", "uan")
MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)

_PLAIN = re.compile(r"\+?[0-9]+")
# Characters that people put around and between digits, including dots and slashes: 082.555.0100.
_DECORATION = re.compile(r"[\s'’‘`´ʼ\"“”().\-‐‑‒–—―−/\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_POINT_ZERO = re.compile(r"(\+?[0-9]{6,})[.,]0+")
_SCIENTIFIC = re.compile(r"\+?([0-9])(?:[.,]([0-9]+))?[eE]\+?([0-9]{1,2})")
# 2.78E+10 in a numeric cell becomes 27800000000. Real numbers do not end in six zeros; rounded ones do.
_ROUNDED = re.compile(r"\+?[1-9][0-9]{2,8}0{6,}(?:[.,]0+)?")
_TWO_NUMBERS = re.compile(r"[0-9].*(?:[,;|&\n]|\bor\b|\band\b).*[0-9]", re.DOTALL | re.IGNORECASE)

NOT_A_NUMBER = "This is not a phone number. Enter it as digits, such as +27825550100."


class PhoneError(Refusal):
    """A text is not a phone number."""


def parse(text: str, country: str) -> str:
    """Return the digits of ``text`` with country code and no plus, read as a person in ``country`` (ISO 3166) would.

    Damage done by a spreadsheet is repaired where only one number can be meant: a lost leading zero, a trailing
    ``.0``, an apostrophe, unusual spaces and dashes. A number without a plus that starts with the country's own code is
    read with that code; one that is longer than any number of the country is accepted if it is a foreign mobile number.
    Raises PhoneError: ``missing``, ``rounded_by_excel``, ``two_numbers``, ``not_a_number``, ``too_short``,
    ``too_long``, ``not_in_use``, ``unknown_country``.
    """
    pattern = _pattern(country)
    match = pattern.fullmatch(text)
    if match is None:
        text = _clean(text)
        match = pattern.fullmatch(text)
    if match is not None:
        return f"{_country_code(country)}{match['national']}"
    return _ask_phonenumbers(text, country)


def refuse_rounded(text: str) -> None:
    """Raises PhoneError ``rounded_by_excel`` for a number that a spreadsheet rounded when it showed it as 2.78E+10.

    Not used for opt-outs: recording one that nobody asked for does less harm than missing one.
    """
    if _ROUNDED.fullmatch(text):
        raise PhoneError(
            "rounded_by_excel",
            "Excel appears to have rounded this number, so its last digits are lost. Format the column as text and"
            " export it again.",
        )


def check_country(country: str) -> None:
    """Raises PhoneError ``unknown_country`` unless ``country`` is an ISO 3166 code whose numbers Baton can read."""
    _metadata(country)


def _clean(text: str) -> str:
    """The digits of ``text``, with a leading plus if it has one. Raises PhoneError."""
    text = unicodedata.normalize("NFKC", text).strip().strip("'\"").strip()
    if not text:
        raise PhoneError("missing", "This row has no phone number.")
    if point_zero := _POINT_ZERO.fullmatch(text):
        text = point_zero[1]
    if scientific := _SCIENTIFIC.fullmatch(text):
        text = _unrounded(*scientific.groups(default=""))
    if _TWO_NUMBERS.search(text) or all(sum(map(str.isdigit, side)) > 6 for side in text.partition("/")[::2]):
        raise PhoneError("two_numbers", "This cell has more than one number. Keep one, or put each in its own row.")
    digits = _DECORATION.sub("", text)
    if not _PLAIN.fullmatch(digits):
        digits = "".join(str(unicodedata.digit(character, character)) for character in digits)
    if not _PLAIN.fullmatch(digits):
        raise PhoneError("not_a_number", NOT_A_NUMBER)
    return digits


def _unrounded(first: str, rest: str, exponent: str) -> str:
    if len(rest) < int(exponent) or rest[int(exponent) :].strip("0"):
        raise PhoneError(
            "rounded_by_excel",
            "Excel rounded this number, so its last digits are lost. Format the column as text and export it again.",
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
    """The ways to read ``digits``, the most likely first."""
    if digits.startswith("+"):
        return [digits]
    if digits.startswith("00"):
        return [digits, f"+{digits.lstrip('0')}"]
    # Without a plus, phonenumbers reads 491711234567 in DE as +49 491711234567.
    if digits.startswith(_country_code(country)):
        return [f"+{digits}", digits]
    return [digits]


def _foreign_mobile(digits: str, country: str) -> str | None:
    """The digits of a foreign mobile number written without its plus; None if ``digits`` can be anything else."""
    if digits.startswith(("+", "0", _country_code(country))) or len(digits) <= _longest(country) + 1:
        return None
    try:
        number = phonenumbers.parse(f"+{digits}")
    except NumberParseException:
        return None
    is_mobile = phonenumbers.is_valid_number(number) and phonenumbers.number_type(number) in MOBILE
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).lstrip("+") if is_mobile else None


def _why_not(number: PhoneNumber | None, digits: str, country: str) -> PhoneError:
    hint = "Check the digits. A number from another country needs a plus and its country code."
    reason = phonenumbers.is_possible_number_with_reason(number) if number else None
    if reason == ValidationResult.TOO_SHORT or len(digits) < 6:
        return PhoneError("too_short", f"This number is too short for {country.upper()}. {hint}")
    if reason == ValidationResult.TOO_LONG or len(digits) > 16:
        return PhoneError("too_long", f"This number is too long for {country.upper()}. {hint}")
    return PhoneError("not_in_use", f"This number does not exist in {country.upper()}. {hint}")


@lru_cache(maxsize=64)
def _metadata(country: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region(country.upper(), None)
    if metadata is None:
        raise PhoneError(
            "unknown_country",
            f"{country} is not a country code that Baton knows. Use two letters, such as ZA, GB or US.",
        )
    return metadata


@lru_cache(maxsize=64)
def _country_code(country: str) -> str:
    return str(_metadata(country).country_code)


def _longest(country: str) -> int:
    """The number of digits of the longest number of ``country``, without the country code."""
    general = _metadata(country).general_desc
    return max(general.possible_length) if general else 0


@lru_cache(maxsize=64)
def _pattern(country: str) -> re.Pattern[str]:
    """Matches a valid number of ``country`` in plain notation; the group ``national`` excludes all prefixes."""
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
        # A number that may still start with a prefix can be read in two ways; phonenumbers decides which is right.
        not_prefixed = f"(?!{metadata.national_prefix_for_parsing})"
        if metadata.national_prefix_for_parsing == metadata.national_prefix:
            prefixes.append(metadata.national_prefix)
    general = metadata.general_desc.national_number_pattern if metadata.general_desc else ""
    national = f"(?=(?:{general})\\Z){not_prefixed}(?:{'|'.join(kinds)})"
    # re.ASCII: the metadata writes \d for 0 to 9.
    return re.compile(f"(?:{'|'.join(prefixes)}|(?!{metadata.country_code}))(?P<national>{national})", re.ASCII)
