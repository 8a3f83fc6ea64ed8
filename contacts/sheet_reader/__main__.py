"""The separate process: limits itself, and writes what it reads to standard output as lines of JSON.

Its only argument is a JSON object: ``path``, ``name``, ``options`` (the fields of ``Options``) and ``rows``, after
which it stops (0: all). It writes ``{"layout": ...}``, then ``{"rows": ...}`` (see ``frames``) as often as needed, each
followed by the cells of those rows, then ``{"end": {"left_out": ...}}``; or, at any point,
``{"code": ..., "sentence": ...}`` and nothing more.

Without ``options`` it writes a line ``{"offer": ...}`` for each encoding that the file can have, and ``{"end": {}}``.
"""

import gc
import json
import resource
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from contacts.sheet_reader.frames import ROWS, packed
from contacts.sheet_reader.offers import offers
from contacts.sheet_reader.reading import read
from contacts.sheet_reader.types import MAX_UNPACKED, Options, Row, SheetError
from contacts.timing import SHEET_READER_CPU_SECONDS

#: Bytes of address space of the process.
MAX_MEMORY = 1536 * 1024**2


def main(arguments: Sequence[str]) -> int:
    """Read the sheet and write it to standard output. ``arguments``: see above."""
    asked = json.loads(arguments[0])
    _limit_this_process()
    # Rows hold no cycles; looking for some among millions of objects takes a tenth of the time.
    gc.disable()
    try:
        if "options" in asked:
            _write_sheet(asked)
        else:
            _write_offers(asked)
    except SheetError as error:
        _write({"code": error.code, "sentence": error.sentence})
    except MemoryError:
        _write({"code": "too_large", "sentence": "Reading this file takes too much memory. Save it as .csv."})
    except BrokenPipeError:
        return 1
    return 0


def _write_sheet(asked: dict[str, Any]) -> None:
    contents = read(Path(asked["path"]), asked["name"], Options(**asked["options"]))
    _write({"layout": asdict(contents.layout)})
    for chunk in _chunks(islice(contents.rows, asked["rows"] or None)):
        for about, cells in packed(chunk):
            _write({"rows": about}, cells)
    _write({"end": {"left_out": contents.left_out}})


def _write_offers(asked: dict[str, Any]) -> None:
    for offer in offers(Path(asked["path"]), asked["name"]):
        _write({"offer": asdict(offer)})
    _write({"end": {}})


def _limit_this_process() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SHEET_READER_CPU_SECONDS, SHEET_READER_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_UNPACKED, MAX_UNPACKED))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while chunk := list(islice(rest, ROWS)):
        yield chunk


def _write(line: dict[str, Any], content: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps(line).encode() + b"\n" + content)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
