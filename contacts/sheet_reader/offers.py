"""The encodings that a text file can have, each with how its rows would look, the most plausible first."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from contacts.sheet_reader import archives, encodings, files, texts
from contacts.sheet_reader.layout import arrange
from contacts.sheet_reader.types import ENCODINGS, Options, Row, SheetError

#: Lines of the beginning, and lines with foreign letters, that are looked at.
FIRST_LINES, FOREIGN_LINES = 100, 200
LONGEST_LINE = 64 * 1024
SHOWN = 3

_ASCII = bytes(range(128))


@dataclass(frozen=True)
class Offer:
    """How a file looks in an encoding. ``rows``: some with foreign letters, if it has any."""

    encoding: str
    header: list[str]
    rows: list[list[str]]


def offers(path: Path, name: str) -> list[Offer]:
    """The encodings in which the whole file at ``path`` can be read. Raises SheetError if it is not a text."""
    if files.kind_of(path) == files.ARCHIVE:
        path, name = archives.unpack(path)
    if files.kind_of(path) != files.TEXT:
        raise SheetError("wrong_type", "This file is not a text file, so that it needs no encoding.")
    used, sample = _foreign_bytes(path), list(_sample(path))
    found: list[tuple[float, Offer]] = []
    with tempfile.NamedTemporaryFile() as copy:
        copy.writelines(sample)
        copy.flush()
        for encoding in ENCODINGS:
            try:
                used.decode(
                    encoding if encoding != "utf-16" else "ascii", "strict" if encoding != "utf-16" else "ignore"
                )
                source = texts.open_text(Path(copy.name), name, Options(encoding=encoding))
                contents = arrange(source, Options(encoding=encoding))
                rows = list(contents.rows)
            except (SheetError, UnicodeError):
                continue
            foreign = [cell for row in (*contents.layout.first_rows, *rows) for cell in row.cells if not cell.isascii()]
            offer = Offer(encoding, contents.layout.header, [row.cells for row in _shown(rows)])
            found.append((encodings.plausibility(encoding, "\n".join(foreign)), offer))
    # Sorting keeps the order of ENCODINGS among those that look equally plausible.
    found.sort(key=lambda scored: -round(scored[0], 1))
    return [offer for _, offer in found]


def _shown(rows: list[Row]) -> list[Row]:
    foreign = [row for row in rows if not all(map(str.isascii, row.cells))]
    return (foreign or rows)[:SHOWN]


def _foreign_bytes(path: Path) -> bytes:
    """Every byte that the file has and ASCII has not."""
    used: set[int] = set()
    with path.open("rb") as file:
        while piece := file.read(1024 * 1024):
            used |= set(piece.translate(None, delete=_ASCII))
    return bytes(sorted(used))


def _sample(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        lines = iter(lambda: file.readline(LONGEST_LINE), b"")
        yield from islice(lines, FIRST_LINES)
        yield from islice((line for line in lines if not line.isascii()), FOREIGN_LINES)
