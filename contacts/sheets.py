"""An uploaded spreadsheet, read by a process of its own with limits: an upload can crash that, and nothing else."""

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

from contacts.sheet_reader import ENCODINGS, Row, SheetError

__all__ = ["ENCODINGS", "Peek", "Row", "Sheet", "SheetError", "open_sheet", "peek"]

#: How long reading a sheet may take altogether, in seconds, what is done with its rows meanwhile included.
READ_SECONDS = 3_600
PEEK_SECONDS = 60


@dataclass(frozen=True)
class Peek:
    """The beginning of a sheet; ``row_count`` is what a workbook says about itself, not always true."""

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
        """Each row below the header, to the last that is not blank: its number in the sheet and its texts.

        A blank row has no cells; trailing blank cells are left out. To be read once. Raises SheetError.
        """
        for line in self._lines:
            yield from ((number, cells) for number, cells in line["rows"])


@contextmanager
def open_sheet(
    path: Path | str, name: str, encoding: str = "", *, rows: int = 0, seconds: float = READ_SECONDS
) -> Iterator[Sheet]:
    """Open the spreadsheet at ``path`` that its owner calls ``name``.

    ``encoding`` is one of ENCODINGS and needed only for text files that are not UTF-8; ``rows`` stops after so many.
    Raises SheetError with a code, here and while rows are read: ``wrong_type``, ``empty``, ``no_rows``, ``broken``,
    ``too_large``, ``too_slow``, ``encoding``, ``formulas_without_values``.
    """
    size = os.path.getsize(path)
    if size > settings.UPLOAD_MAX_BYTES:
        most = settings.UPLOAD_MAX_BYTES // 1024**2
        raise SheetError("too_large", f"The file has {size // 1024**2:,} MB; {most:,} MB is the most. Split it.")
    if size == 0:
        raise SheetError("empty", "The file is empty.")
    arguments = [str(Path(path).resolve()), name, encoding, str(os.getpid()), str(rows)]
    process = subprocess.Popen(
        [sys.executable, "-m", "contacts.sheet_reader", *arguments],
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
    """What the process tells, up to the end. Raises SheetError for what it refuses, and when it ends without an end."""
    for line in process.stdout or ():
        told = _told(line)
        if "code" in told:
            raise SheetError(told["code"], told["sentence"])
        if "end" in told:
            return
        yield told
    process.wait()
    if timer.finished.is_set():
        raise SheetError("too_slow", "Reading this file takes too long. Save it as .csv, or split it.")
    raise SheetError("broken", "The file cannot be read: reading it broke off. Save it as .csv and upload that.")


def _told(line: bytes) -> dict[str, Any]:
    """A line of the process; a killed process leaves half a line, which tells nothing."""
    try:
        told: dict[str, Any] = json.loads(line)
    except ValueError:
        raise SheetError("broken", "The file cannot be read: reading it broke off. Save it as .csv.") from None
    return told
