"""The page of an import whose columns are confirmed: check, corrections, import, result, undo."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from contacts import countries, importing, jobs, queues, sheets
from contacts.export_log import record_export
from contacts.forms import CorrectedFileForm
from contacts.ids import as_id
from contacts.importing import ImportRefusal
from contacts.models import CHANGING_CONTACTS, TO_CHECK, Import
from contacts.pace import pace
from contacts.tables import zoned
from contacts.timing import REFRESH_SECONDS, STOP_POLLING
from contacts.views import check_page, exports
from contacts.views.imports import earlier_import, needs_mapping

#: What a cancelled import did, of contacts and of opt-outs.
UNCHANGED = ("No contacts were changed.", "Nobody was opted out.")
#: Statuses in which a worker is working on the import or is about to, so that its page refreshes.
LIVE = (*TO_CHECK, *CHANGING_CONTACTS)


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    import_ = get_object_or_404(Import.objects.select_related("list", "created_by"), pk=pk)
    if needs_mapping(import_) and request.user.has_perm("contacts.add_import"):
        return redirect("contacts:columns", import_.pk)
    context = {**_progress(import_, request), "uploaded": zoned(import_.created_at)}
    return render(request, "contacts/import.html", context)


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
def import_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the import's page that refreshes."""
    import_ = get_object_or_404(Import.objects.select_related("list"), pk=pk)
    context = _progress(import_, request)
    status = 200 if context["is_live"] else STOP_POLLING
    return render(request, "contacts/_progress.html", context, status=status)


def _progress(import_: Import, request: HttpRequest) -> dict[str, Any]:
    stage = "unmapped" if needs_mapping(import_) else import_.status
    is_live = import_.status in LIVE and bool(import_.mapping)
    context = {
        "import": import_,
        "stage": f"contacts/_import_{stage}.html",
        "step": 2 if import_.status in (*TO_CHECK, Import.Status.CHECKED) else 3,
        "is_live": is_live,
        "refresh_seconds": REFRESH_SECONDS,
        "pace": pace(import_.progress, import_.total, import_.started_at, timezone.now()),
    }
    return context if is_live else {**context, **_settled(import_, request)}


def _settled(import_: Import, request: HttpRequest) -> dict[str, Any]:
    """What the page shows besides when no worker is busy with the import."""
    issues = check_page.issues(import_, request.GET)
    is_checked = import_.status == Import.Status.CHECKED
    return {
        **issues,
        "buckets": check_page.buckets(import_),
        "left_out": check_page.left_out(import_),
        "rows_of_the_file": import_.read + sum(import_.left_out.values()),
        "downloads": check_page.downloads(import_),
        "has_opted_out": bool(import_.opted_out or import_.forecast.get("opted_out")),
        "switches": check_page.switches(import_, issues["reasons"]) if is_checked else [],
        "earlier": earlier_import(import_) if is_checked else "",
        "ended": zoned(import_.ended_at),
        "undone_rows": check_page.undone_rows(import_),
        "undo_words": check_page.undo_words(import_),
        "undo_outcomes": check_page.undo_outcomes(import_),
        "undone": zoned(import_.undone_at),
        "is_list_empty": check_page.is_list_empty(import_),
        "numbers": import_.rows.count() if import_.is_of_opt_outs else 0,
    }


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_apply(request: HttpRequest, pk: int) -> HttpResponse:
    _refuse_opt_outs(request, pk)
    if _operation(request, pk, importing.begin_apply):
        queues.enqueue_once(jobs.apply_import, pk)
    return redirect("contacts:import", pk)


def _refuse_opt_outs(request: HttpRequest, pk: int) -> None:
    """Raises PermissionDenied for an import of opt-outs and a person who may not record any."""
    of_opt_outs = Import.objects.filter(pk=pk, purpose=Import.Purpose.OPT_OUTS)
    if of_opt_outs.exists() and not request.user.has_perm("contacts.add_suppression"):
        raise PermissionDenied


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_sheet(request: HttpRequest, pk: int) -> HttpResponse:
    """Read another sheet of the same workbook, as an import of its own."""
    import_ = get_object_or_404(Import.objects.select_related("list"), pk=pk)
    title = request.POST.get("sheet", "")
    if title not in dict(import_.other_sheets()):
        raise Http404
    try:
        return redirect(importing.upload_sheet(import_, title, request.user))
    except sheets.SheetError as error:
        messages.error(request, error.sentence)
        return redirect(import_)


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    import_ = _operation(request, pk, importing.cancel)
    if import_:
        messages.success(
            request, f"The import of {import_.original_name} was cancelled. {UNCHANGED[import_.is_of_opt_outs]}"
        )
    return redirect("contacts:import", pk)


