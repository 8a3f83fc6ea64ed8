"""Who must never get a text: the list, adding to it in three ways, and the one way back."""

from collections.abc import Iterator

import django_filters
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from contacts import phones, sheets, suppression
from contacts.export_log import record_export
from contacts.forms import ConsentForm, OptOutForm, OptOutPasteForm, OptOutUploadForm
from contacts.models import Suppression
from contacts.tables import OptOutTable, zoned
from contacts.views import exports
from contacts.views.uploads import on_disk

PAGE = 50
STANDINGS = (("in_force", "Not texted"), ("lifted", "Opted back in"), ("all", "Both"))
# Unlike an import, this screen has no choice of an encoding.
NOT_UTF_8 = "This file is not stored as UTF-8. Save it as .xlsx, or as CSV UTF-8, and upload that."
EXPORT_HEADER = ("number", "source", "note", "opted_out_at", "opted_back_in_at", "by")


class OptOutFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label="Number", method="by_number")
    source = django_filters.ChoiceFilter(choices=Suppression.Source.choices, empty_label="Every source")
    standing = django_filters.ChoiceFilter(
        label="Standing", choices=STANDINGS, method="by_standing", empty_label=None, null_label=None
    )

    class Meta:
        model = Suppression
        fields = ("q", "source", "standing")

    def by_number(self, rows: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        """A whole number is found however it is written; less than that is looked for in the digits."""
        try:
            return rows.filter(msisdn=phones.parse(value, settings.DEFAULT_COUNTRY))
        except phones.PhoneError:
            digits = "".join(filter(str.isdigit, value)).lstrip("0")
            return rows.filter(msisdn__contains=digits) if digits else rows.none()

    def by_standing(self, rows: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        return rows if value == "all" else rows.filter(lifted_at__isnull=value == "in_force")


def _shown(request: HttpRequest) -> OptOutFilter:
    asked = request.GET.copy()
    asked.setdefault("standing", "in_force")
    return OptOutFilter(asked, Suppression.objects.select_related("created_by"))


@require_GET
@permission_required("contacts.view_suppression", raise_exception=True)
def opt_outs(request: HttpRequest) -> HttpResponse:
    shown = _shown(request)
    table = OptOutTable(shown.qs, order_by="-created_at")
    RequestConfig(request, paginate={"per_page": PAGE, "silent": True}).configure(table)
    context = {
        "table": table,
        "filter": shown.form,
        "in_force": suppression.active_msisdns().count(),
        "is_empty": not Suppression.objects.exists(),
        "query": request.GET.urlencode(),
    }
    return render(request, "contacts/opt_outs.html", context)


@require_GET
@permission_required("contacts.view_suppression", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def opt_out_export(request: HttpRequest) -> HttpResponseBase:
    """What the filter shows, as ``?format=csv`` or ``xlsx``."""
    shown = _shown(request)
    chosen = shown.form.cleaned_data if shown.form.is_valid() else {}
    record_export(request, Suppression, "opt-outs", chosen, rows=shown.qs.count())
    lines = _lines(shown.qs)
    write = exports.as_csv if request.GET.get("format") == "csv" else exports.as_xlsx
    return write("opt-outs", EXPORT_HEADER, lines)


def _lines(rows: QuerySet[Suppression]) -> Iterator[list[str]]:
    for row in rows.iterator(2000):
        lifted = row.lifted_at.isoformat() if row.lifted_at else ""
        by = row.created_by.get_username() if row.created_by else ""
        yield [row.msisdn, row.get_source_display(), row.note, row.created_at.isoformat(), lifted, by]


# -- adding ---------------------------------------------------------------------------------------------------------


@permission_required("contacts.add_suppression", raise_exception=True)
def opt_out_add(request: HttpRequest) -> HttpResponse:
    form = OptOutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        msisdn = form.cleaned_data["msisdn"]
        added, _ = suppression.suppress([msisdn], "manual", form.cleaned_data["note"], request.user)
        if added:
            messages.success(request, f"{msisdn} is opted out. No campaign texts it from now on.")
        else:
            messages.info(request, f"{msisdn} was opted out already.")
        return redirect("contacts:opt_outs")
    return _form_page(request, form, "add")


@permission_required("contacts.add_suppression", raise_exception=True)
def opt_out_paste(request: HttpRequest) -> HttpResponse:
    form = OptOutPasteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        lines = suppression.typed_lines(form.cleaned_data["text"])
        return _told(request, form, lines, "paste", "pasted")
    return _form_page(request, form, "paste")


@permission_required("contacts.add_suppression", raise_exception=True)
def opt_out_upload(request: HttpRequest) -> HttpResponse:
    form = OptOutUploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file: UploadedFile = form.cleaned_data["file"]
        try:
            with on_disk(file) as path:
                lines = suppression.sheet_lines(path, file.name or "", form.cleaned_data["country"])
        except sheets.SheetError as error:
            form.add_error("file", NOT_UTF_8 if error.code == "encoding" else error.sentence)
        else:
            return _told(request, form, lines, "file", file.name or "")
    return _form_page(request, form, "upload")


def _form_page(request: HttpRequest, form: OptOutForm | OptOutPasteForm | OptOutUploadForm, way: str) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(request, "contacts/opt_out_form.html", {"form": form, "way": way}, status=status)


def _told(
    request: HttpRequest,
    form: OptOutPasteForm | OptOutUploadForm,
    lines: Iterator[tuple[int, str]] | list[tuple[int, str]],
    source: str,
    proof: str,
) -> HttpResponse:
    """Record the opt-outs and say what became of each line."""
    clean = form.cleaned_data
    told = suppression.suppress_typed(lines, clean["country"], source, proof, clean.get("note", ""), request.user)
    return render(request, "contacts/opt_out_result.html", {"told": told, "proof": proof})


# -- the way back ---------------------------------------------------------------------------------------------------


@permission_required("contacts.add_consent", raise_exception=True)
def opt_back_in(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Suppression, pk=pk)
    if row.lifted_at:
        messages.info(request, f"{row.msisdn} has opted back in already.")
        return redirect("contacts:opt_outs")
    form = ConsentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        suppression.opt_back_in(row.msisdn, form.cleaned_data["note"], request.user)
        messages.success(request, f"{row.msisdn} may be texted again. The opt-out and the proof are kept.")
        return redirect("contacts:opt_outs")
    context = {"form": form, "opt_out": row, "since": zoned(row.created_at)}
    return render(request, "contacts/opt_back_in.html", context, status=422 if form.errors else 200)
