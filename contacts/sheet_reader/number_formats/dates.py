"""Shows a serial number, which counts days, as the date or time of a section of a number format. Pure."""

from collections.abc import Sequence
from datetime import date, timedelta

from contacts.sheet_reader.number_formats.codes import ENGLISH, Section, Token, UnknownFormat

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
#: Day 1 is a Sunday in Excel.
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
#: Days between the epochs of 1900 and 1904.
DAYS_TO_1904 = 1462
#: 31 December 9999.
LAST_DAY = 2_958_465
SECONDS_PER_DAY = 86_400

_ELAPSED = ("[h", "[m", "[s")


class DatePattern:
    """A section with date letters. Raises UnknownFormat for what Baton cannot render, such as Japanese eras."""

    def __init__(self, section: Section) -> None:
        self._fraction_digits = 0
        self._tokens = self._compiled(section.tokens)
        letters = [text for kind, text in self._tokens if kind == "date"]
        self._is_12_hours = any("/" in text for text in letters)
        self._is_duration = all(text[0] in "hs.[" or text == "minute" or "/" in text for text in letters)
        self._has_time = any(text[0] in "hs[" for text in letters)
        has_names = any(text in {"mmm", "mmmm", "mmmmm", "ddd", "dddd"} for text in letters)
        self._is_foreign = has_names and section.language != ENGLISH

    def show(self, serial: float) -> str:
        """The date of a serial number of the 1900 system. Raises UnknownFormat where Excel shows ``####``."""
        ticks = 10**self._fraction_digits
        days, rest = divmod(round(serial * SECONDS_PER_DAY * ticks), SECONDS_PER_DAY * ticks)
        if days < 0 or (days > LAST_DAY and not self._is_duration):
            raise UnknownFormat(str(serial))
        seconds, fraction = divmod(rest, ticks)
        if self._is_foreign:
            # The names of months and days in other languages are not known here. ISO dates cannot be misread.
            return iso(days, seconds if self._has_time else 0)
        moment = _Moment(days, seconds, f"{fraction:0{self._fraction_digits}}", self._is_12_hours)
        return "".join(moment.show(text) if kind == "date" else text for kind, text in self._tokens).strip()

    def _compiled(self, tokens: Sequence[Token]) -> list[Token]:
        """Only ``text`` and ``date`` tokens, with ``minute`` and ``minutes`` for an m that stands for minutes."""
        compiled: list[Token] = []
        after_seconds = False
        for position, (kind, text) in enumerate(tokens):
            if kind == "digit":
                if not after_seconds or text != "0":
                    raise UnknownFormat("a date with digits")
                self._fraction_digits += 1
                continue
            if kind == "point" and tokens[position - 1][1] in {"s", "ss", "[s]", "[ss]"} and _is_zero(tokens, position):
                after_seconds = True
                compiled.append(("date", "."))
                continue
            after_seconds = False
            if kind in {"at", "general", "exponent", "denominator"} or (kind == "letter" and text not in "TZ"):
                raise UnknownFormat("a date with other placeholders")
            if kind == "date" and text in {"m", "mm"} and _is_minute(tokens, position):
                compiled.append(("date", "minute" if text == "m" else "minutes"))
            elif kind == "date":
                _check_known(text)
                compiled.append((kind, text))
            elif kind != "fill":
                compiled.append(("text", text))
        return compiled


def iso(days: int, seconds: int = 0) -> str:
    """A day of the 1900 system, and the seconds of that day, in ISO format: 2026-03-01 or 2026-03-01 12:30."""
    year, month, day = _calendar(days)
    text = f"{year:04}-{month:02}-{day:02}"
    if not seconds:
        return text
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}"
    return f"{text} {clock}" if seconds % 60 == 0 else f"{text} {clock}:{seconds % 60:02}"


def serial_of(day: date) -> int:
    """The serial number of a day in the 1900 system. Day 60 is 29 February 1900, which never was."""
    days = (day - date(1899, 12, 31)).days
    return days if days < 60 else days + 1


def _calendar(days: int) -> tuple[int, int, int]:
    if days == 0:
        return 1900, 1, 0
    if days == 60:
        return 1900, 2, 29
    day = date(1899, 12, 31) + timedelta(days if days < 60 else days - 1)
    return day.year, day.month, day.day


def _is_zero(tokens: Sequence[Token], position: int) -> bool:
    return position + 1 < len(tokens) and tokens[position + 1] == ("digit", "0")


def _is_minute(tokens: Sequence[Token], position: int) -> bool:
    """Whether the date token before is an hour, or the one after is a second."""
    before = [text for kind, text in tokens[:position] if kind == "date" and "/" not in text]
    after = [text for kind, text in tokens[position + 1 :] if kind == "date" and "/" not in text]
    return bool(before and before[-1].lstrip("[")[0] == "h") or bool(after and after[0].lstrip("[")[0] == "s")


def _check_known(text: str) -> None:
    if "/" in text or text.startswith(_ELAPSED) or text in {"b", "bb", "bbb", "bbbb"}:
        return
    if text[0] in "gea" and text not in {"e", "ee", "eee", "eeee"}:
        raise UnknownFormat(text)
    if (text[0] in "hs" and len(text) > 2) or (text[0] == "m" and len(text) > 5) or (text[0] in "dy" and len(text) > 4):
        raise UnknownFormat(text)


class _Moment:
    def __init__(self, days: int, seconds: int, fraction: str, is_12_hours: bool) -> None:
        self._days = days
        self._seconds = seconds
        self._fraction = fraction
        self._is_12_hours = is_12_hours

    def show(self, text: str) -> str:
        """What stands for a date token."""
        if text == ".":
            return f".{self._fraction}"
        if "/" in text:
            morning, afternoon = text.split("/")
            return morning if self._seconds < SECONDS_PER_DAY // 2 else afternoon
        if text[0] == "[":
            elapsed = self._days * SECONDS_PER_DAY + self._seconds
            return str(elapsed // {"h": 3600, "m": 60, "s": 1}[text[1]]).zfill(len(text) - 2)
        if text in {"h", "hh"}:
            hours = self._seconds // 3600
            return str((hours % 12 or 12) if self._is_12_hours else hours).zfill(len(text))
        if text in {"minute", "minutes"}:
            return str(self._seconds // 60 % 60).zfill(1 if text == "minute" else 2)
        if text in {"s", "ss"}:
            return str(self._seconds % 60).zfill(len(text))
        return self._show_day(text)

    def _show_day(self, text: str) -> str:
        year, month, day = _calendar(self._days)
        if text[0] == "d":
            name = DAYS[(self._days - 1) % 7]
            return str(day).zfill(len(text)) if len(text) < 3 else name[:3] if len(text) == 3 else name
        if text[0] == "m":
            name = MONTHS[month - 1]
            names = {3: name[:3], 4: name, 5: name[:1]}
            return names.get(len(text), str(month).zfill(len(text)))
        if text[0] == "b":
            year += 543
        return f"{year % 100:02}" if len(text) < 3 and text[0] != "e" else f"{year:04}"