def _operation(request: HttpRequest, pk: int, operation: Callable[[Import], object]) -> Import | None:
    """The import after ``operation``, or None where it was refused; the person reads why."""
    import_ = get_object_or_404(Import.objects.select_related("list"), pk=pk)
    try:
        operation(import_)
    except ImportRefusal as refusal:
        messages.error(request, refusal.sentence)
        return None
    return import_


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_recheck(request: HttpRequest, pk: int) -> HttpResponse:
    """Turn one switch, ``fixed_lines``, ``hidden_rows`` or a ``country``, and check every row again."""
    import_ = get_object_or_404(Import, pk=pk)
    switches: dict[str, Any] = {}
    if "fixed_lines" in request.POST:
        switches["takes_fixed_lines"] = not import_.takes_fixed_lines
    if "hidden_rows" in request.POST:
        switches["takes_hidden_rows"] = not import_.takes_hidden_rows
    country = request.POST.get("country", "")
    if country in countries.names():
        switches["takes_countries"] = sorted({*import_.takes_countries} ^ {country})
    if _operation(request, pk, lambda row: importing.recheck(row, **switches)):
        queues.enqueue_once(jobs.check_import, pk)
    return redirect("contacts:import", pk)


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_fix(request: HttpRequest, pk: int) -> HttpResponse:
    """Correct the cell at fault in one row; the page then shows the same rows as before."""
    row, text = as_id(request.POST.get("row")), request.POST.get("text", "")
    if row is None:
        raise Http404
    fixed = _operation(request, pk, lambda import_: _fix(request, import_, row, text.strip()))
    kept = {name: request.POST[name] for name in ("reason", "page", "at") if request.POST.get(name)}
    # Without a fragment, which would keep the browser from focusing the next field.
    where = f"?{urlencode(kept)}" if fixed else ""
    return redirect(f"{Import(pk=pk).get_absolute_url()}{where}")


def _fix(request: HttpRequest, import_: Import, row: int, text: str) -> None:
    issue = importing.fix_cell(import_, row, text, request.user)
    if issue is None:
        done = "its numbers will be opted out" if import_.is_of_opt_outs else "will be imported"
        messages.success(request, f"Row {row:,} was corrected and {done}.")
    else:
        messages.warning(request, f"Row {row:,} is still left out. {issue.sentence}")


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_replace(request: HttpRequest, pk: int) -> HttpResponse:
    """Upload a corrected file over this import."""
    import_ = get_object_or_404(Import.objects.select_related("list"), pk=pk)
    form = CorrectedFileForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["file"])))
        return redirect(import_)
    file = form.cleaned_data["file"]
    try:
        new = importing.replace_file(import_, file, file.name or "", request.user)
    except (ImportRefusal, sheets.SheetError) as refusal:
        messages.error(request, refusal.sentence)
        return redirect(import_)
    if not new.mapping:
        messages.warning(request, "The headings of this file differ from those of the first. Confirm its columns.")
        return redirect("contacts:columns", new.pk)
    import_.refresh_from_db()
    if import_.status == Import.Status.CHECKED:
        messages.info(
            request,
            f"This file holds rows that were left out of {import_.original_name}, so it is an import of its own."
            f" {import_.original_name} still waits to be imported.",
        )
    queues.enqueue_once(jobs.check_import, new.pk)
    return redirect(new)


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_undo(request: HttpRequest, pk: int) -> HttpResponse:
    if _operation(request, pk, lambda import_: importing.begin_undo(import_, request.user)):
        queues.enqueue_once(jobs.undo_import, pk)
    return redirect("contacts:import", pk)


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def import_rows(request: HttpRequest, pk: int, which: str) -> HttpResponseBase:
    """The rows of one bucket as a spreadsheet in the operator's own columns, with the reason of each."""
    import_ = get_object_or_404(Import.objects.select_related("list"), pk=pk)
    if which not in importing.DOWNLOADS:
        raise Http404
    words = f"rows {which.replace('_', ' ')}"
    record_export(request, import_, words, rows=check_page.download_size(import_, which))
    name = f"import-{import_.pk}-{words.replace(' ', '-')}"
    # A title that the sheet of another program may have, and a workbook may not.
    title = re.sub(r"[\\*?:/\[\]]", " ", import_.sheet)[:31].strip() or "Sheet"
    try:
        return exports.as_xlsx(name, importing.download_header(import_), importing.rows_of(import_, which), title)
    except sheets.SheetError as error:
        messages.error(request, error.sentence)
        return redirect(import_)
