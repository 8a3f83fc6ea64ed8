"""Which sheet of a workbook is read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from contacts.sheet_reader.sheet_scan import Scan
from contacts.sheet_reader.types import Options, Row, SheetError, SheetInfo, Source


@dataclass(frozen=True)
class Choice:
    """A sheet of a workbook. ``is_open``: whether it was open when the workbook was saved.

    ``rows``: opens the rows with data, in order and with the hidden ones. May raise SheetError.
    """

    title: str
    is_visible: bool
    is_open: bool
    scan: Scan
    rows: Callable[[], Iterator[Row]]


def choose(choices: Sequence[Choice], options: Options) -> Source:
    """The sheet that the operator chose, else the one that was open, else the first visible one with data.

    A hidden sheet is read only if it is chosen. Raises SheetError.
    """
    with_data = sorted((each for each in choices if each.scan.rows), key=lambda each: not each.is_open)
    visible = [each for each in with_data if each.is_visible]
    hidden = [each.title for each in choices if each.scan.rows and not each.is_visible]
    chosen = [each for each in with_data if each.title == options.sheet] if options.sheet else visible
    if not chosen:
        raise _refusal([each.title for each in visible], hidden, options)
    return Source(
        rows=chosen[0].rows(),
        title=chosen[0].title,
        sheets=[SheetInfo(each.title, each.scan.rows) for each in visible],
        hidden_sheets=hidden,
        row_count=chosen[0].scan.last_row,
        hidden=chosen[0].scan.hidden,
    )


def _refusal(visible: Sequence[str], hidden: Sequence[str], options: Options) -> SheetError:
    if options.sheet and visible:
        return SheetError(
            "no_sheet", f"There is no sheet {options.sheet} with data. Choose one of these: {', '.join(visible)}."
        )
    if hidden:
        return SheetError(
            "empty",
            f"Only hidden sheets of this workbook have data: {', '.join(hidden)}. Show the one that you need, save the"
            " workbook and upload it again.",
        )
    return SheetError("empty", "This workbook is empty.")
