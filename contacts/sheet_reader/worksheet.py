"""Reads the rows of one worksheet of an Open XML workbook, from its XML and in one pass."""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import IO

from contacts.sheet_reader.sheet_rows import SheetRows
from contacts.sheet_reader.sheet_scan import Merge, Scan, quick_scan, stored_twice
from contacts.sheet_reader.types import Row, SheetError
from contacts.sheet_reader.values import Values

#: Cells of a sheet whose rows are stored out of order: all of them are held in memory to be sorted.
MAX_SORTED_CELLS = 2_000_000


def scan(open_part: Callable[[], IO[bytes]], values: Values) -> Scan:
    """Read the whole sheet once. Raises SheetError, also for two rows with the same number."""
    if not values.may_show_nothing and (quick := quick_scan(open_part())):
        return quick
    found = Scan()
    reader = SheetRows(values)
    for number, is_hidden, _ in reader.stored(open_part()):
        found.add(number, is_hidden)
    found.merges = reader.merges
    return found


def rows(part: IO[bytes], values: Values, scanned: Scan) -> Iterator[Row]:
    """The rows with data in their order, hidden ones too. Raises SheetError."""
    stored = (row for _, _, row in SheetRows(values).stored(part))
    in_order = stored if scanned.is_in_order else _sorted(stored)
    for row in without_merged(in_order, scanned.merges):
        yield row
        if row.number == scanned.last_row:
            return


def _sorted(unsorted: Iterator[Row]) -> Iterator[Row]:
    held: list[Row] = []
    count = 0
    for row in unsorted:
        held.append(row)
        count += len(row.cells)
        if count > MAX_SORTED_CELLS:
            raise SheetError(
                "too_large",
                "The rows of this workbook are stored out of order, and there are too many to sort. Open it in Excel,"
                " save it and upload it again.",
            )
    held.sort(key=lambda row: row.number)
    for before, row in pairwise(held):
        if before.number == row.number:
            raise stored_twice(row.number)
    yield from held


def without_merged(all_rows: Iterable[Row], merges: list[Merge]) -> Iterator[Row]:
    """A merged range shows only its first cell; what is stored in the others cannot be seen."""
    if not merges:
        yield from all_rows
        return
    waiting = sorted(merges, reverse=True)
    active: list[Merge] = []
    for row in all_rows:
        while waiting and waiting[-1][0] <= row.number:
            active.append(waiting.pop())
        active = [merge for merge in active if merge[1] >= row.number]
        for first_row, _, first_column, last_column in active:
            start = first_column + 1 if first_row == row.number else first_column
            for column in range(start, min(last_column + 1, len(row.cells))):
                row.cells[column] = ""
                row.problems.pop(column, None)
        yield row
