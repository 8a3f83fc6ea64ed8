"""Opens a file of any format that can be read, and arranges its rows."""

from pathlib import Path, PurePath

from contacts.sheet_reader import archives, files, old_excel, open_document, texts, workbook
from contacts.sheet_reader.layout import Contents, arrange
from contacts.sheet_reader.types import DEFAULTS, ENDINGS, Options, SheetError, Source

_WORKBOOKS = {
    files.WORKBOOK: workbook.open_workbook,
    files.OLD_WORKBOOK: old_excel.open_old_workbook,
    files.OPEN_DOCUMENT: open_document.open_document,
}


def read(path: Path, name: str, options: Options = DEFAULTS) -> Contents:
    """Read the file at ``path``, uploaded as ``name``. Raises SheetError, also while the rows are read."""
    kind = files.kind_of(path)
    if kind == files.ARCHIVE:
        path, name = archives.unpack(path)
        kind = files.kind_of(path)
    return arrange(_opened(path, name, kind, options), options)


def _opened(path: Path, name: str, kind: str, options: Options) -> Source:
    if kind == files.TEXT:
        if PurePath(name).suffix.lower() not in ("", *ENDINGS):
            raise SheetError(
                "wrong_type",
                "Baton reads .xlsx, .xls, .ods, .csv and .tsv files, and a .zip with one of them. Save the sheet in one"
                " of these formats.",
            )
        return texts.open_text(path, name, options)
    if kind == files.BINARY_WORKBOOK:
        raise SheetError(
            "wrong_type",
            "Baton does not read binary workbooks (.xlsb): it cannot tell what their cells show. Save the sheet as"
            " .xlsx or .csv.",
        )
    return _WORKBOOKS[kind](path, options)
