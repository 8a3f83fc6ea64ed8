"""Importing a spreadsheet into a list: upload, confirm the columns, check every row into one bucket, apply in ranges.

A mapped cell overwrites what the contact had, even if the cell is blank; fields without a mapped column keep what they
have. The rows of a range and the progress are written in one transaction, so that a crash loses and repeats nothing.
"""

from contacts.importing.applying import apply, begin_apply
from contacts.importing.checking import CheckedRows, check_rows, forecast
from contacts.importing.state import ImportRefusal, Overtaken, cancel
from contacts.importing.uploading import confirm, inspect_upload, local_copy, reader_options, store_unread, upload

__all__ = [
    "CheckedRows",
    "ImportRefusal",
    "Overtaken",
    "apply",
    "begin_apply",
    "cancel",
    "check_rows",
    "confirm",
    "forecast",
    "inspect_upload",
    "local_copy",
    "reader_options",
    "store_unread",
    "upload",
]
