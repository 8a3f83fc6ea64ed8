"""Storing an uploaded spreadsheet and recording what its columns mean."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import copyfileobj
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.core.files import File
from django.utils import timezone

from contacts import columns, sheets
from contacts.importing.state import ImportRefusal
from contacts.models import ContactList, Import

#: Rows that the columns are guessed from: enough that a column of phones is found whose first rows are blank.
SAMPLE_ROWS = 200
#: The fields that ``inspect_upload`` fills in.
INSPECTED = (
    "encoding", "takes_hidden_rows", "sheet", "sheets", "hidden_sheets", "header_row", "first_rows", "header",
    "samples", "hidden_rows", "total",
)  # fmt: skip
ALREADY_CONFIRMED = "The columns of this import have already been confirmed. Upload the file again."


def upload(
    contact_list: ContactList | None,
    file: File,
    name: str,
    user: Any = None,
    country: str = "",
    options: sheets.Options | None = None,
) -> Import:
    """Store an uploaded sheet and read its beginning; the mapping is still to be confirmed. Raises SheetError.

    The returned import has ``header``, ``samples`` (the first rows) and ``sheet``. A refused file is not kept.
    Without a list it is a sheet of opt-outs. ``country`` is an ISO 3166 code, by default the list's. ``options``: how
    to read the sheet, where that is known; hidden rows of opt-outs are read by default, because too many is safe.
    """
    import_ = _stored(contact_list, file, name, user)
    import_.country = country or import_.country
    try:
        inspect_upload(import_, options)
    except sheets.SheetError:
        import_.file.delete(save=False)
        raise
    import_.save()
    return import_


def store_unread(
    contact_list: ContactList | None, file: File, name: str, user: Any = None, country: str = ""
) -> Import:
    """Store a text file whose encoding is not known: it has no header until the operator has chosen one."""
    import_ = _stored(contact_list, file, name, user)
    import_.country = country or import_.country
    import_.save()
    return import_


def _stored(contact_list: ContactList | None, file: File, name: str, user: Any) -> Import:
    """An unsaved import whose file is in the storage."""
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    file.seek(0)
    import_ = Import(
        purpose=Import.Purpose.CONTACTS if contact_list else Import.Purpose.OPT_OUTS,
        list=contact_list,
        original_name=name[-255:],
        sha256=digest.hexdigest(),
        country=contact_list.country if contact_list else settings.DEFAULT_COUNTRY,
        created_by=user,
        takes_hidden_rows=contact_list is None,
    )
    import_.file.save(name, file, save=False)
    return import_


def upload_sheet(import_: Import, title: str, user: Any = None) -> Import:
    """Make another import of the sheet ``title`` of the same workbook, with columns of its own. Raises SheetError."""
    options = replace(reader_options(import_), sheet=title, header_row=None)
    with import_.file.open("rb") as file:
        return upload(import_.list, File(file), import_.original_name, user, import_.country, options)


def reader_options(import_: Import) -> sheets.Options:
    """How the file of an import is read: as it was when it was inspected, so that every row keeps its meaning."""
    return sheets.Options(
        encoding=import_.encoding,
        sheet=import_.sheet,
        header_row=import_.header_row if import_.first_rows else None,
        hidden_rows=import_.takes_hidden_rows,
        covered_cells=import_.is_of_opt_outs,
    )


def inspect_upload(import_: Import, options: sheets.Options | None = None) -> None:
    """Fill in what the file holds and how it is read, without saving. Raises SheetError.

    ``options``: how to read it, by default as before. To change one thing, pass
    ``dataclasses.replace(reader_options(import_), ...)``; another sheet needs ``header_row=None``.
    """
    options = replace(options or reader_options(import_), covered_cells=import_.is_of_opt_outs)
    with local_copy(import_) as path:
        peeked = sheets.peek(path, import_.original_name, options, rows=SAMPLE_ROWS)
    layout = peeked.layout
    import_.encoding = options.encoding
    import_.takes_hidden_rows = options.hidden_rows
    import_.sheet = layout.title
    import_.sheets = [[sheet.title, sheet.rows] for sheet in layout.sheets]
    import_.hidden_sheets = layout.hidden_sheets
    import_.header_row = layout.header_row
    import_.first_rows = [[row.number, row.cells] for row in layout.first_rows]
    import_.header = layout.header
    import_.samples = [row.cells for row in peeked.rows]
    import_.hidden_rows = layout.hidden_rows
    import_.total = layout.row_count or 0


def read_again(import_: Import, options: sheets.Options) -> None:
    """Read the beginning of an upload in another way, before its columns are confirmed. Raises SheetError and
    ImportRefusal."""
    inspect_upload(import_, options)
    changes = {name: getattr(import_, name) for name in INSPECTED}
    changed = Import.objects.filter(pk=import_.pk, status=Import.Status.UPLOADED, mapping={}).update(**changes)
    if not changed:
        raise ImportRefusal("already_checked", ALREADY_CONFIRMED)


def confirm(
    import_: Import,
    mapping: Mapping[int, str],
    labels: Mapping[str, str] = MappingProxyType({}),
    formats: Mapping[int, str] = MappingProxyType({}),
) -> None:
    """Record what the columns mean, so that the rows can be checked. Raises ColumnsError and ImportRefusal.

    ``mapping``: field by column, counted from 0. ``labels``: what the list is to call value fields that it has no label
    for; by default the column's heading. ``formats``: how the dates or amounts of a column are written, by column.
    """
    (columns.validate_opt_outs if import_.is_of_opt_outs else columns.validate)(mapping, import_.header)
    # beat_at keeps the sweep from enqueuing the check while the caller does so.
    changed = Import.objects.filter(pk=import_.pk, status=Import.Status.UPLOADED, mapping={}).update(
        mapping=columns.stored(mapping), formats=columns.stored(formats), beat_at=timezone.now()
    )
    if not changed:
        raise ImportRefusal("already_checked", ALREADY_CONFIRMED)
    import_.refresh_from_db()
    if not import_.is_of_opt_outs:
        _complete_list(import_, mapping, labels)


def _complete_list(import_: Import, mapping: Mapping[int, str], labels: Mapping[str, str]) -> None:
    """Label the mapped value fields that have no label; give an empty list the import's country."""
    contact_list = import_.contact_list
    contact_list.labels = {**labels, **contact_list.labels}
    contact_list.labels |= columns.new_labels(mapping, import_.header, contact_list.labels)
    if not contact_list.contacts.exists():
        contact_list.country = import_.country
    contact_list.save(update_fields=["labels", "country", "updated_at"])


@contextmanager
def open_upload(import_: Import) -> Iterator[sheets.Sheet]:
    """The uploaded sheet, read with the choices that the import records. Raises SheetError, also while it is read."""
    if not import_.file.storage.exists(import_.file.name or ""):
        raise sheets.SheetError("no_file", "The uploaded file is no longer stored. Upload it again.")
    options = reader_options(import_)
    with local_copy(import_) as path, sheets.open_sheet(path, import_.original_name, options) as sheet:
        yield sheet


@contextmanager
def local_copy(import_: Import) -> Iterator[Path]:
    """The path of the uploaded file on this machine, copied from the storage if it is elsewhere."""
    try:
        path = Path(import_.file.path)
    except NotImplementedError:
        with tempfile.NamedTemporaryFile() as copy, import_.file.open("rb") as original:
            copyfileobj(original, copy)
            copy.flush()
            yield Path(copy.name)
        return
    yield path
