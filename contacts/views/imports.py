"""One import, step by step: upload, columns, check, import, result."""

import hashlib
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
from contacts.forms import ENCODING_WORDS, ColumnsForm, EncodingForm, UploadForm
from contacts.models import ContactList, Import
from contacts.tables import ImportTable, zoned
from contacts.views import exports

LIVE = ("uploaded", "judging", "applying")
BUCKET_WORDS = {
    "created": "created",
    "updated": "updated",
    "unchanged": "unchanged",
    "duplicate": "duplicates",
    "opted_out": "opted out",
    "invalid": "invalid",
    "blank": "blank",
}
SHOWN_ISSUES = 20
#: What htmx takes as the word to stop asking.
STOP_POLLING = 286


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
def imports(request: HttpRequest) -> HttpResponse:
    table = ImportTable(Import.objects.select_related("list", "created_by"), order_by="-created_at")
    RequestConfig(request, paginate={"per_page": 25, "silent": True}).configure(table)
    return render(request, "contacts/imports.html", {"table": table})


# -- step 1: upload -------------------------------------------------------------------------------------------------


@permission_required("contacts.add_import", raise_exception=True)
def upload(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Take a spreadsheet. A page that asks by script is told where to go as ``{"url": ...}``."""
    chosen = get_object_or_404(ContactList, pk=pk) if pk else None
    form = UploadForm(request.POST or None, request.FILES or None, initial={"list": chosen})
    if request.method == "POST" and form.is_valid():
        found = _taken(form, request)
        if found is not None:
            url = found.get_absolute_url()
            return JsonResponse({"url": url}) if _asks_by_script(request) else redirect(url)
    context = {"form": form, "chosen": chosen}
    return render(request, "contacts/upload.html", context, status=422 if form.errors else 200)


def _asks_by_script(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def _taken(form: UploadForm, request: HttpRequest) -> Import | None:
    """The stored upload; None when it cannot be read, with the reason at the field and nothing kept of it."""
    file: UploadedFile = form.cleaned_data["file"]
    is_new = form.cleaned_data["list"] is None
    contact_list = form.cleaned_data["list"] or ContactList.objects.create(
        name=form.cleaned_data["new_list"], country=settings.DEFAULT_COUNTRY
    )
    try:
        return importing.upload(contact_list, file, file.name or "", request.user)
    except sheets.SheetError as error:
        if error.code == "encoding":
            return _stored_unread(contact_list, file, request)
        if is_new:
            contact_list.delete()
        form.add_error("file", error.sentence)
        return None


def _stored_unread(contact_list: ContactList, file: UploadedFile, request: HttpRequest) -> Import:
    """A text file whose letters nobody knows yet: kept without a header until the operator has chosen."""
    digest = hashlib.sha256()
    for piece in file.chunks():
        digest.update(piece)
    file.seek(0)
    name = (file.name or "")[-255:]
    found = Import(list=contact_list, original_name=name, sha256=digest.hexdigest(), country=contact_list.country)
    found.created_by = request.user  # type: ignore[assignment]
    found.file.save(name, file, save=False)
    found.save()
    return found


# -- step 2: columns ------------------------------------------------------------------------------------------------


@permission_required("contacts.add_import", raise_exception=True)
def columns(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Import.objects.select_related("list"), pk=pk)
    if found.status != "uploaded" or found.mapping:
        return redirect(found)
    if not found.header:
        return _encoding(request, found)
    form = ColumnsForm(request.POST or None, upload=found)
    if request.method == "POST" and form.is_valid() and _is_confirmed(form, found):
        queues.enqueue_once(jobs.judge_import, found.pk)
        return redirect(found)
    context = {"form": form, "import": found, "earlier": _earlier(found)}
    return render(request, "contacts/columns.html", context, status=422 if form.errors else 200)


def _is_confirmed(form: ColumnsForm, found: Import) -> bool:
    """Whether the mapping is recorded; where not, the form says why."""
    Import.objects.filter(pk=found.pk, status="uploaded", mapping={}).update(country=form.cleaned_data["country"])
    try:
        importing.confirm(found, form.cleaned_data["mapping"])
    except (ColumnsError, importing.ImportRefusal) as error:
        form.add_error(None, error.sentence)
        return False
    return True


def _earlier(found: Import) -> str:
    """A sentence when the very same file has been imported into this list before."""
    same = Import.objects.filter(list=found.list_id, sha256=found.sha256, status="done").exclude(pk=found.pk)
    before = same.order_by("-ended_at").first() if found.sha256 else None
    if before is None:
        return ""
    return (
        f"It was imported into {found.list} as {before.original_name} on {zoned(before.ended_at)}."
        " Importing it again brings back what it says, also where contacts were changed since."
    )


def _encoding(request: HttpRequest, found: Import) -> HttpResponse:
    """Ask how the letters of a text file are written, with the first rows read in each way."""
    form = EncodingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        found.encoding = form.cleaned_data["encoding"]
        try:
            importing.inspect_upload(found)
        except sheets.SheetError as error:
            form.add_error("encoding", error.sentence)
        else:
            found.save()
            return redirect("contacts:columns", found.pk)
    context = {"form": form, "import": found, "previews": _previews(found)}
    return render(request, "contacts/encoding.html", context, status=422 if form.errors else 200)


def _previews(found: Import) -> list[dict[str, Any]]:
    previews = []
    for name in sheets.ENCODINGS:
        try:
            with importing.local_copy(found) as path:
                peeked = sheets.peek(path, found.original_name, name, rows=3)
        except sheets.SheetError:
            continue
        rows = [cells for _, cells in peeked.rows]
        previews.append({"name": name, "word": ENCODING_WORDS.get(name, name), "header": peeked.header, "rows": rows})
    return previews


# -- step 3: check, import, result ----------------------------------------------------------------------------------


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
def import_(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Import.objects.select_related("list", "created_by"), pk=pk)
    is_to_be_mapped = found.status == "uploaded" and not found.mapping
    if is_to_be_mapped and request.user.has_perm("contacts.add_import"):
        return redirect("contacts:columns", found.pk)
    return render(request, "contacts/import.html", {**_seen(found), "uploaded": zoned(found.created_at)})


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
def import_progress(request: HttpRequest, pk: int) -> HttpResponse:
    """What of the import's page changes by itself."""
    found = get_object_or_404(Import.objects.select_related("list"), pk=pk)
    context = _seen(found)
    status = 200 if context["is_live"] else STOP_POLLING
    return render(request, "contacts/_progress.html", context, status=status)


def _seen(found: Import) -> dict[str, Any]:
    is_live = found.status in LIVE and bool(found.mapping)
    issues = found.issues.all()
    return {
        "import": found,
        "is_live": is_live,
        "step": {"uploaded": 2, "judging": 2, "judged": 2}.get(found.status, 3),
        "buckets": buckets(found),
        "issues": issues[:SHOWN_ISSUES],
        "issue_count": issues.count() if not is_live else 0,
        "shown_issues": SHOWN_ISSUES,
        "earlier": _earlier(found) if found.status == "judged" else "",
        "ended": zoned(found.ended_at),
    }


def buckets(found: Import) -> list[tuple[str, int]]:
    """What became of every row read, or would if it were imported now: words and counts that add up to ``read``."""
    counts = found.forecast if found.status == "judged" else {}
    rows = [(word, counts.get(bucket, getattr(found, bucket))) for bucket, word in BUCKET_WORDS.items()]
    rows = [(word, count) for word, count in rows if count]
    if found.status != "judged" and found.waiting:
        rows.append(("not imported", found.waiting))
    return rows


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_apply(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Import, pk=pk)
    try:
        importing.begin_apply(found)
    except importing.ImportRefusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        queues.enqueue_once(jobs.apply_import, found.pk)
    return redirect(found)


@require_POST
@permission_required("contacts.add_import", raise_exception=True)
def import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Import, pk=pk)
    try:
        importing.cancel(found)
    except importing.ImportRefusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, f"The import of {found.original_name} is cancelled. No contact was changed.")
    return redirect(found)


@require_GET
@permission_required("contacts.view_import", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def import_issues(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Every row that is left out, with its number in the sheet and the reason, as a spreadsheet."""
    found = get_object_or_404(Import, pk=pk)
    issues = found.issues.order_by("row").values_list("row", "column", "value", "sentence")
    record_export(request, found, "rows left out", rows=issues.count())
    rows = ([str(row), *texts] for row, *texts in issues.iterator(2000))
    return exports.as_xlsx(f"import-{found.pk}-rows-left-out", ("row", "column", "value", "reason"), rows)
