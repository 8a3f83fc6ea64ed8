"""Reads a text file with one record a line: csv, tsv and their relatives."""

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePath

from contacts.sheet_reader.types import ENCODINGS, Options, Row, SheetError, Source

_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def open_text(path: Path, name: str, options: Options) -> Source:
    """The rows of a text file. Raises SheetError, also while they are read."""
    with path.open("rb") as binary:
        start = binary.read(4096)
    encoding = _encoding(path, start, options.encoding)
    if b"\x00" in start and encoding != "utf-16":
        raise SheetError(
            "wrong_type", "This file is not text, although its name says so. Save the sheet as .xlsx or .csv."
        )
    with path.open(encoding=encoding, newline="") as file:
        try:
            sample = list(islice(file, 50))
        except UnicodeError as error:
            raise _wrong_encoding(encoding) from error
    # Excel takes the delimiter from a first line such as "sep=;".
    declared = re.fullmatch(r"sep=(.)\s*", sample[0]) if sample else None
    delimiter = declared[1] if declared else _delimiter(sample, PurePath(name).suffix.lower())
    return Source(_rows(path, encoding, delimiter, skip=1 if declared else 0))


def _rows(path: Path, encoding: str, delimiter: str, skip: int) -> Iterator[Row]:
    with path.open(encoding=encoding, newline="") as file:
        try:
            for number, cells in enumerate(csv.reader(file, delimiter=delimiter), start=1):
                if number > skip:
                    yield Row(number, cells)
        except UnicodeError as error:
            raise _wrong_encoding(encoding) from error
        except csv.Error as error:
            raise SheetError(
                "broken", "A cell has no end: a closing quotation mark is missing. Save the file again."
            ) from error


def _encoding(path: Path, start: bytes, chosen: str) -> str:
    """By the byte order mark, else as the operator chose, else UTF-8 if the whole file is valid. Raises SheetError."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return encoding
    if chosen and chosen not in ENCODINGS:
        raise SheetError(
            "encoding", f"Baton does not know the encoding {chosen}. Choose one of these: {', '.join(ENCODINGS)}."
        )
    if chosen:
        return chosen
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while piece := file.read(1024 * 1024):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeError as error:
            raise SheetError(
                "encoding", "This file is not encoded as UTF-8. Choose its encoding; it is often cp1252."
            ) from error
    return "utf-8"


def _wrong_encoding(encoding: str) -> SheetError:
    return SheetError("encoding", f"The file cannot be read as {encoding}. Choose a different encoding.")


def _delimiter(sample: Sequence[str], ending: str) -> str:
    """The character that splits most of the first lines into the same number of cells, at least two."""
    best = ("\t" if ending == ".tsv" else ",", (0, 0))
    for delimiter in ",;\t|":
        widths = [len(cells) for cells in csv.reader(sample, delimiter=delimiter) if any(cells)]
        if widths and widths[0] > 1:
            score = (sum(width == widths[0] for width in widths), widths[0])
            best = max(best, (delimiter, score), key=lambda candidate: candidate[1])
    return best[0]
