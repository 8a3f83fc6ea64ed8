"""Which columns of a sheet hold the phone numbers, from their headings and their cells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from contacts import phones
from contacts.headings import (
    ANOTHER_PERSON,
    CONTACT_TITLES,
    MOBILE,
    NAME,
    NEVER_PHONE,
    OTHER_NUMBER,
    PHONE,
    QUALIFIED,
    has_one_of,
    is_one_of,
)

# What the cells of a column look like, the least likely first.
_BLANK, _DAMAGED, _NUMBERS = range(3)
_LETTERS = re.compile(r"[^\W\d_]{2,}")
# The name of a column, the least likely first. "Number" says no more than a heading that is not known.
_SOMEBODY_ELSE, _UNNAMED, _PHONE, _MOBILE = 1, 2, 4, 6


@dataclass(frozen=True)
class Candidate:
    """A column that can be the phone. ``looks`` and ``name`` rank it; ``content``: its numbers or else its cells.

    ``is_own``: its heading names the person's own phone, not another person's or something unknown.
    """

    column: int
    looks: int
    name: int
    content: tuple[str, ...]
    is_own: bool


def candidates(header: Sequence[str], samples: Sequence[Sequence[str]], country: str) -> list[Candidate]:
    """Every column that can be the phone, in the order of the sheet. Arguments: see columns.guess."""
    found = (_candidate(column, title, cells_of(column, samples), country) for column, title in enumerate(header))
    return [candidate for candidate in found if candidate]


def likeliest(found: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that no other one beats: cells that are numbers beat a heading, Mobile beats Phone, Phone Number.

    Of two equal ones, the one with less than half as many cells, or with the same ones, is not among them. Where the
    best may be the numbers of other people, the columns with a heading of a phone are among them, though blank or
    damaged: their numbers may come further down.
    """
    best = max(((candidate.looks, candidate.name) for candidate in found), default=None)
    equal = [candidate for candidate in found if (candidate.looks, candidate.name) == best]
    most = max((len(candidate.content) for candidate in equal), default=0)
    kept: dict[tuple[str, ...], Candidate] = {}
    for candidate in equal:
        if 2 * len(candidate.content) >= most:
            kept.setdefault(candidate.content, candidate)
    chosen = list(kept.values())
    if chosen and not any(candidate.is_own for candidate in chosen):
        return [candidate for candidate in found if candidate in chosen or candidate.is_own]
    return chosen


def cells_of(column: int, samples: Sequence[Sequence[str]]) -> list[str]:
    """The cells of ``column`` that are not blank."""
    cells = (row[column].strip() for row in samples if column < len(row))
    return [cell for cell in cells if cell]


def is_named(title: str) -> bool:
    """Whether a heading names a phone, of whomever."""
    return _name(title) not in (None, _UNNAMED)


def has_number(cells: Sequence[str], country: str) -> bool:
    """Whether there is a phone number in any of the cells, of a mobile or not, among words too."""
    return any(phones.mentions(cell, country) for cell in cells)


def _candidate(column: int, title: str, cells: Sequence[str], country: str) -> Candidate | None:
    name = _name(title)
    if name is None:
        return None
    msisdns = tuple(msisdn for cell in cells if (msisdn := _msisdn(cell, country)))
    is_named = name not in (_UNNAMED, _SOMEBODY_ELSE)
    is_own = is_named and not is_one_of(CONTACT_TITLES, title)
    # An unknown heading needs more proof.
    if msisdns and len(msisdns) * (3 if is_named else 2) >= len(cells):
        return Candidate(column, _NUMBERS, name, msisdns, is_own)
    is_blank = all(_stands_for_no_number(cell, country) for cell in cells)
    if is_named and (is_blank or any(_is_like_a_number(cell) for cell in cells)):
        return Candidate(column, _BLANK if is_blank else _DAMAGED, name, tuple(cells), is_own)
    return None


def _name(title: str) -> int | None:
    """How surely ``title`` names the phone; None if it names something else."""
    if has_one_of(NEVER_PHONE, title):
        return None
    if has_one_of(NAME, title):
        return _UNNAMED
    name = _MOBILE if has_one_of(MOBILE, title) else _PHONE if has_one_of(PHONE, title) else _UNNAMED
    if name == _UNNAMED and has_one_of(OTHER_NUMBER, title):
        return None
    if has_one_of(ANOTHER_PERSON, title):
        return _SOMEBODY_ELSE
    return name - 1 if name > _UNNAMED and has_one_of(QUALIFIED, title) else name


def _msisdn(cell: str, country: str) -> str:
    """The msisdn that the cell holds, or ""."""
    if sum(map(str.isdigit, cell)) < 6:
        return ""
    try:
        return phones.parse(cell, country)
    except phones.PhoneError:
        return ""


def _stands_for_no_number(cell: str, country: str) -> bool:
    """Whether it says that there is no number, as n/a does."""
    try:
        phones.parse(cell, country)
    except phones.PhoneError as error:
        return error.code == "missing"
    return False


def _is_like_a_number(cell: str) -> bool:
    """Whether it may be a phone number that cannot be used, such as one that a spreadsheet damaged."""
    return sum(map(str.isdigit, cell)) >= 4 and not _LETTERS.search(cell)
