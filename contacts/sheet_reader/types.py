"""What is passed on about a sheet: from the file's format to the layout, and from the reader to its parent process."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from contacts.errors import Refusal

#: Endings of the names of files that can be uploaded. What a file is, is told by its content.
ENDINGS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".csv", ".tsv", ".txt", ".zip")
#: The encodings on offer for a text file that is not UTF-8 and has no byte order mark.
ENCODINGS = (
    "utf-8", "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1256", "iso-8859-1", "iso-8859-2", "mac_roman",
    "cp850", "utf-16",
)  # fmt: skip
#: The maximum of Excel.
MAX_ROWS = 1_048_576
MAX_COLUMNS = 500
#: Bytes that one file unpacks to at most: a workbook, or the file in a zip archive.
MAX_UNPACKED = 2 * 1024**3

#: The key in ``Row.problems`` of a problem that the row as a whole has.
WHOLE_ROW = -1


class SheetError(Refusal):
    """A spreadsheet cannot be read."""


def too_many_rows() -> SheetError:
    return SheetError("too_large", f"The sheet has more than {MAX_ROWS:,} rows. Split it into several files.")


class Row(NamedTuple):
    """One row. ``number`` is the number that a spreadsheet program shows; the first row of a sheet is 1.

    ``cells``: what a person saw, without trailing blank cells; a blank row has none. ``problems``: by column, counted
    from 0, the code and the sentence of a cell that cannot be read for certain; under WHOLE_ROW that of the whole row.
    """

    number: int
    cells: list[str]
    problems: dict[int, tuple[str, str]] = {}


def surplus_cells(row: Row, columns: int) -> tuple[str, str]:
    """The problem of a row that has more cells than there are columns."""
    there_are = "there is 1 column" if columns == 1 else f"there are {columns} columns"
    return (
        "surplus_cells",
        f"Row {row.number:,} has {len(row.cells)} cells, but {there_are}. The cells after column"
        f" {columns} are left out.",
    )


@dataclass(frozen=True)
class Options:
    """What the operator chose.

    ``encoding``: "" for the one that the byte order mark names, else UTF-8. ``sheet``: a title; "" for the sheet that
    was open when the workbook was saved, or the first visible one with data. ``header_row``: None to guess it, 0 if no
    row holds the titles. ``hidden_rows``: read the rows that a filter or a person hid, too.
    """

    encoding: str = ""
    sheet: str = ""
    header_row: int | None = None
    hidden_rows: bool = False


DEFAULTS = Options()


@dataclass(frozen=True)
class SheetInfo:
    """A sheet that can be chosen. ``rows``: the number of rows with data."""

    title: str
    rows: int


@dataclass(frozen=True)
class Layout:
    """What is known about a sheet before its rows are read.

    ``title``: of the sheet that is read, "" for a text file. ``sheets``: the visible ones with data, the one that was
    open first; none for a text file. ``first_rows``: the first rows of the sheet as they stand, blank ones too: ten, or
    more if the header is below them. ``header_row``: guessed or chosen, 0 if there is none. ``header``: the titles, ""
    for a column without one, as wide as the widest of the first rows. ``row_count``: rows below the header, as far as
    that is known. ``hidden_rows``: rows below the header that are hidden in this sheet.
    """

    title: str
    sheets: list[SheetInfo]
    hidden_sheets: list[str]
    first_rows: list[Row]
    header_row: int
    header: list[str]
    row_count: int | None
    hidden_rows: int


#: Checks a row below the header; returns it with its problems, and the number of rows that it swallowed.
RowCheck = Callable[[Row], tuple[Row, int]]


@dataclass
class Source:
    """A sheet of any format, before it is known which row is the header.

    ``rows``: every row from the first on, in order; blank ones may be missing. ``row_count``: the number of the last
    row, as far as that is known. ``hidden``: the numbers of hidden rows that are not blank. ``below`` (texts only):
    from the number of the header row, the number of columns of the rows below it, and what checks them.
    """

    rows: Iterator[Row]
    title: str = ""
    sheets: list[SheetInfo] = field(default_factory=list)
    hidden_sheets: list[str] = field(default_factory=list)
    row_count: int | None = None
    hidden: Collection[int] = frozenset()
    below: Callable[[int], tuple[int, RowCheck]] | None = None
