"""The first steps of an import: upload and columns. The rest is in import_check."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from contacts import importing, jobs, queues, sheets
from contacts.columns import ColumnsError
from contacts.forms import ENCODING_LABELS, ColumnsForm, EncodingForm, UploadForm
from contacts.models import ContactList, Import
from contacts.tables import ImportTable, zoned
from contacts.views.uploads import is_script


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
            return JsonResponse({"url": url}) if is_script(request) else redirect(url)
    context = {"form": form, "chosen": chosen}
    return render(request, "contacts/upload.html", context, status=422 if form.errors else 200)


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
    if not needs_mapping(import_):
        return redirect(import_)
    if not import_.header:
        return _encoding(request, import_)
    form = ColumnsForm(request.POST or None, upload=import_)
    if request.method == "POST" and form.is_valid() and _is_confirmed(form, import_):
        queues.enqueue_once(jobs.check_import, import_.pk)
        return redirect(import_)
    context = {"form": form, "import": import_, "earlier": earlier_import(import_)}
    return render(request, "contacts/columns.html", context, status=422 if form.errors else 200)


def needs_mapping(import_: Import) -> bool:
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


def earlier_import(import_: Import) -> str:
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
    previews = []
    for name in sheets.ENCODINGS:
        try:
            with importing.local_copy(import_) as path:
                peeked = sheets.peek(path, import_.original_name, sheets.Options(encoding=name), rows=3)
        except sheets.SheetError:
            continue
        rows = [row.cells for row in peeked.rows]
        label = ENCODING_LABELS.get(name, name)
        previews.append({"name": name, "label": label, "header": peeked.layout.header, "rows": rows})
    return previews
