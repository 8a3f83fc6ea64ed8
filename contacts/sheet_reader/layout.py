"""Which row of a sheet is the header, and the rows below it, each accounted for."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from contacts.sheet_reader.headers import guess_header_row
from contacts.sheet_reader.types import (
    MAX_COLUMNS,
    MAX_ROWS,
    Layout,
    Options,
    Row,
    RowCheck,
    SheetError,
    Source,
    surplus_cells,
    too_many_rows,
)

#: Rows from which the header is guessed.
GUESSED_FROM = 200
#: Rows shown as they stand, at least.
SHOWN = 10


@dataclass(frozen=True)
class Contents:
    """A sheet: ``layout``, and ``rows`` below the header up to the last that is not blank. Can be iterated once.

    ``left_out`` is complete after the last row: the rows of the file that are not among ``rows``, by reason:
    ``above_header`` (the header is one of them), ``hidden`` and ``swallowed``.
    """

    layout: Layout
    rows: Iterator[Row]
    left_out: dict[str, int]


def arrange(source: Source, options: Options) -> Contents:
    """Find the header of ``source`` and the rows below it. Raises SheetError, also while the rows are read."""
    rows = _without_gaps(source.rows)
    first = list(islice(rows, max(GUESSED_FROM, (options.header_row or 0) + 1)))
    if not any(row.cells for row in first):
        first += _up_to_the_first_filled(rows)
    hidden = frozenset() if options.hidden_rows else source.hidden
    seen = [row for row in first if row.number not in hidden]
    header_row = guess_header_row(seen) if options.header_row is None else options.header_row
    if header_row > first[-1].number:
        raise SheetError("no_header", f"There is no row {header_row:,}: choose one of the rows of this sheet.")
    width, check = source.below(header_row) if source.below else _by_the_widest(seen, header_row)
    titles = next((row.cells for row in first if row.number == header_row), [])
    layout = Layout(
        title=source.title,
        sheets=source.sheets,
        hidden_sheets=source.hidden_sheets,
        first_rows=seen[: max(SHOWN, sum(row.number <= header_row for row in seen) + 2)],
        header_row=header_row,
        header=[" ".join(title.split()) for title in titles] + [""] * (width - len(titles)),
        row_count=max(0, source.row_count - header_row) if source.row_count else None,
        hidden_rows=sum(number > header_row for number in source.hidden),
    )
    left_out = {"above_header": header_row, "hidden": 0, "swallowed": 0}
    below = chain((row for row in first if row.number > header_row), rows)
    return Contents(layout, _accounted(below, hidden, check, left_out), left_out)


def _up_to_the_first_filled(rows: Iterator[Row]) -> list[Row]:
    """The blank rows that follow and GUESSED_FROM rows from the first that is not blank. Raises SheetError."""
    blank: list[Row] = []
    for row in rows:
        blank.append(row)
        if row.cells:
            return blank + list(islice(rows, GUESSED_FROM))
    raise SheetError("empty", "This file is empty.")


def _by_the_widest(rows: Sequence[Row], header_row: int) -> tuple[int, RowCheck]:
    """In a workbook no cell is in the wrong column, so that every column of the first rows can be mapped."""
    width = max((len(row.cells) for row in rows if row.number >= header_row), default=0)

    def check(row: Row) -> tuple[Row, int]:
        if len(row.cells) > width:
            row = row._replace(problems={width: surplus_cells(row, width), **row.problems})
        return row, 0

    return width, check


def _accounted(
    rows: Iterator[Row], hidden: Collection[int], check: RowCheck, left_out: dict[str, int]
) -> Iterator[Row]:
    """The rows up to the last that is not blank: blank ones are held back until another row follows, hidden or not."""
    blank: list[Row] = []
    has_rows = False
    for row in rows:
        if not row.cells:
            blank.append(row)
            continue
        if blank:
            yield from blank
            blank.clear()
        has_rows = True
        if row.number in hidden:
            left_out["hidden"] += 1
            continue
        checked, swallowed = check(row)
        left_out["swallowed"] += swallowed
        yield checked
    if not has_rows:
        raise SheetError("no_rows", "The sheet has a header but no rows below it.")


def _without_gaps(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows without trailing blank cells, and a blank row for each number that is missing. Raises SheetError."""
    expected = 1
    for row in rows:
        number, cells, _ = row
        if number > MAX_ROWS:
            raise too_many_rows()
        if number > expected:
            yield from (Row(missing, []) for missing in range(expected, number))
        expected = number + 1
        if cells and not cells[-1].strip():
            cells = _trimmed(cells)
            row = row._replace(cells=cells)
        if len(cells) > MAX_COLUMNS:
            raise SheetError(
                "too_large",
                f"Row {number:,} has more than {MAX_COLUMNS} columns. Remove the columns that you do not need.",
            )
        yield row


def _trimmed(cells: list[str]) -> list[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]
