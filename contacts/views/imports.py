"""The pages of an import, step by step: upload, columns, check, import, result."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST
from django_tables2 import RequestConfig

from contacts import importing, jobs, queues, sheets
from contacts.columns import ColumnsError
from contacts.export_log import record_export
from contacts.forms import ENCODING_LABELS, ColumnsForm, EncodingForm, UploadForm
from contacts.models import TO_CHECK, ContactList, Import
from contacts.tables import ImportTable, zoned
from contacts.timing import REFRESH_SECONDS, STOP_POLLING
from contacts.views import exports

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
def imports(request: HttpRequest) -> HttpResponse:
    table = ImportTable(Import.objects.select_related("list", "created_by"), order_by="-created_at")
    RequestConfig(request, paginate={"per_page": 25, "silent": True}).configure(table)
    return render(request, "contacts/imports.html", {"table": table})


# -- step 1: upload -------------------------------------------------------------------------------------------------


@permission_required("contacts.add_import", raise_exception=True)
def upload(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Take a spreadsheet. A script gets the page to go to as ``{"url": ...}``, a browser a redirect."""
    chosen = get_object_or_404(ContactList, pk=pk) if pk else None
    form = UploadForm(request.POST or None, request.FILES or None, initial={"list": chosen})
    if request.method == "POST" and form.is_valid():
        import_ = _upload(form, request)
        if import_ is not None:
            url = import_.get_absolute_url()
            return JsonResponse({"url": url}) if _is_script(request) else redirect(url)
    context = {"form": form, "chosen": chosen}
    return render(request, "contacts/upload.html", context, status=422 if form.errors else 200)


def _is_script(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def _upload(form: UploadForm, request: HttpRequest) -> Import | None:
    """The stored upload, or None if it cannot be read: then the field has the reason and nothing is kept."""
    file: UploadedFile = form.cleaned_data["file"]
    is_new = form.cleaned_data["list"] is None
    contact_list = form.cleaned_data["list"] or ContactList.objects.create(
        name=form.cleaned_data["new_list"], country=settings.DEFAULT_COUNTRY
    )
    try:
        return importing.upload(contact_list, file, file.name or "", request.user)
    except sheets.SheetError as error:
        if error.code == "encoding":
            return importing.store_unread(contact_list, file, file.name or "", request.user)
        if is_new:
            contact_list.delete()
        form.add_error("file", error.sentence)
        return None


# -- step 2: columns ------------------------------------------------------------------------------------------------


@permission_required("contacts.add_import", raise_exception=True)
def columns(request: HttpRequest, pk: int) -> HttpResponse:
    import_ = get_object_or_404(Import.objects.select_related("list"), pk=pk)
    if not _needs_mapping(import_):
        return redirect(import_)
    if not import_.header:
        return _encoding(request, import_)
    form = ColumnsForm(request.POST or None, upload=import_)
    if request.method == "POST" and form.is_valid() and _is_confirmed(form, import_):
        queues.enqueue_once(jobs.check_import, import_.pk)
        return redirect(import_)
    context = {"form": form, "import": import_, "earlier": _earlier(import_)}
    return render(request, "contacts/columns.html", context, status=422 if form.errors else 200)


def _needs_mapping(import_: Import) -> bool:
    return import_.status == Import.Status.UPLOADED and not import_.mapping


def _is_confirmed(form: ColumnsForm, import_: Import) -> bool:
    """Record the mapping; return whether that worked. If not, the form has the reason."""
    country = form.cleaned_data["country"]
    Import.objects.filter(pk=import_.pk, status=Import.Status.UPLOADED, mapping={}).update(country=country)
    try:
        importing.confirm(import_, form.cleaned_data["mapping"])
    except (ColumnsError, importing.ImportRefusal) as error:
        form.add_error(None, error.sentence)
        return False
    return True


def _earlier(import_: Import) -> str:
    """A sentence if the same file has been imported into this list before, else ""."""
    same = Import.objects.filter(list=import_.list_id, sha256=import_.sha256, status=Import.Status.DONE)
    before = same.exclude(pk=import_.pk).order_by("-ended_at").first() if import_.sha256 else None
    if before is None:
        return ""
    return (
        f"It was imported into {import_.list} as {before.original_name} on {zoned(before.ended_at)}."
        " Importing again overwrites later edits."
    )


def _encoding(request: HttpRequest, import_: Import) -> HttpResponse:
    """Ask for the encoding of a text file, with the first rows read in each one."""
    form = EncodingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        import_.encoding = form.cleaned_data["encoding"]
        try:
            importing.inspect_upload(import_)
        except sheets.SheetError as error:
            form.add_error("encoding", error.sentence)
        else:
            import_.save()
            return redirect("contacts:columns", import_.pk)
    previews = _previews(import_)
    chosen = form["encoding"].value() or (previews[0]["name"] if previews else "")
    context = {"form": form, "import": import_, "previews": previews, "chosen": chosen}
    return render(request, "contacts/encoding.html", context, status=422 if form.errors else 200)


def _previews(import_: Import) -> list[dict[str, Any]]:
    """How the file looks in each encoding that it can have, the most plausible first."""
    try:
        with importing.local_copy(import_) as path:
            offers = sheets.offers(path, import_.original_name)
    except sheets.SheetError:
        return []
    return [
        {
            "name": offer.encoding,
            "label": ENCODING_LABELS.get(offer.encoding, offer.encoding),
            "header": offer.header,
            "rows": offer.rows,
        }
        for offer in offers
    ]


# -- step 3: check, import, result ----------------------------------------------------------------------------------


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    import_ = get_object_or_404(Import.objects.select_related("list", "created_by"), pk=pk)
    if _needs_mapping(import_) and request.user.has_perm("contacts.add_import"):
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
    stage = "unmapped" if _needs_mapping(import_) else import_.status
    is_live = import_.status in LIVE and bool(import_.mapping)
    issues = import_.issues.all()
    return {
        "import": import_,
        "stage": f"contacts/_import_{stage}.html",
        "step": 2 if import_.status in (*TO_CHECK, Import.Status.CHECKED) else 3,
        "is_live": is_live,
        "refresh_seconds": REFRESH_SECONDS,
        "buckets": buckets(import_),
        "has_opted_out": bool(import_.opted_out or import_.forecast.get("opted_out")),
        "issues": issues[:SHOWN_ISSUES],
        "issue_count": issues.count() if not is_live else 0,
        "shown_issues": SHOWN_ISSUES,
        "earlier": _earlier(import_) if import_.status == Import.Status.CHECKED else "",
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
    issues = import_.issues.order_by("row").values_list("row", "column", "value", "sentence")
    record_export(request, import_, "rows left out", rows=issues.count())
    rows = ([str(row), *texts] for row, *texts in issues.iterator(2000))
    return exports.as_xlsx(f"import-{import_.pk}-rows-left-out", ("row", "column", "value", "reason"), rows)
