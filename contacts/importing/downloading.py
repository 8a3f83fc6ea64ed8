"""The rows of one bucket of an import, read again from the uploaded file in the operator's own columns and formats."""

from collections.abc import Iterator
from itertools import islice

from contacts.columns import REASON_HEADING
from contacts.importing import opt_outs
from contacts.importing.checking import corrections_of
from contacts.importing.chunks import ChunkChecker
from contacts.importing.merging import buckets_of
from contacts.importing.rows import RowChecker, corrected
from contacts.importing.uploading import open_upload
from contacts.models import BUCKETS, Import, ImportIssue, ImportRow, UndoOutcome
from contacts.sheets import Row

#: The rows that are not imported for a reason: the buckets ``invalid`` and ``duplicate`` together.
LEFT_OUT = "left_out"
#: Rows that are imported or left out with something to look at.
WARNINGS = "warnings"
#: What can be downloaded: a bucket, rows left out, warnings, or what an undo did with the rows.
DOWNLOADS = (*BUCKETS, LEFT_OUT, WARNINGS, *UndoOutcome.values)

_REASONS = {
    "created": "New contact",
    "updated": "Existing contact with other values",
    "unchanged": "Existing contact with the same values",
    "opted_out": "Opted out: the contact is updated, but no campaign texts it",
    "added": "Opted out",
    "already": "Already opted out",
    "blank": "Blank row",
    **dict(UndoOutcome.choices),
}
_CHUNK = 2_000


def download_header(import_: Import) -> list[str]:
    """The headings of the sheet, and the one of the reason."""
    return [*import_.header, REASON_HEADING]


def rows_of(import_: Import, wanted: str) -> Iterator[list[str]]:
    """The rows of the file that are in ``wanted``, one of DOWNLOADS, each with its reason in the last column.

    Cells that a person corrected are the corrected ones. Before the import is applied, the bucket of a good row is what
    it would be now. A row that is wider than the header keeps its reason under the heading: its surplus cells are left
    out. Raises SheetError.
    """
    width = len(import_.header)
    corrections = corrections_of(import_)
    checker = None if import_.is_of_opt_outs else ChunkChecker(RowChecker.of(import_))
    with open_upload(import_) as sheet:
        rows = opt_outs.rows_of(import_, sheet)
        while chunk := list(islice(rows, _CHUNK)):
            as_checked = [corrected(row, corrections.get(row.number, {})) for row in chunk]
            reasons = _reasons(import_, wanted, as_checked, checker)
            for row in as_checked:
                if row.number in reasons:
                    yield [*(row.cells + [""] * width)[:width], reasons[row.number]]


def _reasons(import_: Import, wanted: str, chunk: list[Row], checker: ChunkChecker | None) -> dict[int, str]:
    """The reason of each row of the chunk that is in ``wanted``, by row number. ``checker``: None for opt-outs."""
    numbers = [row.number for row in chunk]
    if wanted in (LEFT_OUT, WARNINGS, "invalid", "duplicate"):
        issues = ImportIssue.objects.filter(import_of=import_.pk, row__in=numbers, is_warning=wanted == WARNINGS)
        if wanted == "duplicate":
            issues = issues.filter(code="duplicate")
        elif wanted == "invalid":
            issues = issues.exclude(code="duplicate")
        return dict(issues.values_list("row", "sentence"))
    if wanted == "blank":
        return {row.number: _REASONS["blank"] for row in chunk if not row.cells and not row.problems}
    if checker is None:
        return _reasons_of_opt_outs(import_, wanted, numbers)
    # Rows of contacts are found by their msisdns: the table has no index on row numbers, which would cost too much.
    msisdns = [msisdn for msisdn, *_ in checker.check(chunk).good]
    if import_.status == Import.Status.CHECKED:
        found = [row for row, bucket in buckets_of(import_, msisdns).items() if bucket == wanted]
    else:
        is_wanted = {"undone_as": wanted} if wanted in UndoOutcome.values else {"bucket": wanted}
        staged = ImportRow.objects.filter(import_of=import_.pk, msisdn__in=msisdns, **is_wanted)
        found = list(staged.values_list("row", flat=True))
    return dict.fromkeys({*found}.intersection(numbers), _REASONS[wanted])


def _reasons_of_opt_outs(import_: Import, wanted: str, numbers: list[int]) -> dict[int, str]:
    repeated = {}
    if wanted == "already":
        # A row of opt-outs whose numbers an earlier row has is not staged.
        issues = ImportIssue.objects.filter(import_of=import_.pk, row__in=numbers, is_warning=True, code="duplicate")
        repeated = dict(issues.values_list("row", "sentence"))
    if import_.status == Import.Status.CHECKED:
        found = [row for row, bucket in opt_outs.buckets_of(import_, numbers).items() if bucket == wanted]
    else:
        staged = opt_outs.staged(import_).filter(row__in=numbers, bucket=wanted)
        found = list(staged.values_list("row", flat=True))
    return dict.fromkeys(found, _REASONS[wanted]) | repeated
