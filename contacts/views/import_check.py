"""The page of an import whose columns are confirmed: check, import, result."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from contacts import importing, jobs, queues
from contacts.export_log import record_export
from contacts.models import TO_CHECK, Import
from contacts.pace import pace
from contacts.tables import zoned
from contacts.timing import REFRESH_SECONDS, STOP_POLLING
from contacts.views import exports
from contacts.views.imports import earlier_import, needs_mapping

#: Statuses in which a worker is working on the import or is about to, so that its page refreshes.
LIVE = (*TO_CHECK, Import.Status.APPLYING)
BUCKET_LABELS = {
    "created": "created",
    "updated": "updated",
    "unchanged": "unchanged",
    "duplicate": "duplicate",
    "opted_out": "opted out",
    "invalid": "invalid",
    "blank": "blank",
}
SHOWN_ISSUES = 20


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    import_ = get_object_or_404(Import.objects.select_related("list", "created_by"), pk=pk)
    if needs_mapping(import_) and request.user.has_perm("contacts.add_import"):
        return redirect("contacts:columns", import_.pk)
    context = {**_progress(import_), "uploaded": zoned(import_.created_at)}
    return render(request, "contacts/import.html", context)


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
def import_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the import's page that refreshes."""
    import_ = get_object_or_404(Import.objects.select_related("list"), pk=pk)
    context = _progress(import_)
    status = 200 if context["is_live"] else STOP_POLLING
    return render(request, "contacts/_progress.html", context, status=status)


def _progress(import_: Import) -> dict[str, Any]:
    stage = "unmapped" if needs_mapping(import_) else import_.status
    is_live = import_.status in LIVE and bool(import_.mapping)
    issues = import_.issues.filter(is_warning=False)
    return {
        "import": import_,
        "stage": f"contacts/_import_{stage}.html",
        "step": 2 if import_.status in (*TO_CHECK, Import.Status.CHECKED) else 3,
        "is_live": is_live,
        "refresh_seconds": REFRESH_SECONDS,
        "pace": pace(import_.progress, import_.total, import_.started_at, timezone.now()),
        "buckets": buckets(import_),
        "has_opted_out": bool(import_.opted_out or import_.forecast.get("opted_out")),
        "issues": issues[:SHOWN_ISSUES],
        "issue_count": issues.count() if not is_live else 0,
        "shown_issues": SHOWN_ISSUES,
        "earlier": earlier_import(import_) if import_.status == Import.Status.CHECKED else "",
        "ended": zoned(import_.ended_at),
    }


def buckets(import_: Import) -> list[tuple[str, int]]:
    """Labels and counts that add up to ``read``: the result, or before applying what it would be now."""
    is_forecast = import_.status == Import.Status.CHECKED
    counts = import_.forecast if is_forecast else {}
    rows = [(label, counts.get(bucket, getattr(import_, bucket))) for bucket, label in BUCKET_LABELS.items()]
    rows = [(label, count) for label, count in rows if count]
    if not is_forecast and import_.waiting:
        rows.append(("not imported", import_.waiting))
    return rows


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_apply(request: HttpRequest, pk: int) -> HttpResponse:
    import_ = get_object_or_404(Import, pk=pk)
    try:
        importing.begin_apply(import_)
    except importing.ImportRefusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        queues.enqueue_once(jobs.apply_import, import_.pk)
    return redirect(import_)


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    import_ = get_object_or_404(Import, pk=pk)
    try:
        importing.cancel(import_)
    except importing.ImportRefusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, f"The import of {import_.original_name} was cancelled. No contacts were changed.")
    return redirect(import_)


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def import_issues(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Every row that was left out, with its number in the sheet and the reason, as a spreadsheet."""
    import_ = get_object_or_404(Import, pk=pk)
    issues = import_.issues.filter(is_warning=False).order_by("row").values_list("row", "column", "value", "sentence")
    record_export(request, import_, "rows left out", rows=issues.count())
    rows = ([str(row), *texts] for row, *texts in issues.iterator(2000))
    return exports.as_xlsx(f"import-{import_.pk}-rows-left-out", ("row", "column", "value", "reason"), rows)
