"""How a text file separates and quotes its cells."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from contacts.sheet_reader.cells import looks_like_numbers

#: In the order in which they are preferred.
DELIMITERS = ",;\t|^~:"

#: Characters of a line that are looked at.
LONGEST_LINE = 10_000

_SEP_LINE = re.compile(r'\ufeff?"?sep=(.)"?[\s,;]*', re.IGNORECASE)
_ESCAPED_QUOTE = re.compile(r'(?<!\\)((?:\\\\)*)\\"')


@dataclass(frozen=True)
class Dialect:
    """``escapes``: a quotation mark inside a cell is written ``\\"`` and not ``""``. ``has_sep_line``: see ``find``."""

    delimiter: str
    quote: str = '"'
    escapes: bool = False
    has_sep_line: bool = False

    def plain(self, line: str) -> str:
        """``line`` as the csv module reads it: with quotation marks doubled, and without the ``=`` of ``="082"``."""
        if self.escapes:
            line = _ESCAPED_QUOTE.sub(r'\1""', line)
        if '="' in line:
            d = re.escape(self.delimiter)
            line = re.sub(rf'(^|{d})[ ]*="((?:[^"]|"")*)"(?=\s*(?:{d}|$))', r'\1"\2"', line)
        return line

    def cells(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """The records of ``lines``. Raises csv.Error for a cell of more than 131,072 characters."""
        return self.plain_cells(map(self.plain, lines))

    def plain_cells(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The records of lines that are as ``plain`` returns them. Raises csv.Error as ``cells`` does."""
        # In strict mode a quotation mark inside a cell would be an error; spreadsheet programs read it, too.
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote, skipinitialspace=True)

    def pieces(self, line: str) -> list[str]:
        """The cells of ``line`` if quotation marks meant nothing."""
        return [piece.strip() for piece in line.replace(self.quote, "").split(self.delimiter)]


def find(sample: Sequence[str], ending: str) -> Dialect:
    """The dialect of the lines that a file begins with.

    A first line such as ``sep=;`` gives the delimiter. Excel takes it from there too and does not show that line.
    """
    declared = _SEP_LINE.fullmatch(sample[0]) if sample else None
    lines = [line[:LONGEST_LINE] for line in sample[1 if declared else 0 :] if line.strip()]
    delimiter = declared[1] if declared else _delimiter(lines, ending)
    return Dialect(delimiter, "'" if _uses_apostrophes(lines, delimiter) else '"', has_sep_line=bool(declared))


def _delimiter(lines: Sequence[str], ending: str) -> str:
    """The character that splits most lines into the same number of cells, at least two, some of them numbers."""
    best, best_score = "\t" if ending == ".tsv" else ",", (0.0, 0, 0)
    for place, delimiter in enumerate(DELIMITERS):
        # Each line is split by itself, so that an unbalanced quotation mark spoils only its own line.
        dialect = Dialect(delimiter)
        rows = [row for line in lines for row in dialect.cells(iter([line])) if any(row)]
        widths = Counter(len(row) for row in rows if len(row) > 1)
        if not widths:
            continue
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
        with_number = sum(any(map(looks_like_numbers, row)) for row in rows if len(row) > 1)
        if delimiter in "~:" and not with_number:
            continue
        consistency = (count + with_number) / len(rows)
        score = (round(consistency, 2), -place if width == 2 else 0, width)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _uses_apostrophes(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the cells are quoted like ``'this'``: all apostrophes are at the ends of cells, in most lines."""
    d = re.escape(delimiter)
    quoted = re.compile(rf"(?:^|(?<={d}))\s*'(?:[^']|'')*'\s*(?={d}|$)")
    with_cells = [line for line in lines if "'" in line]
    if len(with_cells) * 2 <= len(lines):
        return False
    return all(len(quoted.findall(line)) >= 1 and "'" not in quoted.sub("", line) for line in with_cells)
