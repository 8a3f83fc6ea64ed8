"""What the records of a text file usually look like, and those that may have swallowed others or lost their columns."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from contacts.sheet_reader.cells import looks_like_number, number_columns
from contacts.sheet_reader.dialects import Dialect
from contacts.sheet_reader.types import WHOLE_ROW, Row, RowCheck, SheetError, surplus_cells

#: Records from which the usual ones are known.
SAMPLE = 500
#: A cell of several lines that is longer is not an address or a note.
LONGEST_CELL = 1_000

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
        if len(record.lines) > 1 or (record.cells and not record.cells[-1].strip()):
            self._unusual[record.number] = record

    def below(self, header_row: int) -> tuple[int, RowCheck]:
        """The number of columns of the rows below the header, and what checks those rows. Raises SheetError."""
        usual = self._usual(header_row)
        for record in self.sample:
            if record.number <= header_row and self._swallows_records(record, usual):
                raise SheetError("missing_quote", self._missing_quote(record, len(record.lines) - 1))

        def check(row: Row) -> tuple[Row, int]:
            record = self._unusual.pop(row.number, None)
            problems = dict(row.problems)
            swallowed = self._swallowed(record, header_row, usual) if record and len(record.lines) > 1 else 0
            width = len(record.cells) if record else len(row.cells)
            if record and swallowed:
                problems[WHOLE_ROW] = ("missing_quote", self._missing_quote(record, swallowed))
            elif usual.is_shifted(row.cells, width):
                problems[WHOLE_ROW] = ("shifted", _shifted(row.number, width, usual))
            elif len(row.cells) > usual.shown:
                problems[usual.shown] = surplus_cells(row, usual.shown)
            return (row._replace(problems=problems) if problems else row), swallowed

        return usual.shown, check

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

    ``width``: cells of most rows. ``numbers``: the columns of numbers, where known.
    """

    columns: int
    shown: int
    width: int
    numbers: frozenset[int]

    def is_shifted(self, cells: Sequence[str], width: int) -> bool:
        """Whether a delimiter too many or too few may have moved the number of a row to another column.

        ``width``: the number of its cells with trailing blank ones.
        """
        if width == min(self.columns, self.width):
            return False
        found = {column for column, cell in enumerate(cells) if looks_like_number(cell)}
        if not self.numbers:
            return len(found) > 1 and width > self.columns
        if width < min(self.columns, self.width):
            return not found <= self.numbers
        is_elsewhere = not found <= self.numbers
        is_replaced = any(
            column < len(cells) and cells[column].strip() and column not in found for column in self.numbers
        )
        return (is_elsewhere or is_replaced) if width > self.columns else (is_elsewhere and is_replaced)

    def is_whole(self, pieces: Sequence[str]) -> bool:
        """Whether the cells of a line are those of a row."""
        if len(pieces) < min(self.columns, self.width):
            return False
        columns = self.numbers or range(len(pieces))
        return any(column < len(pieces) and looks_like_number(pieces[column]) for column in columns)


def usual_row(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Usual:
    """``titles``: of the header as it stands, [] if there is none. ``rows``: of the first rows below it."""
    widths = Counter(map(len, rows))
    width = max(widths, key=lambda one: (widths[one], -one), default=len(titles))
    columns = len(titles) if titles else width
    wide = [row for row in rows if len(row) == width]
    if width > columns and _are_columns_without_a_title(columns, wide, [row for row in rows if len(row) <= columns]):
        columns = width
    regular = [row for row in rows if len(row) <= columns]
    shown = max((_filled(row) for row in (titles, *regular)), default=columns)
    return Usual(columns, min(shown, columns) or 1, width, frozenset(number_columns(regular)))


def _are_columns_without_a_title(columns: int, wide: list[Sequence[str]], narrow: list[Sequence[str]]) -> bool:
    """Whether most rows are wider than the header because columns have no title, and not because cells moved.

    An unquoted comma in every name looks the same; where there are several columns of numbers, the number of another
    column would be taken for the one that is meant.
    """
    if all(_filled(row) <= columns for row in wide):
        return True
    numbers = number_columns(wide)
    usual = number_columns(narrow)
    return numbers == usual if usual else len(numbers) <= 1


def _shifted(number: int, cells: int, usual: Usual) -> str:
    usually = min(usual.columns, usual.width)
    return (
        f"Row {number:,} has {cells} cells instead of {usually}, so its phone number may be in the wrong column."
        " If a cell contains the character that separates the columns, put it in quotation marks."
    )


def _broken_columns(cells: Sequence[str]) -> list[int]:
    return [column for column, cell in enumerate(cells) if "\n" in cell or "\r" in cell]


def _filled(cells: Sequence[str]) -> int:
    """The number of cells without trailing blank ones."""
    return next((n for n in range(len(cells), 0, -1) if cells[n - 1].strip()), 0)
