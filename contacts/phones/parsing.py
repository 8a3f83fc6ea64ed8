"""From a cell to the digits of its number, or to the reason why it is refused."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException

from contacts.phones import cells, content, plain
from contacts.phones.numbering import (
    KINDS,
    OTHER_KINDS,
    calling_code,
    country_of,
    formatted,
    is_mobile,
    main_country,
    metadata,
    mobile_lengths,
    region_of_mobile,
)
from contacts.phones.refusals import APPEARS_ROUNDED, PhoneError, refusal

_DIGITS = "0123456789"
#: Digits after a complete number that are taken for an extension.
_EXTENSION_DIGITS = 6
#: A cell with fewer digits is not searched for a number that it need not have.
_FEWEST_DIGITS = 6
#: Of a number that stands among words without spaces.
_FEWEST_OF_A_GROUP = 8
#: A number of 15 digits with a space between each two has as many groups.
_MAX_GROUPS = 15


@dataclass(frozen=True)
class Accepted:
    """Which numbers are taken in besides mobiles of the list's country, and mobiles of any country with + or 00.

    ``fixed_lines``: fixed lines too. ``countries`` (ISO 3166 codes): bare digits that read as a mobile of these too.
    ``every_kind``: numbers of every kind and of every length that the metadata of phonenumbers allows, for a number
    that a person enters by hand. ``everything``: whatever ``readings`` finds; for opt-outs and searches, where refusing
    a number does the harm.
    """

    fixed_lines: bool = False
    countries: frozenset[str] = frozenset()
    everything: bool = False
    every_kind: bool = False


MOBILES = Accepted()
EVERYTHING = Accepted(everything=True)
#: A number that a person enters by hand.
TYPED = Accepted(every_kind=True)


class _Number(NamedTuple):
    """A calling code and the national digits after it; the number need not exist."""

    code: str
    national: str

    @property
    def msisdn(self) -> str:
        return self.code + self.national


def parse(text: str, country: str, accepted: Accepted = MOBILES) -> str:
    """Return the digits of ``text`` with calling code and no plus, read as a person in ``country`` (ISO 3166) would.

    Damage done by a spreadsheet is repaired where only one number can be meant: a lost leading zero, a trailing
    ``.0``, an apostrophe, unusual spaces and dashes. Bare digits are read as a mobile number of ``country``; a number
    written with + or 00 as one of any country. ``accepted`` takes in more. Raises PhoneError with one of the codes in
    ``SENTENCES``.
    """
    return plain.read(text, country) or parse_any(text, country, accepted)


def parse_any(text: str, country: str, accepted: Accepted = MOBILES) -> str:
    """What ``parse`` returns, for every notation: the simple form, which takes no short cut."""
    if accepted.everything:
        return readings(text, country)[0]
    cell = cells.normalised(text)
    cells.refuse_other_content(cell)
    return _parse_cell(cell, country.upper(), accepted)


def check_country(country: str) -> None:
    """Raises PhoneError ``unknown_country`` unless ``country`` is an ISO 3166 code whose numbers Baton can read."""
    metadata(country)


def readings(text: str, country: str) -> list[str]:
    """Every number that ``text`` can mean, as digits with calling code, the most likely first.

    For opt-outs: one too many does less harm than one missed. Both numbers of a cell with two are returned, a number
    among words, fixed lines, and for bare digits that are no mobile number of ``country`` also the number of another
    country. Raises PhoneError if there is none: ``missing``, ``not_a_number``, ``too_short``, ``rounded_by_excel``...
    """
    if match := plain.mobile(country).fullmatch(text):
        return [calling_code(country) + match["national"]]
    cell, country = cells.normalised(text), country.upper()
    groups = cells.groups(cell)
    found = _read_parts(groups, country, (_mobiles, _every_reading))
    whole = _joined(groups) or ""
    if not _mobiles(whole, country):
        found += _every_reading(whole, country)
    if found:
        return list(dict.fromkeys(found))
    for group in groups:
        for middle in range(7, len(group) - 6):
            sides = [_every_reading(side, country) for side in (group[:middle], group[middle:])]
            if all(sides):
                return list(dict.fromkeys(sides[0] + sides[1]))
    cells.refuse_other_content(cell)
    _parse_cell(cell, country, MOBILES)
    raise refusal("not_a_number")


def mentions(text: str, country: str) -> list[str]:
    """The numbers in a cell that need not be a phone number, such as a reply or a remark; [] if there is none.

    Unlike ``readings``, it does not take an address or a code for a number: among words it finds mobile numbers, and
    of other kinds those whose digits stand together; they begin with 0, + or the calling code of ``country``, or they
    are a mobile number on its own. In an amount, a date or an identity number it finds only mobiles that begin so.
    """
    if sum(map(str.isdigit, text)) < _FEWEST_DIGITS:
        return []
    country = country.upper()
    try:
        cell = cells.normalised(text)
    except PhoneError:
        return []
    groups = cells.groups(cell)
    if content.code_of(cell):
        return list(dict.fromkeys(msisdn for group in groups for msisdn in _mobiles_in_full(group, country)))
    found = _read_parts(groups, country, (_mobiles_in_full,))
    for group in groups:
        if len(group) >= _FEWEST_OF_A_GROUP:
            if group.startswith(("0", "+", calling_code(country))):
                found += _every_reading(group, country)
            elif f" {group}" in f" {cell}":
                found += _mobiles(group, country)
    if not found and cells.digits_of(cell):
        try:
            found.append(parse(text, country, TYPED))
        except PhoneError:
            return []
    return list(dict.fromkeys(found))


def _mobiles_in_full(digits: str, country: str) -> list[str]:
    if len(digits) < _FEWEST_DIGITS or not digits.startswith(("0", "+", calling_code(country))):
        return []
    return _mobiles(digits, country)


def _parse_cell(cell: str, country: str, accepted: Accepted) -> str:
    if cells.appears_rounded(cell) and not accepted.every_kind:
        raise PhoneError("rounded_by_excel", APPEARS_ROUNDED)
    groups = cells.groups(cell)
    digits = cells.digits_of(cell)
    if digits is None:
        raise _several_numbers(cell, groups, country) or cells.why_no_number(cell)
    if cells.has_odd_break(cell):
        is_of_brackets = len(cell.splitlines()) == 1
        raise _several_numbers(cell, groups, country) or refusal("footnote" if is_of_brackets else "two_numbers")
    # Where mobile numbers have several lengths, an extension can make one out of another.
    most = _EXTENSION_DIGITS if cells.ends_after_slash(cell) else 2
    is_beside = len(groups) > 1 and len(groups[-1]) <= most
    if is_beside and _mobiles(_joined(groups[:-1]) or "", country):
        raise refusal(cells.kind_of_rest(cell, groups[-1]))
    try:
        return _parse_digits(digits, country, accepted)
    except PhoneError as error:
        is_complete = error.code in OTHER_KINDS
        raise (None if is_complete else _several_numbers(cell, groups, country)) or error from None


def _parse_digits(digits: str, country: str, accepted: Accepted) -> str:
    """The number that ``digits``, with or without a leading plus, stand for. Raises PhoneError."""
    candidates = _candidates(digits, country)
    for number in candidates:
        if is_mobile(country)(number.national) and number.code == calling_code(country):
            return number.msisdn
    for number in candidates:
        # Countries with the same calling code share one numbering plan: the number means the same in each of them.
        if region_of_mobile(number.code, number.national):
            return number.msisdn
    if other := _of_other_country(digits, country):
        region = region_of_mobile(other.code, other.national)
        if accepted.countries & {region, main_country(region)}:
            return other.msisdn
        raise refusal("other_country", main_country(region), formatted(other.msisdn))
    if not accepted.every_kind and _is_truncated_mobile(digits, country):
        raise refusal("too_short", country)
    for number in candidates:
        if kind := _kind(number):
            if _takes_in(kind, accepted):
                return number.msisdn
            if kind in OTHER_KINDS:
                raise refusal(kind, country_of(number.msisdn) or country)
    raise _why_not(candidates, digits, country)


def _is_truncated_mobile(digits: str, country: str) -> bool:
    """Whether ``digits`` are the calling code and the first digits of a mobile number, and no number of another kind.

    27 82 555 01 in ZA: read without the calling code it is the fixed line 027 825 5501, of another person.
    """
    national = digits.removeprefix(calling_code(country))
    missing = mobile_lengths(country)[0] - len(national)
    if (
        national == digits
        or missing <= 0
        or not any(is_mobile(country)(national + digit * missing) for digit in _DIGITS)
    ):
        return False
    # phonenumbers knows no number of fewer than two digits.
    return len(national) < 2 or _kind(_Number(calling_code(country), national)) not in OTHER_KINDS


def _takes_in(kind: str, accepted: Accepted) -> bool:
    return accepted.every_kind or (accepted.fixed_lines and kind == "fixed_line")


@lru_cache(maxsize=1024)
def _candidates(digits: str, country: str) -> tuple[_Number, ...]:
    """The numbers that ``digits``, with or without a leading plus, can be in ``country``, the most likely first."""
    texts = [f"+{abroad}" for abroad in _dialled_abroad(digits, country)]
    # Without a plus, phonenumbers reads 491711234567 in DE as +49 491711234567.
    texts += [f"+{digits}"] if digits.startswith(calling_code(country)) else []
    found = []
    for text in [*texts, digits]:
        try:
            number = phonenumbers.parse(text, country)
        except NumberParseException:
            continue
        # phonenumbers takes more prefixes for calls abroad than it should: 0055 in Brazil, 99 in Finland.
        if text.startswith("+") or str(number.country_code) == calling_code(country):
            national = phonenumbers.national_significant_number(number)
            # Until 2019 mobile numbers in Mexico had a 1 after the calling code; many exports still have it.
            if number.country_code == 52 and len(national) == 11:
                national = national.removeprefix("1")
            found.append(_Number(str(number.country_code), national))
    return tuple(found)


def _dialled_abroad(digits: str, country: str) -> list[str]:
    """What follows a plus, 00, or what else is dialled for calls abroad in ``country``, as 011 in the United States."""
    plan = metadata(country)
    dialled = plan.preferred_international_prefix or plan.international_prefix or ""
    # Not 0 in Samoa, nor 119 in Cuba: other numbers begin so as well.
    is_distinct = dialled.isdigit() and dialled.startswith("0") and len(dialled) >= 3
    prefixes = ["+00", "00", *([dialled] if is_distinct else [])]
    return [digits.removeprefix(prefix) for prefix in dict.fromkeys(prefixes) if digits.startswith(prefix)]


def _of_other_country(digits: str, country: str) -> _Number | None:
    """The number that bare digits are if a plus is put before them and it is a mobile number in use."""
    if digits.startswith(("+", "0")):
        return None
    numbers = _candidates(f"+{digits}", country)
    return next((number for number in numbers if region_of_mobile(number.code, number.national)), None)


def _kind(number: _Number) -> str:
    """The kind of a number that exists according to the metadata; "" if it does not."""
    return KINDS.get(phonenumbers.number_type(_parsed(number)), "")


def _parsed(number: _Number) -> phonenumbers.PhoneNumber:
    return phonenumbers.parse(f"+{number.msisdn}")


def _why_not(candidates: tuple[_Number, ...], digits: str, country: str) -> PhoneError:
    number = candidates[0] if candidates else _Number("", digits.lstrip("+0"))
    region = country
    if number.code and number.code != calling_code(country):
        region = phonenumbers.region_code_for_country_code(int(number.code))
    shortest, longest = mobile_lengths(region) if region != "001" else (0, 0)
    if cells.is_short_number(digits, country):
        return refusal("short_number")
    if (number.code and len(number.national) < shortest) or len(digits) < 6:
        return refusal("too_short", region)
    if (number.code and longest and len(number.national) > longest) or len(digits) > 16:
        return refusal("too_long", region)
    return refusal("not_in_use", region)


def _several_numbers(cell: str, groups: list[str], country: str) -> PhoneError | None:
    """The refusal of a complete number with something beside it: a second number, an extension or a footnote."""
    if sum(map(len, groups)) <= mobile_lengths(country)[0]:
        return None
    for middle in range(1, len(groups)):
        first, second = groups[:middle], groups[middle:]
        if _is_complete(first, country) and _is_complete(second, country):
            return refusal("two_numbers")
    if len(set(_read_parts(groups, country, (_mobiles,)))) > 1:
        return refusal("two_numbers")
    for middle in range(len(groups) - 1, 0, -1):
        rest = "".join(groups[middle:])
        if len(rest) <= _EXTENSION_DIGITS and _is_complete(groups[:middle], country):
            return refusal(cells.kind_of_rest(cell, rest))
        front = "".join(groups[:middle])
        if len(front) <= 3 and groups[middle].startswith(("0", "+")) and _is_complete(groups[middle:], country):
            return refusal("footnote")
    for group in groups:
        if any(
            _is_complete([group[:middle]], country) and _is_complete([group[middle:]], country)
            for middle in range(9, len(group) - 8)
        ):
            return refusal("two_numbers")
    return None


def _is_complete(groups: list[str], country: str) -> bool:
    """Whether the groups are together a mobile number in use, or another number that exists."""
    digits = (_joined(groups) or "").replace("+0", "0")
    return any(
        region_of_mobile(number.code, number.national) or _kind(number) in OTHER_KINDS
        for number in _valid(digits, country)
    )


def _joined(groups: list[str]) -> str | None:
    """The groups as one text of digits; None if a plus is in the middle."""
    return None if any(group.startswith("+") for group in groups[1:]) else "".join(groups)


def _read_parts(groups: list[str], country: str, reads: tuple[Callable[[str, str], list[str]], ...]) -> list[str]:
    """What ``reads``, one after the other, find in adjacent groups, the most groups first; each group is used once."""
    found: dict[int, list[str]] = {}
    unused = set(range(len(groups)))
    for read in reads:
        for length in range(min(len(groups), _MAX_GROUPS), 0, -1):
            for begin in range(len(groups) - length + 1):
                part = range(begin, begin + length)
                digits = _joined(groups[begin : begin + length])
                if digits and unused.issuperset(part) and (msisdns := read(digits, country)):
                    found[begin] = msisdns
                    unused.difference_update(part)
    return [msisdn for begin in sorted(found) for msisdn in found[begin]]


def _every_reading(digits: str, country: str) -> list[str]:
    """The numbers that exist, of any kind, that a person can have meant by ``digits``, as digits with calling code."""
    found = [number.msisdn for number in _valid(digits, country)]
    if not digits.startswith(("+", "0")) and not _mobiles(digits, country):
        found += [number.msisdn for number in _valid(f"+{digits}", country)]
    return list(dict.fromkeys(found))


def _mobiles(digits: str, country: str) -> list[str]:
    """The mobile numbers in use among those that ``digits`` can be in ``country``."""
    return [number.msisdn for number in _valid(digits, country) if region_of_mobile(number.code, number.national)]


def _valid(digits: str, country: str) -> Iterator[_Number]:
    """The numbers that exist, of any kind, among those that ``digits`` can be."""
    if len(digits) < 5 or len(digits) > 20:
        return
    for number in _candidates(digits, country):
        if phonenumbers.is_valid_number(_parsed(number)):
            yield number
