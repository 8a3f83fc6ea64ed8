"""Export recipients as a spreadsheet: text cells, never formulas."""

import csv
from collections.abc import Iterator
from tempfile import TemporaryFile

from django.contrib.auth.decorators import permission_required
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from campaigns.forms import RecipientFilter
from campaigns.models import Batch, Campaign, Recipient
from campaigns.tables import OUTCOME_WORDS
from campaigns.views import recipients
from contacts.export_log import record_export

HEADER = ["Number", "Name", "Customer ID", "Outcome", "Why", "File", *(f"Value {n}" for n in range(1, 7)), "Own text"]
CHUNK = 2000
#: Rows that a sheet of a workbook can hold, including its header.
SHEET_ROWS = 1_048_576


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def export(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Stream the recipients that match the filter, as ``?format=csv`` or ``xlsx``."""
    campaign = get_object_or_404(Campaign, pk=pk)
    batches = list(campaign.batches.all())
    form = RecipientFilter(request.GET, batch_numbers=sorted({batch.number for batch in batches}))
    rows = recipients.filtered(campaign, batches, form).order_by("pk")
    count = rows.count()
    name = f"campaign-{campaign.pk}-recipients"
    is_sheet = request.GET.get("format", "xlsx") != "csv"
    if is_sheet and count >= SHEET_ROWS:
        raise BadRequest("A sheet holds at most 1,048,575 rows. Export as CSV, or filter first.")
    record_export(request, campaign, "recipients", form.cleaned_data if form.is_valid() else {}, rows=count)
    if not is_sheet:
        response = StreamingHttpResponse(_csv(_lines(campaign, batches, rows)), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return response
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("Recipients")
    for line in _lines(campaign, batches, rows):
        cells = []
        for value in line:
            cell = WriteOnlyCell(sheet, value="")
            cell.value = value
            # Text that starts with an equals sign stays text.
            cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    file = TemporaryFile()  # noqa: SIM115 - the response closes it when it has been streamed
    workbook.save(file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename=f"{name}.xlsx")


def _lines(campaign: Campaign, batches: list[Batch], rows: QuerySet[Recipient]) -> Iterator[list[str]]:
    yield HEADER
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        last = chunk[-1].pk
        for row in recipients.add_outcomes(campaign, batches, chunk):
            yield [
                row.msisdn,
                row.name,
                row.customer_id,
                OUTCOME_WORDS[row.outcome],  # type: ignore[attr-defined]
                row.detail,  # type: ignore[attr-defined]
                str(row.batch_number or ""),
                *row.values().values(),
                row.message,
            ]


class _Echo:
    """A file whose write returns the line, so that a response can stream it."""

    def write(self, line: str) -> str:
        return line


def _csv(lines: Iterator[list[str]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield "\ufeff"
    for line in lines:
        # A spreadsheet would take a cell that starts like this for a formula.
        yield writer.writerow([f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in line])
