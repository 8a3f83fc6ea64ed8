"""Shows the value of a cell as a person saw it: by the number format of its style. Pure.

``NumberFormat(code).show(value)`` follows ECMA-376 part 1, section 18.8.31. Where the text depends on the settings of
the computer that showed it, Baton uses a comma between thousands, a decimal point, and ISO dates.
"""

import operator
from collections.abc import Callable

from contacts.sheet_reader.number_formats.codes import Section, UnknownFormat, sections
from contacts.sheet_reader.number_formats.dates import DAYS_TO_1904, DatePattern
from contacts.sheet_reader.number_formats.numbers import SIGNIFICANT_DIGITS, exact, pattern_of

__all__ = ["BUILT_IN", "NumberFormat", "UnknownFormat", "general"]

GENERAL = "General"
#: The formats that a workbook uses by number only: ECMA-376 part 1, section 18.8.30. Excel shows 14 and 22 in the order
#: of day, month and year that the computer is set to, which the file does not tell; ISO dates cannot be misread. 27 to
#: 58 are the dates of Chinese, Japanese and Korean workbooks, whose format depends on the language; those that are
#: dates in some of them and times in others are unknown.
BUILT_IN: dict[int, str] = {
    0: GENERAL, 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00",
    5: '"$"#,##0_);\\("$"#,##0\\)', 6: '"$"#,##0_);[Red]\\("$"#,##0\\)',
    7: '"$"#,##0.00_);\\("$"#,##0.00\\)', 8: '"$"#,##0.00_);[Red]\\("$"#,##0.00\\)',
    9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm",
    37: "#,##0_);\\(#,##0\\)", 38: "#,##0_);[Red]\\(#,##0\\)",
    39: "#,##0.00_);\\(#,##0.00\\)", 40: "#,##0.00_);[Red]\\(#,##0.00\\)",
    41: '_(* #,##0_);_(* \\(#,##0\\);_(* "-"_);_(@_)', 42: '_("$"* #,##0_);_("$"* \\(#,##0\\);_("$"* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)',
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    **dict.fromkeys((27, 28, 29, 30, 31, 36, 50, 51, 54, 57, 58), "yyyy-mm-dd"), 32: "h:mm", 33: "h:mm:ss",
}  # fmt: skip
#: From this many digits before the decimal point on, a number may be a phone number, whose decimals must be seen.
_LONG_NUMBER = 1e6
#: Excel shows a number of the format General with at most 11 characters.
_GENERAL_DIGITS = 10
_LARGEST_WHOLE = 1e15

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, "<>": operator.ne,
}  # fmt: skip


def general(value: float) -> str:
    """A number in the format General: whole numbers in full up to 15 digits, even where a narrow column shows 2.78E+10.

    Other numbers have 10 significant digits as in Excel, but a long one never loses its decimals.
    """
    if abs(value) < _LARGEST_WHOLE and value == int(value):
        return str(int(value))
    full = f"{value:.{SIGNIFICANT_DIGITS}g}"
    if "e" in full:
        mantissa, _, exponent = f"{value:.{SIGNIFICANT_DIGITS - 1}e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}E{exponent}"
    shown = f"{value:.{_GENERAL_DIGITS}g}"
    loses_decimals = "." not in shown or "e" in shown
    return full if abs(value) >= _LONG_NUMBER and loses_decimals else shown


