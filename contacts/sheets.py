"""Reads an uploaded spreadsheet in a separate process with limits, so that an upload can crash only that process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Timer
from typing import IO, Any

from django.conf import settings

from contacts.sheet_reader.frames import MAX_BYTES, unpacked
from contacts.sheet_reader.offers import Offer
from contacts.sheet_reader.types import (
    DEFAULTS,
    ENCODINGS,
    ENDINGS,
    WHOLE_ROW,
    Layout,
    Options,
    Row,
    SheetError,
    SheetInfo,
)
from contacts.timing import PEEK_SECONDS, READ_SHEET_SECONDS

__all__ = [
    "DEFAULTS",
    "ENCODINGS",
    "ENDINGS",
    "WHOLE_ROW",
    "Layout",
    "Offer",
    "Options",
    "Peek",
    "Row",
    "Sheet",
    "SheetError",
    "SheetInfo",
    "offers",
    "open_sheet",
    "peek",
]

#: Bytes that the reader may be ahead, so that it reads on while rows are checked and stored. The maximum of Linux for a
#: process without privileges.
PIPE = 1024**2

BROKE_OFF = "The file could not be read to its end. Save it as .csv and upload that."


@dataclass(frozen=True)
class Peek:
    """The beginning of a sheet: its layout and the first rows below the header."""

    layout: Layout
    rows: list[Row]


class Sheet:
    """A sheet that is being read: ``layout`` and ``rows()``, and after the last row ``left_out``.

    ``left_out``: the rows of the file that are not among ``rows()``, by reason: ``above_header`` (the header is one of
    them), ``hidden`` and ``swallowed`` (by a cell whose closing quotation mark is missing).
    """

    def __init__(self, lines: Iterator[dict[str, Any]]) -> None:
        self.layout = _layout(next(lines)["layout"])
        self.left_out: dict[str, int] = {}
        self._lines = lines

    def rows(self) -> Iterator[Row]:
        """The rows below the header, up to the last that is not blank. Can be iterated once. Raises SheetError."""
        for line in self._lines:
            if "end" in line:
                self.left_out = line["end"]["left_out"]
                return
            yield from line["rows"]


@contextmanager
def open_sheet(
    path: Path | str,
    name: str,
    options: Options = DEFAULTS,
    *,
    rows: int = 0,
    seconds: float = READ_SHEET_SECONDS,
) -> Iterator[Sheet]:
    """Open the spreadsheet at ``path``, uploaded as ``name``.

    ``rows``: stop after that many (0: all). ``seconds``: the time limit for reading, which includes what the caller
    does with the rows meanwhile. Raises SheetError with a code, here and while rows are read: ``wrong_type``,
    ``empty``, ``no_rows``, ``no_header``, ``no_sheet``, ``broken``, ``too_large``, ``too_slow``, ``encoding``,
    ``missing_quote``, ``password``, ``several_files``.
    """
    with _reader({"path": _checked(path), "name": name, "options": asdict(options), "rows": rows}, seconds) as lines:
        yield Sheet(lines)


def peek(path: Path | str, name: str, options: Options = DEFAULTS, rows: int = 5) -> Peek:
    """The layout and the first ``rows`` rows below the header. Raises SheetError as ``open_sheet`` does."""
    with open_sheet(path, name, options, rows=rows, seconds=PEEK_SECONDS) as sheet:
        return Peek(sheet.layout, list(sheet.rows()))


def offers(path: Path | str, name: str) -> list[Offer]:
    """The encodings that a text file can have, the most plausible first, each with some rows. Raises SheetError."""
    with _reader({"path": _checked(path), "name": name}, PEEK_SECONDS) as lines:
        return [Offer(**line["offer"]) for line in lines if "offer" in line]


def _checked(path: Path | str) -> str:
    """The absolute path of a file that is neither empty nor too large. Raises SheetError."""
    size = os.path.getsize(path)
    if size > settings.UPLOAD_MAX_BYTES:
        maximum = settings.UPLOAD_MAX_BYTES // 1024**2
        raise SheetError("too_large", f"The file has {size // 1024**2:,} MB; the maximum is {maximum:,} MB. Split it.")
    if size == 0:
        raise SheetError("empty", "This file is empty.")
    return str(Path(path).resolve())


@contextmanager
def _reader(asked: dict[str, Any], seconds: float) -> Iterator[Iterator[dict[str, Any]]]:
    """The lines that the separate process writes; ``asked`` is its argument. It ends with the context."""
    # setpriv, of Debian's essential util-linux, ties the reader to this process, so that it never outlives it.
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "contacts.sheet_reader", json.dumps(asked)],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pipesize=PIPE,
    )
    timer = Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield _lines(process, timer)
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def _layout(content: dict[str, Any]) -> Layout:
    sheets = [SheetInfo(**sheet) for sheet in content.pop("sheets")]
    return Layout(sheets=sheets, first_rows=[_row(row) for row in content.pop("first_rows")], **content)


def _row(content: list[Any]) -> Row:
    """A row from its JSON, in which the keys of problems are strings."""
    number, cells, problems = content
    return Row(number, cells, {int(column): (code, sentence) for column, (code, sentence) in problems.items()})


def _lines(process: subprocess.Popen[bytes], timer: Timer) -> Iterator[dict[str, Any]]:
    """What the process writes, up to its end line. Raises SheetError for a refused sheet or a missing end line.

    The ``rows`` of a line are Rows.
    """
    assert process.stdout is not None
    while line := process.stdout.readline(MAX_BYTES):
        content = _parsed(line, process.stdout)
        if "code" in content:
            raise SheetError(content["code"], content["sentence"])
        yield content
        if "end" in content:
            return
    process.wait()
    if timer.finished.is_set():
        raise SheetError("too_slow", "Reading this file took too long. Save it as .csv or split it.")
    raise SheetError("broken", BROKE_OFF)


def _parsed(line: bytes, output: IO[bytes]) -> dict[str, Any]:
    """A line that the process wrote, and the cells after it. Raises SheetError for half a line or half of the cells.

    A killed process leaves those, and one that a hostile file has taken over may write anything.
    """
    try:
        content: dict[str, Any] = json.loads(line)
        if "rows" in content:
            about = content["rows"]
            if not 0 <= about["bytes"] <= MAX_BYTES:
                raise ValueError
            content["rows"] = unpacked(about, output.read(about["bytes"]))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise SheetError("broken", BROKE_OFF) from None
    return content
