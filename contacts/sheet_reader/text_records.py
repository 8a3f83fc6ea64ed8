"""Cuts a text file into records: whole blocks of lines at once where each line is a record, the others one by one."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

from contacts.sheet_reader import encodings
from contacts.sheet_reader.dialects import Dialect
from contacts.sheet_reader.records import Record
from contacts.sheet_reader.types import SheetError

#: Characters that are read at once, up to the end of a line.
BLOCK = 256 * 1024


@dataclass(frozen=True)
class Block:
    """Records that follow one another, of one line each. ``number`` and ``line``: of the first; see ``Record``."""

    number: int
    line: int
    lines: Sequence[str]
    dialect: Dialect

    @cached_property
    def cells(self) -> list[list[str]]:
        """Of each record."""
        return list(self.dialect.plain_cells(self.lines))

    def record(self, place: int) -> Record:
        """The record at ``place``, counted from 0."""
        return Record(self.number + place, self.cells[place], self.line + place, (self.lines[place],))

    def records(self) -> Iterator[Record]:
        """All of them."""
        return map(self.record, range(len(self.lines)))

    def last_filled(self) -> int:
        """The number of the last record that is not blank; 0 if there is none."""
        for place in range(len(self.lines) - 1, -1, -1):
            cells = next(self.dialect.plain_cells(self.lines[place : place + 1]))
            if any(map(str.strip, cells)):
                return self.number + place
        return 0


@dataclass
class TextRecords:
    """The records of a text file, in order. Can be iterated several times, one after the other.

    Iterating raises SheetError for a quotation mark that nothing closes, and UnicodeError.
    """

    path: Path
    encoding: str
    dialect: Dialect
    _number: int = field(default=0, init=False)
    _line: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Block | Record]:
        with self.path.open(encoding=self.encoding, newline="") as file:
            if self.dialect.has_sep_line:
                next(file)
            self._number, self._line = 0, int(self.dialect.has_sep_line)
            while lines := file.readlines(BLOCK):
                if block := self._block(lines):
                    yield block
                    self._number += len(lines)
                    self._line += len(lines)
                else:
                    yield from self._one_by_one(lines, file)

    def _block(self, lines: list[str]) -> Block | None:
        """The block that the lines are; None if they have to be read one by one."""
        text = "".join(lines)
        mark = encodings.mark_in(self.encoding)
        has_quotes = self.dialect.quote in text or '"' in text
        is_odd = "\x00" in text or "\x1a" in text or mark in text or max(map(len, lines)) > csv.field_size_limit()
        if is_odd or (has_quotes and ('="' in text or '\\"' in text)):
            return None
        block = Block(self._number + 1, self._line + 1, lines, self.dialect)
        if has_quotes:
            # The line at the end is a record of its own, unless a quotation mark before it is not closed.
            try:
                cells = list(self.dialect.plain_cells([*lines, "\n"]))
            except csv.Error:
                return None
            if len(cells) <= len(lines):
                return None
            block.__dict__["cells"] = cells[:-1]
        return block

    def _one_by_one(self, block: list[str], file: Iterator[str]) -> Iterator[Record]:
        """The records that begin in ``block``. The last one may end in ``file``."""
        mark = encodings.mark_in(self.encoding)
        rest = len(block)
        lines: list[str] = []

        def remembered() -> Iterator[str]:
            nonlocal rest
            for line in chain(block, file):
                rest -= 1
                # Files that were joined have a mark in the middle.
                if line.startswith(mark):
                    line = line.removeprefix(mark).lstrip("\ufeff")
                # A file may be padded with NUL bytes, and DOS programs end one with the character 26.
                line = line.rstrip("\x00") if line.endswith("\x00") else line
                if line and line != "\x1a":
                    lines.append(line)
                    yield line

        records = self.dialect.cells(remembered())
        try:
            while rest > 0 and (cells := next(records, None)) is not None:
                if any('="' in line for line in lines):
                    cells = _without_equals(cells)
                self._number += 1
                yield Record(self._number, cells, self._line + 1, tuple(lines))
                self._line += len(lines)
                lines.clear()
        except csv.Error as error:
            raise _too_long(self._number + 1, self._line + 1, len(lines)) from error


def _without_equals(cells: list[str]) -> list[str]:
    """``="082"`` is how some programs keep Excel from taking a text for a number."""
    return [
        cell[2:-1].replace('""', '"') if cell.startswith('="') and cell.endswith('"') and len(cell) > 2 else cell
        for cell in cells
    ]


def _too_long(number: int, line: int, lines: int) -> SheetError:
    if lines > 1:
        return SheetError(
            "missing_quote",
            f"Row {number:,} (line {line:,} of the file) has a quotation mark that is not closed: more than {lines:,}"
            " lines after it would be read as part of its cell. Close it, and upload the file again.",
        )
    return SheetError(
        "broken", f"Row {number:,} has a cell of more than {csv.field_size_limit():,} characters. Shorten it."
    )
