"""How rows are handed over to the parent process: as text between separators, which is faster than JSON or pickle.

A reader that a hostile file has taken over can write anything. So the parent only splits text: nothing is executed and
no object but texts and numbers is made, and it takes no more than ``MAX_BYTES`` at a time.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from contacts.sheet_reader.types import Row, SheetError

#: Rows that are handed over at once.
ROWS = 1_000
#: Bytes of the cells that are handed over at once.
MAX_BYTES = 64 * 1024**2
#: What separates rows and cells: control characters, or private ones where a cell contains those.
_SEPARATORS = ("\x1e\x1f", *(chr(code) + chr(code + 1) for code in range(0xE000, 0xF8FF, 2)))


def packed(rows: Sequence[Row]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The rows as often one after the other as needed: what ``unpacked`` takes. Raises SheetError.

    The first part can be written as JSON: ``numbers`` of the rows, the ``separators`` of rows and of cells, the number
    of ``bytes`` of the second, and ``problems``: by the position of the row, ``[column, code, sentence]`` for each.
    """
    separators, text = _joined([row.cells for row in rows])
    content = text.encode()
    if len(content) > MAX_BYTES:
        if len(rows) == 1:
            raise SheetError("too_large", f"Row {rows[0].number:,} has far too much text. Shorten its cells.")
        half = len(rows) // 2
        yield from chain(packed(rows[:half]), packed(rows[half:]))
        return
    about: dict[str, Any] = {
        "numbers": [row.number for row in rows],
        "separators": separators,
        "bytes": len(content),
    }
    problems = {
        str(place): [[column, *problem] for column, problem in row.problems.items()]
        for place, row in enumerate(rows)
        if row.problems
    }
    yield (about | {"problems": problems} if problems else about), content


def unpacked(about: dict[str, Any], content: bytes) -> list[Row]:
    """The rows that ``packed`` made both of. Raises ValueError, KeyError or TypeError for anything else."""
    row_end, cell_end = tuple(about["separators"])
    texts = content.decode().split(row_end)
    rows = [
        Row(number, text.split(cell_end) if text else []) for number, text in zip(about["numbers"], texts, strict=True)
    ]
    for place, problems in about.get("problems", {}).items():
        found = {column: (code, sentence) for column, code, sentence in problems}
        rows[int(place)] = rows[int(place)]._replace(problems=found)
    return rows


def _joined(cells: Sequence[Sequence[str]]) -> tuple[str, str]:
    """Two separators that no cell contains, and the cells between them."""
    ends = len(cells) - 1, sum(len(row) - 1 for row in cells if row)
    for separators in _SEPARATORS:
        row_end, cell_end = tuple(separators)
        text = row_end.join(map(cell_end.join, cells))
        if (text.count(row_end), text.count(cell_end)) == ends:
            return separators, text
    raise SheetError("broken", "The sheet has characters that are no text. Remove them and upload it again.")
