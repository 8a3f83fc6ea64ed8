"""How the dates and amounts of a column are written into texts: chosen at the import, applied to each cell. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_NAMED_DATE = re.compile(r"(?:[A-Za-z]+,? )?(\d{1,2})[ -]([A-Za-z]{3,9})\.?,?[ -](\d{4})")
# A currency before or after the digits: R, ZAR, US$, €. The digits may be grouped by commas, points, spaces or '.
_AMOUNT = re.compile(r"(?:[A-Za-z]{0,3}[$€£¥₹]?)\s?(-?\d[\d.,' \u00a0\u202f]*?)\s?(?:[A-Za-z]{0,3}[$€£¥₹]?|,-)")
_GROUPED = {separator: re.compile(rf"-?\d{{1,3}}(?:\{separator}\d{{3}})+") for separator in ",."}


class FormatError(ValueError):
    """A cell cannot be read as what its column's format needs; the message is a sentence for people."""


def as_date(cell: str) -> date:
    """The date in ``2026-11-27``, ``2026-11-27 08:00`` or ``27 Nov 2026``. Raises FormatError.

    A date such as 3/4/2026 is refused, because it may be in March or in April.
    """
    text = " ".join(cell.split())
    try:
        if iso := _ISO_DATE.fullmatch(text):
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        if named := _NAMED_DATE.fullmatch(text):
            months = [n for n, name in enumerate(_MONTHS, start=1) if name.lower().startswith(named[2].lower())]
            if len(months) == 1:
                return date(int(named[3]), months[0], int(named[1]))
    except ValueError:
        pass
    raise FormatError(f"“{cell}” is not a date like 2026-11-27 or 27 Nov 2026.")


def as_amount(cell: str) -> Decimal:
    """The amount in ``R 1,204.50``, ``1.204,50 €`` or ``1204.5``, without its currency. Raises FormatError.

    ``1.204`` is refused, because it may be 1204 or a little more than one.
    """
    found = _AMOUNT.fullmatch(cell.strip())
    digits = re.sub(r"[' \u00a0\u202f]", "", found[1]) if found else ""
    decimals = max(digits.rfind(","), digits.rfind("."))
    if decimals >= 0:
        mark = digits[decimals]
        other = "." if mark == "," else ","
        if _GROUPED[mark].fullmatch(digits) and (mark == "," or digits.count(mark) > 1):
            digits = digits.replace(mark, "")
        elif digits.count(mark) > 1 or _GROUPED["."].fullmatch(digits):
            digits = ""
        else:
            whole, fraction = digits[:decimals], digits[decimals + 1 :]
            is_grouped = other in whole and not _GROUPED[other].fullmatch(whole)
            digits = "" if is_grouped or not fraction else f"{whole.replace(other, '')}.{fraction}"
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise FormatError(f"“{cell}” is not an amount like 1204.50 or R 1,204.50.") from None


def _long_date(cell: str) -> str:
    found = as_date(cell)
    return f"{found.day} {_MONTHS[found.month - 1]} {found.year}"


def _day_and_month(cell: str) -> str:
    found = as_date(cell)
    return f"{found.day} {_MONTHS[found.month - 1]}"


def _weekday(cell: str) -> str:
    found = as_date(cell)
    return f"{_DAYS[found.weekday()]} {found.day} {_MONTHS[found.month - 1]}"


def _numeric_date(cell: str) -> str:
    return f"{as_date(cell):%d/%m/%Y}"


def _money(cell: str) -> str:
    amount = as_amount(cell)
    if amount != amount.quantize(Decimal("0.01")):
        raise FormatError(f"“{cell}” has more than two decimals. Round it in the sheet.")
    return f"{amount:,.2f}"


def _number(cell: str) -> str:
    return f"{as_amount(cell):,f}"


#: What a column can be formatted as, by the code that an import stores.
FORMATS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "date_long": _long_date,
        "date_weekday": _weekday,
        "date_day": _day_and_month,
        "date_numeric": _numeric_date,
        "money": _money,
        "number": _number,
    }
)
_WORDS = {"money": "Money without the currency", "number": "Number"}


def formatted(cell: str, code: str) -> str:
    """``cell`` in the format ``code``; a blank cell stays blank. Raises FormatError."""
    return FORMATS[code](cell) if cell.strip() else ""


def offered(cells: Sequence[str]) -> list[tuple[str, str]]:
    """The formats that at least half of the sample ``cells`` can have: code, and its words with the first as example.

    None are offered for a column without content.
    """
    filled = [cell for cell in cells if cell.strip()]
    choices = []
    for code in FORMATS:
        examples = []
        for cell in filled:
            with suppress(FormatError):
                examples.append(formatted(cell, code))
        if examples and 2 * len(examples) >= len(filled):
            choices.append((code, f"{_WORDS.get(code, 'Date')}: {examples[0]}"))
    return choices
