"""Shows a number as a section of a number format does: ``0 000``, ``#,##0.00``, ``0.00E+00``, ``# ?/?``. Pure."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import Protocol

from contacts.sheet_reader.number_formats.codes import Section, Token, UnknownFormat

#: Enough for every number that a spreadsheet can hold.
_EXACT = Context(prec=400)
#: Excel shows at most this many significant digits.
SIGNIFICANT_DIGITS = 15
_BLANK = {"0": "0", "?": " ", "#": ""}


class Pattern(Protocol):
    """Shows a number that is not negative."""

    def show(self, value: Decimal) -> str:
        """The text, which may have blanks around it."""


def exact(value: float) -> Decimal:
    """The number without its sign, as the decimal number that a person typed, with at most 15 significant digits."""
    return Decimal(f"{abs(value):.{SIGNIFICANT_DIGITS}g}")


def pattern_of(section: Section) -> Pattern:
    """What shows numbers as the section does. Raises UnknownFormat."""
    if section.has("at") or section.has("date"):
        raise UnknownFormat("a number with other placeholders")
    tokens = [_as_text(token) for token in section.tokens]
    kinds = [kind for kind, _ in tokens]
    if "exponent" in kinds:
        return _Scientific(tokens)
    if "slash" in kinds:
        slash = kinds.index("slash")
        if kinds[slash - 1 : slash] == ["digit"] and kinds[slash + 1 : slash + 2] in (["digit"], ["denominator"]):
            return _Fraction(tokens, slash)
    return _Decimal(tokens)


def _as_text(token: Token) -> Token:
    """Text for what has no meaning in a number. A space stands for a fill of blanks."""
    kind, text = token
    if kind == "fill":
        if text.isdigit():
            raise UnknownFormat("a number filled with digits")
        return "text", " " if text == " " else ""
    return ("text", text) if kind == "letter" else token


class _Decimal:
    def __init__(self, tokens: Sequence[Token]) -> None:
        kinds = [kind for kind, _ in tokens]
        if kinds.count("point") > 1:
            raise UnknownFormat("two decimal points")
        digits = [position for position, kind in enumerate(kinds) if kind == "digit"]
        self._point = kinds.index("point") if "point" in kinds else len(tokens)
        whole = [position for position in digits if position < self._point]
        self._groups = False
        self._power = 2 * kinds.count("percent")
        self._parts: list[Token] = []
        for position, (kind, text) in enumerate(tokens):
            if kind == "comma" and digits and position > digits[0]:
                if whole and position < whole[-1]:
                    self._groups = True
                elif position > digits[-1] or (position < self._point and position > whole[-1]):
                    self._power -= 3
                continue
            self._parts.append((kind, text) if kind in {"digit", "point"} else ("text", text))
        self._point = next((at for at, (kind, _) in enumerate(self._parts) if kind == "point"), len(self._parts))
        self._decimals = sum(kind == "digit" for kind, _ in self._parts[self._point :])

    def show(self, value: Decimal) -> str:
        scaled = value.scaleb(self._power, context=_EXACT)
        rounded = scaled.quantize(Decimal(1).scaleb(-self._decimals), rounding=ROUND_HALF_UP, context=_EXACT)
        whole, _, decimals = f"{rounded:f}".partition(".")
        return self._whole(whole.lstrip("0")) + self._rest(decimals)

    def _whole(self, digits: str) -> str:
        """The part before the decimal point. It is filled from the right; the first placeholder takes what is left."""
        shown: list[str] = []
        placeholders = sum(kind == "digit" for kind, _ in self._parts[: self._point])
        count = 0
        for kind, text in reversed(self._parts[: self._point]):
            if kind != "digit":
                shown.append(text)
                continue
            placeholders -= 1
            for _ in range(max(1, len(digits)) if placeholders == 0 else 1):
                digit = digits[-1:] or _BLANK[text]
                digits = digits[:-1]
                if self._groups and count and count % 3 == 0 and digit:
                    shown.append("," if digit != " " else " ")
                shown.append(digit)
                count += 1
        return "".join(reversed(shown))

    def _rest(self, decimals: str) -> str:
        shown = []
        kept = len(decimals.rstrip("0"))
        position = 0
        for kind, text in self._parts[self._point :]:
            if kind != "digit":
                shown.append(text)
                continue
            shown.append(decimals[position] if position < kept else _BLANK[text])
            position += 1
        return "".join(shown)


class _Scientific:
    def __init__(self, tokens: Sequence[Token]) -> None:
        split = [kind for kind, _ in tokens].index("exponent")
        self._always_signed = tokens[split][1] == "+"
        self._mantissa = _Decimal(tokens[:split])
        self._exponent = _Decimal(tokens[split + 1 :])
        before_point = [kind for kind, _ in tokens[:split]]
        before_point = before_point[: before_point.index("point")] if "point" in before_point else before_point
        self._period = max(1, before_point.count("digit"))
        self._decimals = sum(kind == "digit" for kind, _ in tokens[:split]) - before_point.count("digit")

    def show(self, value: Decimal) -> str:
        exponent = self._exponent_of(value)
        mantissa = value.scaleb(-exponent, context=_EXACT)
        sign = "-" if exponent < 0 else "+" if self._always_signed else ""
        return f"{self._mantissa.show(mantissa)}E{sign}{self._exponent.show(Decimal(abs(exponent)))}"

    def _exponent_of(self, value: Decimal) -> int:
        if not value:
            return 0
        exponent = value.adjusted() // self._period * self._period
        rounded = value.scaleb(-exponent, context=_EXACT)
        rounded = rounded.quantize(Decimal(1).scaleb(-self._decimals), rounding=ROUND_HALF_UP, context=_EXACT)
        # 9.999 is shown as 1.00E+01.
        return exponent + self._period if rounded.adjusted() >= self._period else exponent


class _Fraction:
    def __init__(self, tokens: Sequence[Token], slash: int) -> None:
        start = slash
        while start and tokens[start - 1][0] == "digit":
            start -= 1
        end = slash + 1
        while end < len(tokens) and tokens[end][0] in {"digit", "denominator"}:
            end += 1
        self._numerator = _Decimal(tokens[start:slash])
        self._fixed = int(tokens[slash + 1][1]) if tokens[slash + 1][0] == "denominator" else 0
        self._width = end - slash - 1
        self._before = _Decimal(tokens[:start])
        self._has_whole = any(kind == "digit" for kind, _ in tokens[:start])
        self._after = "".join(text for _, text in tokens[end:])
        if any(kind in {"digit", "point", "percent"} for kind, _ in tokens[end:]):
            raise UnknownFormat("a fraction with more than a denominator")

    def show(self, value: Decimal) -> str:
        whole = value.to_integral_value(ROUND_FLOOR) if self._has_whole else Decimal(0)
        rest = Fraction(value - whole)
        if self._fixed:
            numerator, denominator = int(rest * self._fixed + Fraction(1, 2)), self._fixed
        else:
            nearest = rest.limit_denominator(10**self._width - 1)
            numerator, denominator = nearest.numerator, nearest.denominator
        if self._has_whole and numerator == denominator:
            whole, numerator = whole + 1, 0
        if self._has_whole and not numerator:
            return f"{self._before.show(whole).strip() or '0'}{self._after}"
        below = str(denominator).ljust(0 if self._fixed else self._width)
        return f"{self._before.show(whole)}{self._numerator.show(Decimal(numerator))}/{below}{self._after}"
