"""Export recipients as a spreadsheet: text cells, never formulas."""

from collections.abc import Generator, Iterator, Sequence

from auditlog.models import LogEntry
from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from campaigns import outcomes
from campaigns.forms.filters import RecipientFilter
from campaigns.models import Batch, Campaign, Recipient
from campaigns.tables import OUTCOME_WORDS, shown_fields
from contacts.export_log import correct_rows, record_export
from contacts.fields import FIELD_LABELS, FROZEN_FIELDS
from contacts.snapshots import snapshot
from contacts.views import exports

CHUNK = 2000


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def export(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Download the recipients that match the filter, as ``?format=csv`` or ``xlsx``."""
    campaign = get_object_or_404(Campaign, pk=pk)
    batches = list(campaign.batches.all())
    form = RecipientFilter(request.GET, batch_numbers=sorted({batch.number for batch in batches}))
    rows = outcomes.filtered(campaign, batches, form.cleaned_data if form.is_valid() else {})
    counted = rows.count()
    entry = record_export(request, campaign, "recipients", form.cleaned_data if form.is_valid() else {}, rows=counted)
    shown = shown_fields(campaign.value_labels())
    others = {field: FIELD_LABELS[field] for field in FROZEN_FIELDS if field not in shown}
    header = ("Number", *shown.values(), "Outcome", "Why", "File", *others.values())
    name = f"campaign-{campaign.pk}-recipients"
    lines = _recorded(_lines(pk, form, tuple(shown), tuple(others)), entry, counted)
    if request.GET.get("format") == "csv":
        return exports.as_csv(name, header, lines)
    return exports.as_xlsx(name, header, lines, title="Recipients")


def _recorded(lines: Generator[list[str], None, None], entry: LogEntry, counted: int) -> Iterator[list[str]]:
    """``lines``; then the entry says how many there were, because recipients may change after they are counted."""
    written = 0
    try:
        for line in lines:
            written += 1
            yield line
    finally:
        # Ends the snapshot of a download that broke off: nothing can be written in it.
        lines.close()
        if written != counted:
            correct_rows(entry, written)


def _lines(
    pk: int, form: RecipientFilter, shown: tuple[str, ...], others: tuple[str, ...]
) -> Generator[list[str], None, None]:
    """Every line of the file, from one snapshot: no line shows a recipient before, and another after, a rebuild.

    ``shown``: the fields before the outcome; ``others``: those after the file.
    """
    with snapshot():
        campaign = Campaign.objects.get(pk=pk)
        batches = list(campaign.batches.all())
        rows = outcomes.filtered(campaign, batches, form.cleaned_data if form.is_valid() else {}).order_by("pk")
        yield from _lines_of(campaign, batches, rows, shown, others)


def _lines_of(
    campaign: Campaign,
    batches: Sequence[Batch],
    rows: QuerySet[Recipient],
    shown: tuple[str, ...],
    others: tuple[str, ...],
) -> Iterator[list[str]]:
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        last = chunk[-1].pk
        for row in outcomes.add_outcomes(campaign, batches, chunk):
            yield [
                row.msisdn,
                *(getattr(row, field) for field in shown),
                OUTCOME_WORDS[row.outcome],  # type: ignore[attr-defined]
                row.detail,  # type: ignore[attr-defined]
                str(row.batch_number or ""),
                *(getattr(row, field) for field in others),
            ]
