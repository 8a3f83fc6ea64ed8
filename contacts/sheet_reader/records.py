"""What the records of a text file usually look like, and those that may have swallowed others or lost their columns."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from contacts.headings import ANOTHER_PERSON, MOBILE, PHONE, has_one_of
from contacts.sheet_reader.cells import looks_like_number, number_columns, says_no_number
from contacts.sheet_reader.dialects import DELIMITERS, Dialect
from contacts.sheet_reader.types import WHOLE_ROW, Row, RowCheck, SheetError, surplus_cells

#: Records from which the usual ones are known.
SAMPLE = 500
#: A cell of several lines that is longer is not an address or a note.
LONGEST_CELL = 1_000

_PHONE_WORDS = (*MOBILE, *PHONE, "home", "work", "landline", "fax")
#: A number joined to words, as where a line end is lost.
_JOINED_NUMBER = re.compile(r"(?:^|\D)\d{9,15}(?:\D|$)")
_SEPARATOR_NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar", ":": "a colon"}
#: Excel leaves trailing blank cells out of as many rows at a time.
_EXCEL_BLOCK = 16
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


class Record(NamedTuple):
    """``line``: the line of the file that it begins on, counted from 1. ``lines``: all of its lines."""

    number: int
    cells: list[str]
    line: int
    lines: tuple[str, ...]

    @property
    def is_blank(self) -> bool:
        return not any(map(str.strip, self.cells))


@dataclass
class Records:
    """``add`` is called with each record of a first pass over the file, ``remember`` with each of a second one.

    ``breaks``: by column, the numbers of the first records that have a cell of several lines there.
    """

    dialect: Dialect = field(default_factory=lambda: Dialect(","))
    sample: list[Record] = field(default_factory=list)
    breaks: dict[int, list[int]] = field(default_factory=dict)
    _unusual: dict[int, Record] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        if len(self.sample) < SAMPLE and not record.is_blank:
            self.sample.append(record)
        if len(record.lines) > 1:
            for column in _broken_columns(record.cells):
                numbers = self.breaks.setdefault(column, [])
                if len(numbers) < SAMPLE:
                    numbers.append(record.number)

    def remember(self, record: Record) -> None:
        """Keep what a row does not tell: trailing blank cells and lines."""
        has_more = len(record.lines) > 1 or (record.cells and not record.cells[-1].strip())
        if has_more and not record.is_blank:
            self._unusual[record.number] = record

    def below(self, header_row: int) -> tuple[int, RowCheck]:
        """The number of columns of the rows below the header, and what checks those rows. Raises SheetError."""
        usual = self._usual(header_row)
        for record in self.sample:
            # A single record that swallows all others is no sheet that could be mapped.
            is_above = record.number <= header_row or len(self.sample) == 1
            if is_above and self._swallows_records(record, usual):
                raise SheetError("missing_quote", self._missing_quote(record, len(record.lines) - 1))

        def check(row: Row) -> tuple[Row, int]:
            record = self._unusual.pop(row.number, None)
            if record is None and not row.problems and usual.is_certain(row.cells):
                return row, 0
            problems = dict(row.problems)
            swallowed = self._swallowed(record, header_row, usual) if record and len(record.lines) > 1 else 0
            width = len(record.cells) if record else len(row.cells)
            if record and swallowed:
                problems[WHOLE_ROW] = ("missing_quote", self._missing_quote(record, swallowed))
            elif separator := self._other_separator(row.cells, usual):
                problems[WHOLE_ROW] = ("shifted", self._separated_otherwise(row.number, separator))
            elif usual.is_shifted(row.cells, width):
                problems[WHOLE_ROW] = ("shifted", _shifted(row.number, width, usual))
            elif len(row.cells) > usual.shown:
                problems[usual.shown] = surplus_cells(row, usual.shown)
            return (row._replace(problems=problems) if problems else row), swallowed

        return usual.shown, check

    def _other_separator(self, cells: Sequence[str], usual: "Usual") -> str:
        """What separates a number from other cells in a row that is one cell here; "" if there is no such thing."""
        if len(cells) != 1 or usual.columns == 1 or looks_like_number(cells[0]):
            return ""
        return next(
            (
                delimiter
                for delimiter in DELIMITERS
                if delimiter in cells[0] and any(map(looks_like_number, cells[0].split(delimiter)))
            ),
            "",
        )

    def _separated_otherwise(self, number: int, separator: str) -> str:
        other, usual = (_SEPARATOR_NAMES.get(one, f"“{one}”") for one in (separator, self.dialect.delimiter))
        return (
            f"Row {number:,} separates its cells by {other} instead of {usual}, so its phone number cannot be told from"
            " the other cells. Use the same separator in every row."
        )

    def _usual(self, header_row: int) -> "Usual":
        titles = next((record.cells for record in self.sample if record.number == header_row), [])
        rows = [record.cells for record in self.sample if record.number > header_row and len(record.lines) == 1]
        return usual_row(titles, rows)

    def _swallowed(self, record: Record, header_row: int, usual: "Usual") -> int:
        """How many of its lines are other records, as far as can be told; 0 if the line breaks belong to its cells."""
        columns = _broken_columns(record.cells)
        if not self._swallows_records(record, usual):
            columns = [
                column
                for column in columns
                if len(record.cells[column]) > LONGEST_CELL
                or sum(number > header_row for number in self.breaks[column]) == 1
            ]
        count = sum(len(_LINE_BREAK.findall(record.cells[column])) for column in columns)
        blank = next((n for n, line in enumerate(reversed(record.lines)) if line.strip()), 0)
        return min(count, len(record.lines) - 1 - blank)

    def _swallows_records(self, record: Record, usual: "Usual") -> bool:
        """Whether several of its lines are whole records, quotation marks aside."""
        if len(record.lines) == 1:
            return False
        return sum(usual.is_whole(self.dialect.pieces(line)) for line in record.lines) > 1

    def _missing_quote(self, record: Record, swallowed: int) -> str:
        first, last = record.line + 1, record.line + swallowed
        lines = f"line {first:,}" if first == last else f"lines {first:,} to {last:,}"
        begin = record.lines[1].strip()
        return (
            f"A closing quotation mark seems to be missing in row {record.number:,}, so that it swallows"
            f" {f'{swallowed:,} rows' if swallowed > 1 else 'a row'}: {lines} of the file, from “{begin[:60]}”."
            " Correct the quotation marks there, or remove the line break if it is meant."
        )


@dataclass(frozen=True)
class Usual:
    """What rows usually are. ``columns``: how many can be mapped. ``shown``: without those that are blank everywhere.

    ``width``: cells of most rows. ``numbers``: the columns of numbers, where known. ``titled``: those whose titles have
    a word for a phone. ``with_number``: those that may hold a number: with one in any row, and those titled with a
    phone or another person. ``with_words``: those with another text in any row that has all cells. ``pure``: those of
    numbers that hardly ever hold a name. ``is_rectangular``: hardly any row has fewer cells than there are columns.
    ``doubtful``: what ``_kinds`` gives for rows as wide as the header whose cells may have moved.
    """

    columns: int
    shown: int
    width: int
    numbers: frozenset[int]
    titled: frozenset[int]
    with_number: frozenset[int]
    with_words: frozenset[int]
    pure: frozenset[int]
    is_rectangular: bool
    doubtful: frozenset[str]

    def is_certain(self, cells: Sequence[str]) -> bool:
        """Whether a row of one line is usual in all respects; a quick test, which most rows pass."""
        return len(cells) == self._certain_width and not self._has_name_for_number(cells)

    @cached_property
    def _certain_width(self) -> int:
        """How many cells show that none of them moved, unless there is a name for a number; -1 if no number does."""
        is_clear = self.shown == self.columns == self.width > 1 and not self.doubtful
        return self.columns if is_clear else -1

    def is_shifted(self, cells: Sequence[str], width: int) -> bool:
        """Whether a delimiter too many or too few may have moved the number of a row to another column.

        ``width``: the number of its cells with trailing blank ones.
        """
        if self.doubtful and width <= self.columns and _kinds(cells, self.columns) in self.doubtful:
            return True
        if width == self.columns == self.width and not self._has_name_for_number(cells):
            return False
        found = {column for column, cell in enumerate(cells) if looks_like_number(cell)}
        if not self.numbers:
            return bool(found) and width > self.columns
        is_elsewhere = not found <= self.numbers | self.titled
        is_replaced = any(
            column < len(cells) and cells[column].strip() and column not in found for column in self.numbers
        )
        if width > self.columns:
            has_joined = any(_JOINED_NUMBER.search(cell) and not looks_like_number(cell) for cell in cells)
            return is_elsewhere or is_replaced or has_joined or self._has_name_before_number(cells, found)
        if width < self.columns and self._may_be_from_the_right(cells, width, found):
            return True
        if width == self.columns and self._has_name_for_number(cells):
            return is_elsewhere or self._has_name_before_number(cells, found)
        return is_elsewhere and (is_replaced or width < self.columns)

    def _has_name_before_number(self, cells: Sequence[str], found: set[int]) -> bool:
        return any(column + 1 in found and _is_name(cells[column]) for column in self.pure)

    def _has_name_for_number(self, cells: Sequence[str]) -> bool:
        """Whether there is a name in a column of numbers, as where the comma in a name moves it there."""
        return any(map(_is_name, [cells[column] for column in self.pure if column < len(cells)]))

    def _may_be_from_the_right(self, cells: Sequence[str], width: int, found: set[int]) -> bool:
        """Whether a row lacks a delimiter where others have them all, and a number belongs to a column further right.

        A cell that has more than a number, just before one, is two cells that became one.
        """
        is_joined = any(
            sum(map(str.isdigit, cells[column - 1])) > 6 and column - 1 not in found for column in found if column
        )
        steps = range(1, self.columns - width + 1)
        is_possible = any(column + step in self.with_number for column in found for step in steps)
        is_unusual = any(
            column in self.with_number - self.with_words and column not in found and not says_no_number(cell)
            for column, cell in enumerate(cells)
        )
        return is_joined or (is_possible and (self.is_rectangular or is_unusual))

    def is_whole(self, pieces: Sequence[str]) -> bool:
        """Whether the cells of a line are those of a row: enough of them, and one is a number."""
        return len(pieces) >= min(self.columns, self.width) and any(map(looks_like_number, pieces))


def usual_row(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Usual:
    """``titles``: of the header as it stands, [] if there is none. ``rows``: of the first rows below it."""
    widths = Counter(map(len, rows))
    width = max(widths, key=lambda one: (widths[one], -one), default=len(titles))
    columns = len(titles) if titles else width
    wide = [row for row in rows if len(row) == width]
    narrow = [row for row in rows if len(row) <= columns]
    titled = frozenset(column for column, title in enumerate(titles) if has_one_of(_PHONE_WORDS, title))
    if width > columns and _have_columns_without_a_title(titled, wide, narrow):
        columns = width
    regular = [row for row in rows if len(row) <= columns]
    short = sum(len(row) < columns for row in rows)
    full = [row for row in rows if len(row) == columns]
    has_blank_ends = any(not row[-1].strip() for row in full)
    is_rectangular = short * 10 <= len(rows) or (has_blank_ends and short < min(_EXCEL_BLOCK, len(full) + 1))
    with_number = {n for row in regular for n, cell in enumerate(row) if looks_like_number(cell)}
    with_words = {
        n for row in full for n, cell in enumerate(row) if not looks_like_number(cell) and not says_no_number(cell)
    }
    persons = {column for column, title in enumerate(titles) if has_one_of(ANOTHER_PERSON, title)}
    shown = max((_filled(row) for row in (titles, *regular)), default=columns)
    return Usual(
        columns=columns,
        shown=min(shown, columns) or 1,
        width=width,
        numbers=frozenset(number_columns(regular)),
        titled=titled,
        with_number=frozenset(with_number | titled | (persons - with_words)),
        with_words=frozenset(with_words),
        pure=_pure(regular, titled | (persons & with_number)),
        is_rectangular=is_rectangular,
        doubtful=_doubtful(titles, titled, Counter(_kinds(row, columns) for row in full)),
    )


def _is_name(text: str) -> bool:
    """Whether ``text`` can be a part of a name: words other than "none" or "no phone", and no code of three digits."""
    # Most cells end with digits, and this is faster than counting.
    if len(text) > 2 and text[-3:].isdigit():
        return False
    return sum(map(str.isdigit, text)) < 3 and not says_no_number(text)


def _pure(rows: Sequence[Sequence[str]], titled: frozenset[int]) -> frozenset[int]:
    """The columns with numbers or a title for a phone, in which at most a tenth of the cells, or one, is a name."""
    numbers: Counter[int] = Counter()
    names: Counter[int] = Counter()
    for row in rows:
        for column, cell in enumerate(row):
            if looks_like_number(cell):
                numbers[column] += 1
            elif _is_name(cell):
                names[column] += 1
    columns = titled | {column for column, count in numbers.items() if count > names[column]}
    return frozenset(column for column in columns if names[column] <= max(1, numbers[column] / 9))


def _kinds(cells: Sequence[str], columns: int) -> str:
    """A letter for each column: n for a number, - for a blank cell and one such as "no phone", w for another text."""
    kinds = ("n" if looks_like_number(cell) else "-" if says_no_number(cell) else "w" for cell in cells)
    return "".join(kinds).ljust(columns, "-")


def _doubtful(titles: Sequence[str], titled: frozenset[int], patterns: Counter[str]) -> frozenset[str]:
    """The patterns (see ``_kinds``) of rows whose cells a word, such as an unquoted surname, may have moved.

    If one pattern is another one moved to the right by a word, both are doubtful, unless one is rare or the titles show
    which one moved.
    """
    found = set()
    for pattern, count in patterns.items():
        before = _places("n", pattern)
        if not pattern.endswith("-") or not before or (titled and not before & titled):
            continue
        for moved in {f"{pattern[:place]}w{pattern[place:-1]}" for place in range(len(pattern))}:
            numbers = _places("n", moved)
            if numbers == before or not patterns[moved]:
                continue
            last = max(numbers)
            has_title = last < len(titles) and bool(titles[last].strip())
            if count >= patterns[moved] * 3 or _places("w", moved) & titled:
                found.add(moved)
            elif has_title and patterns[moved] >= count * (3 if last in titled else 10):
                found.add(pattern)
            else:
                found |= {pattern, moved}
    return frozenset(found)


def _places(kind: str, pattern: str) -> set[int]:
    return {place for place, found in enumerate(pattern) if found == kind}


def _have_columns_without_a_title(
    titled: frozenset[int], wide: list[Sequence[str]], narrow: list[Sequence[str]]
) -> bool:
    """Whether most rows are wider than the header because columns have no title, and not because cells moved.

    An unquoted comma in every name looks the same, and a number of another column would be taken for the one meant.
    """
    numbers, usual = number_columns(wide), number_columns(narrow)
    if usual:
        return numbers == usual
    if not titled or not numbers:
        return len(numbers) <= 1
    cells = [row[column].strip() for row in wide for column in titled]
    return max(numbers) == max(titled) and all(not cell or looks_like_number(cell) for cell in cells)


def _shifted(number: int, cells: int, usual: Usual) -> str:
    usually = min(usual.columns, usual.width)
    if cells == usually:
        return (
            f"The cells of row {number:,} may be in the wrong columns, because other rows have their numbers elsewhere."
            " Put a cell that contains the separator in quotation marks, and leave no cell out."
        )
    return (
        f"Row {number:,} has {cells} cells instead of {usually}, so its phone number may be in the wrong column."
        " Put a cell that contains the separator in quotation marks, and give every column a title."
    )


def _broken_columns(cells: Sequence[str]) -> list[int]:
    return [column for column, cell in enumerate(cells) if "\n" in cell or "\r" in cell]


def _filled(cells: Sequence[str]) -> int:
    """The number of cells without trailing blank ones."""
    return next((n for n in range(len(cells), 0, -1) if cells[n - 1].strip()), 0)
