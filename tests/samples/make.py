"""Makes ``customers.xlsx``, the sample of the demo and the tests: every run produces the same bytes.

``python -m tests.samples.make``. The numbers are invented. In the sandbox no network is known for one that ends with
99901, and one that ends with 99902 has opted out.
"""

import io
import random
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl

SAMPLE = Path(__file__).with_name("customers.xlsx")
GOOD_ROWS = 488
FIRST_NAMES = (
    "Thabo", "Lerato", "Sipho", "Nomsa", "Johan", "Anika", "Pieter", "Zanele", "Bongani", "Fatima", "Kagiso", "Lindiwe",
    "Riaan", "Naledi", "Imraan", "Chantal", "Themba", "Palesa", "Zoë", "René", "Priya", "Andile", "Mandla", "Ayesha",
)  # fmt: skip
SPECIAL = ("0825599901", "+27 83 559 9901", "0725599901", "0825599902", "27835599902")
# Twelve rows, each wrong in its own way: a number, or what became of it, and what a person would see.
BAD: tuple[Any, ...] = (
    "2.78E+10", "2.7835E+10", "082 55", "0835550", "unknown", "call reception", "", "0990000000",
    "0825550999 / 0835550999", "08255501234567",
)  # fmt: skip


def rows() -> list[list[Any]]:
    """The rows below the header: phone, first name, balance, customer ID."""
    chance = random.Random("customers")
    people = []
    numbers = chance.sample(range(1_000_000, 9_000_000), GOOD_ROWS)
    for number in numbers:
        prefix = chance.choice(("82", "83", "72"))
        digits = f"{prefix}{number:07}"
        if digits.endswith(("99901", "99902")):
            digits = f"{prefix}{number - 50:07}"
        people.append([_typed(chance, digits)])
    for position, special in zip(range(20, GOOD_ROWS, 97), SPECIAL, strict=False):
        people[position] = [special]
    for bad in BAD:
        people.insert(chance.randrange(30, len(people)), [bad])
    # Two people are in the sheet twice, the second time in a different notation.
    people += [["+27825599901"], ["0027835599902"]]
    for position, person in enumerate(people, start=1):
        person += [chance.choice(FIRST_NAMES), round(chance.uniform(20, 4_000), 2), f"C{10_000 + position}"]
    return people


def _typed(chance: random.Random, digits: str) -> Any:
    """One of the ways people and Excel write a number; some are cells with a number, not a text."""
    ways: list[Any] = [
        f"0{digits}", f"27{digits}", f"+27{digits}", f"0{digits[:2]} {digits[2:5]} {digits[5:]}", int(digits),
        float(f"27{digits}"), f"(0{digits[:2]}) {digits[2:5]}-{digits[5:]}",
    ]  # fmt: skip
    return chance.choice(ways)


def make(path: Path = SAMPLE) -> None:
    """Write the workbook."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Customers"
    sheet.append(["Cell number", "First name", "Balance", "Customer ID"])
    for row in rows():
        sheet.append(row)
    for cell in sheet["C"][1:]:
        cell.number_format = "0.00"
    for column, width in zip("ABCD", (22, 14, 12, 14), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"
    written = io.BytesIO()
    book.save(written)
    path.write_bytes(_timeless(written.getvalue()))


def _timeless(workbook: bytes) -> bytes:
    """The same workbook without its creation time."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "docProps/core.xml":
                moment = datetime(2026, 1, 1).strftime("%Y-%m-%dT%H:%M:%SZ")
                content = _without_times(content, moment)
            new.writestr(zipfile.ZipInfo(entry.filename, (2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return result.getvalue()


def _without_times(core: bytes, moment: str) -> bytes:
    pieces = []
    for piece in core.decode().split(">"):
        is_moment = piece[:4].isdigit() and piece[4:5] == "-"
        pieces.append(moment + piece[piece.index("<") :] if is_moment else piece)
    return ">".join(pieces).encode()


if __name__ == "__main__":
    make()