class NumberFormat:
    """A number format such as ``#,##0.00``. ``is_1904``: whether the workbook counts days from 1 January 1904."""

    def __init__(self, code: str, is_1904: bool = False) -> None:
        self.code = code
        self._is_1904 = is_1904
        self._numbers: list[tuple[Section, Callable[[float], str]]] = []
        self._text: Section | None = None
        #: Whether numbers are shown in the format General, and texts as they are.
        self.is_general = code.lower() in {"general", "", "@"}
        self._is_unknown = False
        if not self.is_general:
            try:
                self._compile(sections(code))
            except UnknownFormat:
                self._is_unknown = True

    @property
    def changes_text(self) -> bool:
        """Whether a cell with text shows something else than that text, or may do so."""
        if self._is_unknown:
            return "@" in self.code or self.code.count(";") >= 3
        return self._text is not None and self._text.tokens != [("at", "@")]

    @property
    def hides_zero(self) -> bool:
        """Whether a cell with the number 0 looks empty."""
        try:
            return not self.show(0)
        except UnknownFormat:
            return False

    def show(self, value: float) -> str:
        """The number as the format shows it, without blanks around it.

        Raises UnknownFormat if Baton cannot render the format, and if the format hides a number other than 0.
        """
        if self.is_general:
            return general(value)
        if self._is_unknown:
            raise UnknownFormat(self.code)
        section, shown = self._choose(value)
        text = shown(value).strip()
        if not text and value:
            raise UnknownFormat(self.code)
        if value < 0 and not self._is_for_negatives(section) and any(digit in text for digit in "123456789"):
            return f"-{text}"
        return text

    def show_text(self, text: str) -> str:
        """A cell with text as the format shows it. Raises UnknownFormat as ``show`` does."""
        if self._is_unknown and self.changes_text:
            raise UnknownFormat(self.code)
        if self._text is None:
            return text
        shown = "".join(text if kind == "at" else each for kind, each in self._text.tokens if kind != "fill")
        if text.strip() and not shown.strip():
            raise UnknownFormat(self.code)
        return text if shown.strip() == text.strip() else shown.strip()

    def _compile(self, found: list[Section]) -> None:
        if len(found) == 4 or (found[-1].has("at") and not found[-1].has("digit")):
            self._text = found.pop()
            if any(kind not in {"text", "letter", "at", "fill"} for kind, _ in self._text.tokens):
                raise UnknownFormat(self.code)
        # A number in a cell with a text format is shown as it is, unless the format adds to it.
        if not found and self._text is not None and self.changes_text:
            self._numbers = [(Section(), self._refuse)]
        else:
            self._numbers = [(section, self._shown(section)) for section in found or [Section([("general", "")])]]

    def _shown(self, section: Section) -> Callable[[float], str]:
        if section.has("general"):
            if any(kind not in {"general", "text", "letter", "fill"} for kind, _ in section.tokens):
                raise UnknownFormat(self.code)
            return lambda value: "".join(
                general(abs(value)) if kind == "general" else text for kind, text in section.tokens if kind != "fill"
            )
        if section.has("date"):
            dates = DatePattern(section)
            offset = DAYS_TO_1904 if self._is_1904 else 0
            return lambda value: dates.show(value + offset)
        pattern = pattern_of(section)
        return lambda value: pattern.show(exact(value))

    def _refuse(self, value: float) -> str:
        raise UnknownFormat(self.code)

    def _choose(self, value: float) -> tuple[Section, Callable[[float], str]]:
        numbers = self._numbers
        if any(section.condition for section, _ in numbers[:2]):
            return self._choose_by_condition(value)
        if len(numbers) == 1:
            return numbers[0]
        if value < 0:
            return numbers[1]
        return numbers[2] if value == 0 and len(numbers) == 3 else numbers[0]

    def _choose_by_condition(self, value: float) -> tuple[Section, Callable[[float], str]]:
        """The first section whose condition is true, else the one that has none.

        Raises UnknownFormat where no section is for the value, and where programs choose different ones.
        """
        conditions = [section.condition for section, _ in self._numbers]
        is_certain = conditions[0] is not None and (len(conditions) < 3 or conditions[1] is not None or value < 0)
        for (section, shown), condition in zip(self._numbers, conditions, strict=True):
            if condition and _COMPARE[condition[0]](value, condition[1]):
                return section, shown
            if not condition and is_certain:
                return section, shown
        if len(conditions) == 1:
            return Section(), lambda number: general(abs(number))
        raise UnknownFormat(self.code)

    def _is_for_negatives(self, section: Section) -> bool:
        """Whether the section shows only negative numbers: Excel then leaves the sign to it."""
        listed = [each for each, _ in self._numbers]
        if section.condition:
            sign, limit = section.condition
            return sign in {"<", "<="} and limit <= 0
        if len(listed) < 2 or section is not listed[1]:
            return False
        first = listed[0].condition
        return first is None or (first[0] in {">", ">="} and first[1] <= 0)
