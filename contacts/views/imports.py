"""The first steps of an import: upload and columns. The rest is in import_check."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from contacts import importing, jobs, queues, sheets
from contacts.columns import ColumnsError
from contacts.columns_form import ColumnsForm
from contacts.forms import ENCODING_LABELS, EncodingForm, UploadForm
from contacts.models import ContactList, Import
from contacts.tables import ImportTable, date_and_time, zoned
from contacts.views.uploads import is_script

#: The key of the session under which the page waits that asked for an upload: ``{"import": pk, "url": path}``.
NEXT = "import_next"


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
    next_url = _local_url(request)
    form = UploadForm(request.POST or None, request.FILES or None, initial={"list": chosen})
    if request.method == "POST" and form.is_valid():
        import_ = _upload(form, request)
        if import_ is not None:
            if next_url:
                request.session[NEXT] = {"import": import_.pk, "url": next_url}
            url = import_.get_absolute_url()
            return JsonResponse({"url": url}) if is_script(request) else redirect(url)
    context = {"form": form, "chosen": chosen, "next_url": next_url}
    return render(request, "contacts/upload.html", context, status=422 if form.errors else 200)


def _local_url(request: HttpRequest) -> str:
    """The path to go to once the list is imported: the parameter ``next`` if it is an address of Baton, else ""."""
    url = request.POST.get("next") or request.GET.get("next", "")
    is_local = url.startswith("/") and url_has_allowed_host_and_scheme(url, allowed_hosts=None)
    return urlsplit(url).path if is_local else ""


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
    alike = importing.same_header(import_)
    form = ColumnsForm(request.POST or None, upload=import_)
    if request.method == "POST":
        if request.POST.get("do") == "move" and alike:
            return _move(request, import_, alike.contact_list)
        options = form.chosen_options()
        if request.POST.get("do") == "read" or options != importing.reader_options(import_):
            if _is_read_again(form, import_, options):
                return redirect("contacts:columns", import_.pk)
        elif form.is_valid() and _is_confirmed(form, import_):
            queues.enqueue_once(jobs.check_import, import_.pk)
            return redirect(import_)
    context = {
        "form": form,
        "import": import_,
        "earlier": earlier_import(import_),
        "alike": alike,
        "alike_ended": zoned(alike.ended_at) if alike else "",
    }
    return render(request, "contacts/columns.html", context, status=422 if form.errors else 200)


def _move(request: HttpRequest, import_: Import, contact_list: ContactList) -> HttpResponse:
    before = str(import_.list)
    try:
        is_deleted = importing.move(import_, contact_list)
    except importing.ImportRefusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect(import_)
    deleted = f" The new list {before} was not needed and is deleted." if is_deleted else ""
    messages.success(request, f"{import_.original_name} goes into {contact_list}.{deleted}")
    return redirect("contacts:columns", import_.pk)


def _is_read_again(form: ColumnsForm, import_: Import, options: sheets.Options) -> bool:
    """Read the sheet in another way; return whether that worked. If not, the form has the reason."""
    form.errors.clear()
    if country := form.cleaned_data.get("country"):
        _record_country(import_, country)
    try:
        importing.read_again(import_, options)
    except (sheets.SheetError, importing.ImportRefusal) as error:
        form.add_error(None, error.sentence)
        return False
    return True


def needs_mapping(import_: Import) -> bool:
    return import_.status == Import.Status.UPLOADED and not import_.mapping


def _is_confirmed(form: ColumnsForm, import_: Import) -> bool:
    """Record the mapping; return whether that worked. If not, the form has the reason."""
    _record_country(import_, form.cleaned_data["country"])
    try:
        chosen = form.cleaned_data
        importing.confirm(import_, chosen["mapping"], chosen["labels"], chosen["formats"])
    except (ColumnsError, importing.ImportRefusal) as error:
        form.add_error(None, error.sentence)
        return False
    return True


def _record_country(import_: Import, country: str) -> None:
    Import.objects.filter(pk=import_.pk, status=Import.Status.UPLOADED, mapping={}).update(country=country)


def earlier_import(import_: Import) -> str:
    """When, by whom and into which list the same file has been imported before, in a sentence; "" if it has not."""
    before = importing.same_file(import_)
    if before is None:
        return ""
    by = f" by {before.created_by}" if before.created_by else ""
    again = " Importing again overwrites later edits." if before.list_id == import_.list_id else ""
    return (
        f"It was imported into {before.list} as {before.original_name} on {date_and_time(before.ended_at)}{by}.{again}"
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
