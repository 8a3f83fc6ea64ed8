"""Reads an uploaded spreadsheet in a separate process with limits, so that an upload can crash only that process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from django.conf import settings

from contacts.sheet_reader import ENCODINGS, ENDINGS, Row, SheetError
from contacts.timing import PEEK_SECONDS, READ_SHEET_SECONDS

__all__ = ["ENCODINGS", "ENDINGS", "Peek", "Row", "Sheet", "SheetError", "open_sheet", "peek"]

BROKE_OFF = "The file could not be read to its end. Save it as .csv and upload that."


@dataclass(frozen=True)
class Peek:
    """The beginning of a sheet. ``row_count`` is what the workbook declares, which may be wrong; text has none."""

    title: str
    header: list[str]
    rows: list[Row]
    row_count: int | None


class Sheet:
    """A sheet that is being read: ``title``, ``header`` and ``rows()``."""

    def __init__(self, lines: Iterator[dict[str, Any]]) -> None:
        first = next(lines)
        self._lines = lines
        self.title: str = first["title"]
        self.header: list[str] = first["header"]
        self.row_count: int | None = first["row_count"]

    def rows(self) -> Iterator[Row]:
        """The rows below the header, up to the last that is not blank: the number in the sheet and the cells as text.

        A blank row has no cells; trailing blank cells are left out. Can be iterated once. Raises SheetError.
        """
        for line in self._lines:
            yield from ((number, cells) for number, cells in line["rows"])


@contextmanager
def open_sheet(
    path: Path | str, name: str, encoding: str = "", *, rows: int = 0, seconds: float = READ_SHEET_SECONDS
) -> Iterator[Sheet]:
    """Open the spreadsheet at ``path``, uploaded as ``name``.

    ``encoding``: one of ENCODINGS, needed only for text files that are not UTF-8. ``rows``: stop after that many (0:
    all). ``seconds``: the time limit for reading, which includes what the caller does with the rows meanwhile.
    Raises SheetError with a code, here and while rows are read: ``wrong_type``, ``empty``, ``no_rows``, ``broken``,
    ``too_large``, ``too_slow``, ``encoding``, ``formulas_without_values``.
    """
    size = os.path.getsize(path)
    if size > settings.UPLOAD_MAX_BYTES:
        maximum = settings.UPLOAD_MAX_BYTES // 1024**2
        raise SheetError("too_large", f"The file has {size // 1024**2:,} MB; the maximum is {maximum:,} MB. Split it.")
    if size == 0:
        raise SheetError("empty", "This file is empty.")
    arguments = [str(Path(path).resolve()), name, encoding, str(rows)]
    # setpriv, of Debian's essential util-linux, ties the reader to this process, so that it never outlives it.
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "contacts.sheet_reader", *arguments],
        cwd=settings.BASE_DIR,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    timer = Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield Sheet(_lines(process, timer))
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def peek(path: Path | str, name: str, encoding: str = "", rows: int = 5) -> Peek:
    """The header and the first ``rows`` rows. Raises SheetError as ``open_sheet`` does."""
    with open_sheet(path, name, encoding, rows=rows, seconds=PEEK_SECONDS) as sheet:
        return Peek(sheet.title, sheet.header, list(sheet.rows()), sheet.row_count)


def _lines(process: subprocess.Popen[bytes], timer: Timer) -> Iterator[dict[str, Any]]:
    """What the process writes, up to its end line. Raises SheetError for a refused sheet or a missing end line."""
    for line in process.stdout or ():
        content = _parsed(line)
        if "code" in content:
            raise SheetError(content["code"], content["sentence"])
        if "end" in content:
            return
        yield content
    process.wait()
    if timer.finished.is_set():
        raise SheetError("too_slow", "Reading this file took too long. Save it as .csv or split it.")
    raise SheetError("broken", BROKE_OFF)


def _parsed(line: bytes) -> dict[str, Any]:
    """A line that the process wrote. Raises SheetError for half a line, which a killed process leaves."""
    try:
        content: dict[str, Any] = json.loads(line)
    except ValueError:
        raise SheetError("broken", BROKE_OFF) from None
    return content
