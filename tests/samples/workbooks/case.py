"""A workbook and what reading it must give."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from contacts.sheet_reader.types import Options
from tests.samples.workbooks.open_xml import (
    Cell,
    row,
    rows,
    sheet,
    xlsx,
)

HEADER = ("Name", "Cell")
THANDI = ["Thandi", "0825550100"]
SIPHO = ["Sipho", "0825550101"]
LERATO = ["Lerato", "0825550102"]
THREE = [THANDI, SIPHO, LERATO]


PLAIN = rows(HEADER, *THREE)


#: A formula whose result is the empty text.
EMPTY = Cell("", "str", formula='IF(A2="","","x")')


@dataclass(frozen=True)
class Case:
    """``shown``: the rows below the header. ``problems``: codes by the name of the cell. ``refused``: a code instead.

    ``sheets``: titles and rows, the open one first; ``hidden_sheets``: titles. None: not looked at.
    """

    name: str
    write: Callable[[], bytes]
    shown: Sequence[Sequence[str]] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    hidden: int = 0
    options: Options = field(default_factory=Options)
    sheets: Sequence[tuple[str, int]] | None = None
    hidden_sheets: Sequence[str] | None = None
    refused: str = ""
    ending: str = "xlsx"


def one(name: str, data: str, shown: Sequence[Sequence[str]] = (), **expected: object) -> Case:
    """A workbook with one sheet, whose data is that below the header."""
    return Case(name, lambda: xlsx(sheet(row(1, *HEADER) + data)), shown, **expected)  # type: ignore[arg-type]


def whole(name: str, part: str | bytes, shown: Sequence[Sequence[str]] = (), **expected: object) -> Case:
    """A workbook with one worksheet part."""
    return Case(name, lambda: xlsx(part), shown, **expected)  # type: ignore[arg-type]


def packed(name: str, write: Callable[[], bytes], shown: Sequence[Sequence[str]] = (), **expected: object) -> Case:
    return Case(name, write, shown, **expected)  # type: ignore[arg-type]
