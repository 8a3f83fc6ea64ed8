"""Reads the id of a database row from a request parameter."""

#: Every number with so many digits fits into a 64-bit column.
_MOST_DIGITS = 18


def as_id(text: object) -> int | None:
    """The number that ``text`` consists of, in ASCII digits; None if it is anything else or too large for an id."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS else None
