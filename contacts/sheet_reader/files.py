"""Tells what kind of file an upload is, by its content."""

from pathlib import Path, PurePath

from contacts.sheet_reader.types import ENDINGS, SheetError

TEXT = "text"
WORKBOOK = "workbook"


def kind_of(path: Path, name: str) -> str:
    """TEXT or WORKBOOK. Raises SheetError for any other file."""
    if PurePath(name).suffix.lower() not in ENDINGS:
        raise SheetError(
            "wrong_type", "Baton reads .xlsx, .csv and .tsv files. Save the sheet in one of these formats."
        )
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip(b"\x00\t\r\n ,;"):
        raise SheetError("empty", "This file is empty.")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise SheetError(
            "wrong_type",
            "This is an old Excel file (.xls) or a password-protected one. Save it as .xlsx without a password.",
        )
    if start.startswith(b"PK"):
        return WORKBOOK
    if PurePath(name).suffix.lower() in (".xlsx", ".xlsm"):
        raise SheetError(
            "wrong_type", "This file is not an Excel workbook, although its name says so. Save it again in Excel."
        )
    return TEXT
