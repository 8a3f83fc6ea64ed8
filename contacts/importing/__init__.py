"""Importing a spreadsheet into a list: upload, confirm the columns, check every row into one bucket, apply in ranges.

Rows can be corrected between check and application, and an applied import can be undone.
A mapped cell overwrites what the contact had, even if the cell is blank; fields without a mapped column keep what they
have. The rows of a range and the progress are written in one transaction, so that a crash loses and repeats nothing.
"""

from contacts.importing.applying import apply, begin_apply
from contacts.importing.checking import CheckedRows, check_rows, forecast, recheck
from contacts.importing.downloading import DOWNLOADS, LEFT_OUT, WARNINGS, download_header, rows_of
from contacts.importing.fixing import fix_cell, replace_file
from contacts.importing.issues import Issues, Reason, reasons_of
from contacts.importing.opt_outs import guess as guess_opt_outs
from contacts.importing.opt_outs import has_number
from contacts.importing.recognising import move, remembered_columns, same_file, same_header
from contacts.importing.state import ImportRefusal, Overtaken, cancel
from contacts.importing.undoing import begin_undo, undo
from contacts.importing.uploading import (
    confirm,
    inspect_upload,
    local_copy,
    read_again,
    reader_options,
    store_unread,
    upload,
    upload_sheet,
)

__all__ = [
    "DOWNLOADS",
    "LEFT_OUT",
    "WARNINGS",
    "CheckedRows",
    "ImportRefusal",
    "Issues",
    "Overtaken",
    "Reason",
    "apply",
    "begin_apply",
    "begin_undo",
    "cancel",
    "check_rows",
    "confirm",
    "download_header",
    "fix_cell",
    "forecast",
    "guess_opt_outs",
    "has_number",
    "inspect_upload",
    "local_copy",
    "move",
    "read_again",
    "reader_options",
    "reasons_of",
    "recheck",
    "remembered_columns",
    "replace_file",
    "rows_of",
    "same_file",
    "same_header",
    "store_unread",
    "undo",
    "upload",
    "upload_sheet",
]
