"""Opens a file of any format that can be read, and arranges its rows."""

from pathlib import Path

from contacts.sheet_reader import files, texts, workbook
from contacts.sheet_reader.layout import Contents, arrange
from contacts.sheet_reader.types import DEFAULTS, Options


def read(path: Path, name: str, options: Options = DEFAULTS) -> Contents:
    """Read the file at ``path``, uploaded as ``name``. Raises SheetError, also while the rows are read."""
    kind = files.kind_of(path, name)
    if kind == files.TEXT:
        return arrange(texts.open_text(path, name, options), options)
    return arrange(workbook.open_workbook(path, options), options)
