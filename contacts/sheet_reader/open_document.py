"""Reads an OpenDocument spreadsheet (.ods), which stores the text that a person saw in each cell: OpenDocument 1.3."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from contacts.sheet_reader.number_formats import general
from contacts.sheet_reader.parts import Parts, broken, local, password, reading
from contacts.sheet_reader.sheet_choice import Choice, choose
from contacts.sheet_reader.sheet_scan import MAX_EXCEL_COLUMNS, Scan, column_letters
from contacts.sheet_reader.types import MAX_ROWS, Options, Row, Source, too_many_rows
from contacts.sheet_reader.values import Shown, error_problem, without_result
from contacts.sheet_reader.xml_stream import XmlStream

CONTENT, SETTINGS, MANIFEST = "content.xml", "settings.xml", "META-INF/manifest.xml"
_LONGEST_MANIFEST = 1024**2

_COVERED = "table covered-table-cell"
_CELLS = {"table table-cell", _COVERED}
_PARAGRAPHS = {"text p", "text h"}
#: Elements whose text does not stand in the cell or the sheet: comments, shapes, and what tracked changes deleted.
_IGNORED = {
    "office annotation", "table shapes", "table tracked-changes", "table dde-links", "table table-source",
    "text note", "text ruby-text",
}  # fmt: skip
_BLANKS = {"text tab": "\t", "text line-break": "\n"}
_MOST_SPACES = 1_000
#: The attributes that hold the value of a cell whose text is not stored.
_VALUES = ("office string-value", "office date-value", "office time-value", "office boolean-value")
_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!)|Err:\d{3}")
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E\+?\d+")


def open_document(path: Path, options: Options) -> Source:
    """The sheet that ``options`` chooses. Raises SheetError, also while its rows are read."""
    parts = Parts(path)
    if _is_encrypted(parts):
        raise password()
    parser = _ContentParser(options)
    scans: list[Scan] = []
    for table, is_hidden, row in parser.rows(parts.open(CONTENT)):
        while len(scans) <= table:
            scans.append(Scan())
        scans[table].add(row.number, is_hidden)
    scans += [Scan() for _ in range(len(parser.titles) - len(scans))]
    active = _active_table(parts)
    return choose(
        [
            Choice(title, not is_hidden, title == active, scan, partial(_rows_of, parts, position, options))
            for position, ((title, is_hidden), scan) in enumerate(zip(parser.titles, scans, strict=True))
        ],
        options,
    )


def _rows_of(parts: Parts, wanted: int, options: Options) -> Iterator[Row]:
    for table, _, row in _ContentParser(options).rows(parts.open(CONTENT)):
        if table > wanted:
            return
        if table == wanted:
            yield row


def _is_encrypted(parts: Parts) -> bool:
    # Old programs write a document type into the manifest, so it is searched as bytes and not parsed.
    return parts.has("encrypted-package") or (
        parts.has(MANIFEST) and b"encryption-data" in reading(parts.open(MANIFEST), _LONGEST_MANIFEST)
    )


def _active_table(parts: Parts) -> str:
    if not parts.has(SETTINGS):
        return ""
    for each in parts.xml(SETTINGS).iter():
        if any(local(name) == "name" and value == "ActiveTable" for name, value in each.items()):
            return each.text or ""
    return ""


class _ContentParser:
    """Collects the rows with data of all tables while ``content.xml`` is parsed.

    ``titles``: of the tables met so far, and whether each is hidden.
    """

    def __init__(self, options: Options) -> None:
        self._takes_covered = options.covered_cells
        self.titles: list[tuple[str, bool]] = []
        self._short: dict[str, str] = {}
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._done: list[tuple[int, bool, Row]] = []
        self._ignored_depth = self._table_depth = self._paragraph_depth = 0
        self._number = 0
        self._repeated_row = 1
        self._is_hidden = False
        self._cells: list[str] = []
        self._problems: dict[int, tuple[str, str]] = {}
        self._column = 0
        self._cell: dict[str, str] = {}
        self._paragraphs: list[str] = []

    def rows(self, part: IO[bytes]) -> Iterator[tuple[int, bool, Row]]:
        """The position of the table, whether the row is hidden, and the row. Raises SheetError."""
        stream = XmlStream(self._start, self._end, self._add_text)
        with part:
            while stream.read(part):
                yield from self._done
                self._done.clear()

    def _name(self, name: str) -> str:
        """``urn:oasis:names:tc:opendocument:xmlns:table:1.0}table-row`` as ``table table-row``."""
        short = self._short.get(name)
        if short is None:
            namespace, _, element = name.rpartition("}")
            kind = namespace.partition("xmlns:")[2].partition(":")[0]
            short = self._short[name] = f"{kind} {element}"
        return short

    def _add_text(self, data: str) -> None:
        if self._paragraph_depth and not self._ignored_depth:
            self._paragraphs[-1] += data

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = self._name(name)
        found = {self._name(key): value for key, value in attributes.items()}
        if self._ignored_depth or name in _IGNORED or name.startswith("drawing "):
            self._ignored_depth += 1
        elif name == "table table":
            self._table_depth += 1
            if self._table_depth == 1:
                self.titles.append((found.get("table name", ""), found.get("table style-name") in self._hidden_styles))
                self._number = 0
        elif name == "style style":
            self._style = found.get("style name", "")
        elif name == "style table-properties" and found.get("table display") == "false":
            self._hidden_styles.add(self._style)
        elif self._table_depth == 1:
            self._start_in_table(name, found)

    def _start_in_table(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table table-row":
            self._repeated_row = _count(attributes.get("table number-rows-repeated", "1"))
            self._is_hidden = attributes.get("table visibility") in ("collapse", "filter")
            self._number += 1
            self._cells, self._problems, self._column = [], {}, 0
        elif name in _CELLS:
            self._cell = attributes
            self._paragraphs = []
        elif name in _PARAGRAPHS:
            self._paragraphs.append("")
            self._paragraph_depth += 1
        elif self._paragraph_depth and name == "text s":
            self._paragraphs[-1] += " " * min(_count(attributes.get("text c", "1")), _MOST_SPACES)
        elif self._paragraph_depth:
            self._paragraphs[-1] += _BLANKS.get(name, "")

    def _end(self, name: str) -> None:
        if self._ignored_depth:
            self._ignored_depth -= 1
            return
        name = self._name(name)
        if name == "table table":
            self._table_depth -= 1
        elif self._table_depth != 1:
            return
        elif name in _PARAGRAPHS:
            self._paragraph_depth -= 1
        elif name in _CELLS:
            self._finish_cell(is_covered=name == _COVERED and not self._takes_covered)
        elif name == "table table-row":
            self._finish_row()

    def _finish_row(self) -> None:
        last = self._number + self._repeated_row - 1
        if any(map(str.strip, self._cells)):
            if last > MAX_ROWS:
                raise too_many_rows()
            for number in range(self._number, last + 1):
                problems = {
                    column: (code, f"Cell {column_letters(column)}{number} {rest}")
                    for column, (code, rest) in self._problems.items()
                }
                self._done.append((len(self.titles) - 1, self._is_hidden, Row(number, list(self._cells), problems)))
        self._number = last

    def _finish_cell(self, *, is_covered: bool) -> None:
        """A cell that a merged one covers cannot be seen."""
        repeated = _count(self._cell.get("table number-columns-repeated", "1"))
        text, problem = ("", None) if is_covered else _shown(self._cell, "\n".join(self._paragraphs))
        if text.strip():
            if self._column + repeated > MAX_EXCEL_COLUMNS:
                raise broken()
            self._cells += [""] * (self._column - len(self._cells)) + [text] * repeated
            if problem:
                self._problems.update(dict.fromkeys(range(self._column, self._column + repeated), problem))
        self._column += repeated


def _shown(cell: dict[str, str], text: str) -> Shown:
    """What a cell with these attributes and this text says."""
    kind, formula = cell.get("office value-type"), cell.get("table formula")
    # LibreOffice says in an attribute of its own that a formula has no result but an error.
    if cell.get("calcext value-type") == "error" or (formula and _ERROR.fullmatch(text)):
        return text, error_problem(text)
    if formula and not kind and not text:
        return without_result(formula.partition("=")[2])
    if kind in ("float", "currency", "percentage") and (not text or _SCIENTIFIC.fullmatch(text)):
        return _number(cell.get("office value", ""), text), None
    return text or next((cell[name] for name in _VALUES if name in cell), "").replace("T00:00:00", ""), None


def _number(value: str, text: str) -> str:
    """A number whose text is not stored; a whole one in full, where the text is such as 2.78E+10."""
    try:
        shown = general(float(value))
    except (ValueError, OverflowError):
        return text or value
    return shown if not text or shown.isdigit() else text


def _count(value: str) -> int:
    """Raises SheetError for what is not a number from 1 on."""
    if not value.isdecimal() or len(value) > 9:
        raise broken()
    return max(1, int(value))
