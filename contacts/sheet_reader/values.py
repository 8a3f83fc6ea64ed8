"""What a cell of a workbook says: the stored value, shown by the number format of the cell. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache

from contacts.sheet_reader.number_formats import GENERAL, NumberFormat, UnknownFormat, general
from contacts.sheet_reader.number_formats.dates import DAYS_TO_1904, SECONDS_PER_DAY, iso, serial_of
from contacts.sheet_reader.parts import broken

#: The text of a cell, and what is wrong with it: a code, and a sentence without its beginning, "Cell B3".
Shown = tuple[str, tuple[str, str] | None]

#: Excel keeps this many digits of a number; more are not what a person typed.
_EXACT_DIGITS = 15
#: A formula whose result is missing is shown up to this length.
_LONGEST_FORMULA = 100
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
#: Numbers that General shows as they are stored: whole ones, and those of at most ten digits.
_AS_STORED = re.compile(r"[1-9][0-9]{0,14}|0|(?:[1-9][0-9]{0,5}|0)\.[0-9]{0,3}[1-9]")
#: Cells whose texts are kept: a column of dates or amounts repeats them.
_KEPT = 50_000
_PLAIN = NumberFormat(GENERAL)


class Values:
    """Reads the cells of one workbook.

    ``strings``: the shared ones. ``formats``: number formats by the index of the style, as a cell names it.
    ``is_1904``: whether the workbook counts days from 1 January 1904.
    """

    def __init__(self, strings: Sequence[str], formats: Mapping[str, NumberFormat], is_1904: bool) -> None:
        self._strings = strings
        self._formats = formats
        self._is_1904 = is_1904
        self._show_cached = lru_cache(maxsize=_KEPT)(self.show)
        self._changes_text = {style for style, each in formats.items() if each.changes_text}
        #: Whether a cell with a value may look empty.
        self.may_show_nothing = not all(map(str.strip, strings)) or any(each.hides_zero for each in formats.values())

    def show(self, kind: str, style: str, value: str) -> Shown:
        """The cell whose type, style and value these are. Raises SheetError for a shared string that does not exist."""
        if kind == "s":
            try:
                text = self._strings[int(value)]
            except (ValueError, IndexError) as error:
                raise broken() from error
            return self._show_text(style, text) if style in self._changes_text else (text, None)
        if kind in ("n", ""):
            return self._show_number(style, value.strip())
        if kind in ("str", "inlineStr"):
            text = unescaped(value)
            return self._show_text(style, text) if style in self._changes_text else (text, None)
        if kind == "b":
            return ("TRUE" if value.strip().lower() in ("1", "true", "on") else "FALSE"), None
        if kind == "e":
            return value, error_problem(value)
        if kind == "d":
            return self._show_iso_date(style, value.strip())
        raise broken()

    def show_all(
        self, kinds: Sequence[str | None], styles: Sequence[str | None], values: Sequence[str]
    ) -> tuple[list[str], dict[int, tuple[str, str]]]:
        """Many cells at once: their texts, and the problems of those that have one, by position.

        The same as ``show`` for each, but texts and plain numbers, which most cells are, are shown right here.
        """
        texts = []
        problems: dict[int, tuple[str, str]] = {}
        strings, formats = self._strings, self._formats
        for place, (kind, style, value) in enumerate(zip(kinds, styles, values, strict=True)):
            if style not in formats:
                if kind == "s":
                    try:
                        texts.append(strings[int(value)])
                    except (ValueError, IndexError) as error:
                        raise broken() from error
                    continue
                if (kind is None or kind == "n") and _AS_STORED.fullmatch(value):
                    texts.append(value)
                    continue
                if kind == "inlineStr" and "_x" not in value:
                    texts.append(value)
                    continue
            text, problem = self._show_cached(kind or "", style or "", value)
            texts.append(text)
            if problem:
                problems[place] = problem
        return texts, problems

    def _show_text(self, style: str, text: str) -> Shown:
        try:
            return self._formats[style].show_text(text), None
        except UnknownFormat:
            return text, _unknown(text, self._formats[style].code)

    def _show_number(self, style: str, value: str) -> Shown:
        number_format = self._formats.get(style, _PLAIN)
        if number_format.is_general and value.isdigit() and len(value) <= _EXACT_DIGITS:
            return value if value[0] != "0" else value.lstrip("0") or "0", None
        if not _NUMBER.fullmatch(value) or math.isinf(float(value)):
            return value, None
        return number_shown(number_format, float(value))

    def _show_iso_date(self, style: str, value: str) -> Shown:
        """A date that is stored as 2026-03-01T12:30:00, a form that some programs write instead of a number."""
        serial = _serial(value)
        number_format = self._formats.get(style, _PLAIN)
        if serial is None:
            return value, None
        if number_format.is_general:
            days, seconds = divmod(round(serial * SECONDS_PER_DAY), SECONDS_PER_DAY)
            return (iso(days, seconds) if days else value), None
        try:
            return number_format.show(serial - DAYS_TO_1904 if self._is_1904 else serial), None
        except UnknownFormat:
            return value, _unknown(value, number_format.code)


def unescaped(text: str) -> str:
    """A stored text as people see it: ``_x000D_`` stands for a carriage return, and every line break is ``\\n``."""
    if "_x" in text:
        text = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
        # Two halves of a character outside the basic plane become one; a half alone and NUL cannot be stored.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\x00", "")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def number_shown(number_format: NumberFormat, value: float) -> Shown:
    """A number as its format shows it."""
    try:
        return number_format.show(value), None
    except UnknownFormat:
        plain = general(value)
        return plain, _unknown(plain, number_format.code)


def error_problem(error: str) -> tuple[str, str]:
    """What is wrong with a cell that shows an error such as #N/A."""
    return "spreadsheet_error", f"shows the error {error}. Correct it in the spreadsheet."


def without_result(formula: str) -> Shown:
    """A cell with a formula whose result is not stored."""
    return f"={formula[:_LONGEST_FORMULA]}", (
        "formula_without_result",
        "holds a formula without its result. Open the file in Excel, save it and upload it again.",
    )


def _unknown(plain: str, code: str) -> tuple[str, str]:
    return (
        "unknown_format",
        f"holds {plain} in the number format {code}, in which Baton cannot show it."
        " Choose a different number format in the spreadsheet.",
    )


def _serial(value: str) -> float | None:
    """The serial number of an ISO date, date with time, or time of day."""
    try:
        if re.match(r"\d{1,2}:", value):
            moment = datetime.combine(date.min, time.fromisoformat(value))
            days = 0
        else:
            moment = datetime.fromisoformat(value)
            days = serial_of(moment.date())
    except ValueError:
        return None
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second + moment.microsecond / 1e6
    return days + seconds / SECONDS_PER_DAY
