"""Export recipients as a spreadsheet: at once, or as a job with a progress bar where there are many."""

from collections.abc import Generator, Iterator
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from campaigns import exporting, jobs, outcomes, timing
from campaigns.forms.filters import RecipientFilter
from campaigns.models import Campaign, Export
from contacts import queues
from contacts.export_log import record_export, record_rows
from contacts.timing import REFRESH_SECONDS, STOP_POLLING
from contacts.views import exports


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def export(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Download the recipients that match the filter, as ``?format=csv`` or ``xlsx``; many are left to a job."""
    campaign = get_object_or_404(Campaign, pk=pk)
    chosen = _chosen(campaign, request.GET)
    if chosen is None:
        # Never everybody where a part of them was meant. The page shows what is wrong.
        return redirect(f"{reverse('campaigns:recipients', args=[pk])}?{request.GET.urlencode()}")
    wanted, counted = chosen
    if counted > exporting.AT_ONCE:
        context = {
            "campaign": campaign,
            "count": counted,
            "format": _format(request.GET),
            "wanted": {name: value for name, value in wanted.items() if value},
            "earlier": Export.objects.filter(campaign=campaign, created_by=request.user.pk),
        }
        return render(request, "campaigns/export.html", context)
    entry = record_export(request, campaign, "recipients", wanted, rows=counted)
    lines = _recorded(exporting.lines(pk, wanted), entry, counted)
    name, header = f"campaign-{campaign.pk}-recipients", exporting.header_of(campaign)
    if _format(request.GET) == "csv":
        return exports.as_csv(name, header, lines)
    return exports.as_xlsx(name, header, lines, title=exporting.SHEET_TITLE)


def _recorded(lines: Generator[list[str], None, None], entry: Any, counted: int) -> Iterator[list[str]]:
    """``lines``; then the audit trail says how many there were if recipients changed after they were counted."""
    written = 0
    try:
        for line in lines:
            written += 1
            yield line
    finally:
        # Ends the snapshot of a download that broke off: nothing can be written in it.
        lines.close()
        if written != counted:
            record_rows(entry, counted, written)


@require_POST
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def export_begin(request: HttpRequest, pk: int) -> HttpResponse:
    """Have a job make the file."""
    campaign = get_object_or_404(Campaign, pk=pk)
    chosen = _chosen(campaign, request.POST)
    if chosen is None:
        raise Http404
    wanted, counted = chosen
    made = Export.objects.create(
        campaign=campaign,
        created_by=request.user,  # type: ignore[misc]
        filter=wanted,
        format=_format(request.POST),
        total=counted,
        name=f"campaign-{campaign.pk}-recipients",
        created_at=timezone.now(),
    )
    queues.enqueue_once(jobs.write_export, made.pk)
    return redirect("campaigns:export_page", made.pk)


@require_GET
@permission_required("contacts.export_numbers", raise_exception=True)
def export_page(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "campaigns/export.html", _state(_own(request, pk)))


@require_GET
@permission_required("contacts.export_numbers", raise_exception=True)
def export_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the page that refreshes itself; 286 stops polling."""
    row = _own(request, pk)
    status = 200 if row.status == Export.Status.RUNNING else STOP_POLLING
    return HttpResponse(render_to_string("campaigns/_export.html", _state(row), request), status=status)


@require_GET
@permission_required("contacts.export_numbers", raise_exception=True)
def export_download(request: HttpRequest, pk: int) -> HttpResponseBase:
    row = _own(request, pk)
    if row.status != Export.Status.DONE:
        raise Http404
    record_export(request, row.campaign, "recipients", row.filter, rows=row.rows)
    return FileResponse(row.file.open(), as_attachment=True, filename=f"{row.name}.{row.format}")


def _own(request: HttpRequest, pk: int) -> Export:
    """An export that this person asked for."""
    return get_object_or_404(Export.objects.select_related("campaign"), pk=pk, created_by=request.user.pk)


def _state(row: Export) -> dict[str, Any]:
    return {
        "export": row,
        "campaign": row.campaign,
        "written": exporting.progress(row),
        "kept_until": (row.created_at + timing.EXPORT_KEPT_FOR),
        "refresh_seconds": REFRESH_SECONDS,
    }


def _chosen(campaign: Campaign, data: Any) -> tuple[dict[str, Any], int] | None:
    """The filter that ``data`` asks for, and how many recipients match it; None if there is no such filter."""
    batches = list(campaign.batches.all())
    form = RecipientFilter(data, batch_numbers=sorted({batch.number for batch in batches}))
    if not form.is_valid():
        return None
    return form.cleaned_data, outcomes.filtered(campaign, batches, form.cleaned_data).count()


def _format(data: Any) -> str:
    return "csv" if data.get("format") == "csv" else "xlsx"
