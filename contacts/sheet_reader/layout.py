"""Which row of a sheet is the header, and the rows below it, each accounted for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from contacts.sheet_reader.headers import guess_header_row
from contacts.sheet_reader.types import MAX_COLUMNS, MAX_ROWS, Layout, Options, Row, SheetError, Source, too_many_rows

#: Rows from which the header is guessed.
GUESSED_FROM = 60
#: Rows shown as they stand, at least.
SHOWN = 10


@dataclass(frozen=True)
class Contents:
    """A sheet: ``layout``, and ``rows`` below the header up to the last that is not blank. Can be iterated once.

    ``left_out`` is complete after the last row: the rows of the file that are not among ``rows``, by reason.
    ``above_header`` counts the header, too.
    """

    layout: Layout
    rows: Iterator[Row]
    left_out: dict[str, int] = field(
        default_factory=lambda: {"above_header": 0, "hidden": 0, "swallowed": 0}, compare=False
    )


def arrange(source: Source, options: Options) -> Contents:
    """Find the header of ``source`` and the rows below it. Raises SheetError, also while the rows are read."""
    rows = _without_gaps(source.rows)
    first = list(islice(rows, max(GUESSED_FROM, options.header_row or 0)))
    hidden = source.hidden
    seen = first if options.hidden_rows else [row for row in first if row.number not in hidden]
    if not any(row.cells for row in first):
        raise SheetError("empty", "This file is empty.")
    if options.header_row is None:
        header_row = guess_header_row(seen)
    else:
        header_row = options.header_row
        if header_row > first[-1].number:
            raise SheetError("no_header", f"There is no row {header_row}: choose one of the rows of this sheet.")
    header = _header(first, seen, header_row)
    layout = Layout(
        title=source.title,
        sheets=source.sheets,
        hidden_sheets=source.hidden_sheets,
        first_rows=seen[: max(SHOWN, sum(row.number <= header_row for row in seen) + 2)],
        header_row=header_row,
        header=header,
        row_count=max(0, source.row_count - header_row) if source.row_count else None,
        hidden_rows=sum(number > header_row for number in hidden),
    )
    contents = Contents(layout, iter(()))
    contents.left_out["above_header"] = header_row
    below = (row for row in chain(first, rows) if row.number > header_row)
    accounted = _accounted(source, below, contents, options.hidden_rows)
    return Contents(layout, accounted, contents.left_out)


def _header(first: Sequence[Row], seen: Sequence[Row], header_row: int) -> list[str]:
    titles = next((row.cells for row in first if row.number == header_row), [])
    width = max(len(titles), max((len(row.cells) for row in seen if row.number > header_row), default=0))
    return [" ".join(title.split()) for title in titles] + [""] * (width - len(titles))


def _accounted(source: Source, rows: Iterator[Row], contents: Contents, takes_hidden: bool) -> Iterator[Row]:
    """The rows up to the last that is not blank: blank ones are held back until another row follows."""
    header_row, left_out = contents.layout.header_row, contents.left_out
    check = source.check(header_row, contents.layout.header) if source.check else None
    width = len(contents.layout.header)
    blank: list[Row] = []
    has_rows = False
    for row in rows:
        if not row.cells:
            blank.append(row)
            continue
        for before in blank:
            if before.number in source.hidden and not takes_hidden:
                left_out["hidden"] += 1
            else:
                yield before
        blank.clear()
        has_rows = True
        if row.number in source.hidden and not takes_hidden:
            left_out["hidden"] += 1
            continue
        if check:
            row, swallowed = check(row)
            left_out["swallowed"] += swallowed
        elif len(row.cells) > width:
            row = row._replace(problems={**row.problems, width: _surplus(row, width)})
        yield row
    if not has_rows:
        raise SheetError("no_rows", "The sheet has a header but no rows below it.")


def _surplus(row: Row, width: int) -> tuple[str, str]:
    return (
        "surplus_cells",
        f"Row {row.number} has {len(row.cells)} cells, but the header has {width}. The cells to the right of"
        f" column {width} are not read.",
    )


def _without_gaps(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows without trailing blank cells, and a blank row for each number that is missing. Raises SheetError."""
    expected = 1
    for row in rows:
        if row.number > MAX_ROWS:
            raise too_many_rows()
        for number in range(expected, row.number):
            yield Row(number, [])
        expected = row.number + 1
        cells = _trimmed(row.cells)
        if len(cells) > MAX_COLUMNS:
            raise SheetError(
                "too_large",
                f"Row {row.number} has more than {MAX_COLUMNS} columns. Remove the columns that you do not need.",
            )
        yield row._replace(cells=cells)


def _trimmed(cells: list[str]) -> list[str]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]
