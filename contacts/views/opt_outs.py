"""The pages of opt-outs: the list, three ways to add opt-outs, and opting a number back in."""

from collections.abc import Iterator
from dataclasses import dataclass

import django_filters
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from contacts import browsing, importing, phones, sheets, suppression
from contacts.columns import OPT_OUT_HEADINGS
from contacts.export_log import record_export
from contacts.forms import ConsentForm, OptOutForm, OptOutPasteForm, OptOutUploadForm
from contacts.models import Import, Suppression, SuppressionQuerySet
from contacts.sheet_writer import iso_local
from contacts.tables import OptOutTable, zoned
from contacts.views import exports
from contacts.views.paging import Links, key_of
from contacts.views.uploads import is_script

#: Opt-outs that the page counts; of more it says so.
COUNTED = 100_000
STATUSES = (("active", "Opted out"), ("lifted", "Opted back in"), ("all", "All"))


@dataclass(frozen=True)
class Way:
    """One of the three ways to add opt-outs, as its page and the links between the pages show it."""

    url: str
    link: str
    heading: str
    sentence: str
    button: str


ONE = "No campaign will text this number, whichever list it is on."
MANY = "No campaign will text these numbers, whichever list they are on."
WAYS = {
    "add": Way("contacts:opt_out_add", "One number", "Add opt-out", ONE, "Opt out this number"),
    "paste": Way("contacts:opt_out_paste", "Paste numbers", "Paste opt-outs", MANY, "Opt out these numbers"),
    "upload": Way("contacts:opt_out_upload", "Upload a spreadsheet", "Upload opt-outs", MANY, "Upload and check"),
}


class OptOutFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label="Number", method="by_number")
    source = django_filters.ChoiceFilter(choices=Suppression.Source.choices, empty_label="All sources")
    status = django_filters.ChoiceFilter(
        label="Status", choices=STATUSES, method="by_status", empty_label=None, null_label=None
    )

    class Meta:
        model = Suppression
        fields = ("q", "source", "status")

    def by_number(self, rows: QuerySet[Suppression], name: str, value: str) -> QuerySet[Suppression]:
        """The beginning of a number, in any notation."""
        found = browsing.with_beginning(rows, value, settings.DEFAULT_COUNTRY)
        return rows.none() if found is None else found

    def by_status(self, rows: SuppressionQuerySet, name: str, value: str) -> SuppressionQuerySet:
        return {"active": rows.active, "lifted": rows.lifted}.get(value, rows.all)()


def _filtered(request: HttpRequest) -> OptOutFilter:
    query = request.GET.copy()
    query.setdefault("status", "active")
    return OptOutFilter(query, Suppression.objects.prefetch_related("created_by"))


@require_GET
@permission_required("contacts.view_suppression", raise_exception=True)
def opt_outs(request: HttpRequest) -> HttpResponse:
    filtered = _filtered(request)
    # Each order has an index that also has the filter, except that few opt-outs are lifted.
    number = filtered.form.is_valid() and filtered.form.cleaned_data["q"]
    order = ("msisdn", "id") if number else ("-created_at", "-id")
    page = browsing.key_page(filtered.qs, order, **key_of(request))
    table = OptOutTable(page.rows)
    RequestConfig(request, paginate=False).configure(table)
    active = Suppression.objects.active().values("pk")[: COUNTED + 1].count()
    context = {
        "table": table,
        "pages": Links(request, page),
        "filter": filtered.form,
        "active_count": min(active, COUNTED),
        "are_more": active > COUNTED,
        "is_empty": not Suppression.objects.exists(),
        "query": request.GET.urlencode(),
    }
    return render(request, "contacts/opt_outs.html", context)


@require_GET
@permission_required("contacts.view_suppression", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def opt_out_export(request: HttpRequest) -> HttpResponseBase:
    """The opt-outs that the filter shows, as ``?format=csv`` or ``xlsx``."""
    filtered = _filtered(request)
    if not filtered.form.is_valid():
        # Never all of them where a part was meant. The page shows what is wrong.
        return redirect(f"{reverse('contacts:opt_outs')}?{request.GET.urlencode()}")
    record_export(request, Suppression, "opt-outs", filtered.form.cleaned_data, rows=filtered.qs.count())
    lines = _lines(filtered.qs)
    write = exports.as_csv if request.GET.get("format") == "csv" else exports.as_xlsx
    return write("opt-outs", OPT_OUT_HEADINGS, lines)


def _lines(rows: QuerySet[Suppression]) -> Iterator[list[str]]:
    for row in rows.iterator(2000):
        yield [
            row.msisdn,
            row.get_source_display(),
            row.note,
            row.opted_out_on.isoformat() if row.opted_out_on else "",
            iso_local(row.created_at),
            iso_local(row.lifted_at),
            row.created_by.get_username() if row.created_by else "",
        ]


# -- adding ---------------------------------------------------------------------------------------------------------


@permission_required("contacts.add_suppression", raise_exception=True)
def opt_out_add(request: HttpRequest) -> HttpResponse:
    form = OptOutForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        clean = form.cleaned_data
        msisdn, manual = clean["msisdn"], Suppression.Source.MANUAL
        added, _ = suppression.suppress([msisdn], manual, clean["note"], request.user, clean["opted_out_on"])
        if added:
            messages.success(request, f"{phones.formatted(msisdn)} is opted out. No campaign will text it.")
        else:
            messages.info(request, f"{phones.formatted(msisdn)} was already opted out.")
        return redirect("contacts:opt_outs")
    return _form_page(request, form, "add")


@permission_required("contacts.add_suppression", raise_exception=True)
def opt_out_paste(request: HttpRequest) -> HttpResponse:
    form = OptOutPasteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        clean = form.cleaned_data
        lines = suppression.typed_lines(clean["text"])
        result = suppression.suppress_typed(
            lines, clean["country"], Suppression.Source.PASTE, "pasted", clean["note"], request.user
        )
        return render(request, "contacts/opt_out_result.html", {"result": result, "origin": "Pasted"})
    return _form_page(request, form, "paste")


@permission_required(("contacts.add_suppression", "contacts.add_import"), raise_exception=True)
def opt_out_upload(request: HttpRequest) -> HttpResponse:
    """Take a spreadsheet: it goes the way of every import, columns, check, result.

    A script gets the page to go to as ``{"url": ...}``, a browser a redirect.
    """
    form = OptOutUploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        import_ = _upload(form, request)
        if import_ is not None:
            url = import_.get_absolute_url()
            return JsonResponse({"url": url}) if is_script(request) else redirect(url)
    return _form_page(request, form, "upload")


def _upload(form: OptOutUploadForm, request: HttpRequest) -> Import | None:
    """The stored upload, or None if it cannot be read: then the field has the reason and nothing is kept."""
    file: UploadedFile = form.cleaned_data["file"]
    country = form.cleaned_data["country"]
    try:
        return importing.upload(None, file, file.name or "", request.user, country)
    except sheets.SheetError as error:
        if error.code == "encoding":
            return importing.store_unread(None, file, file.name or "", request.user, country)
        form.add_error("file", error.sentence)
        return None


def _form_page(request: HttpRequest, form: OptOutForm | OptOutPasteForm | OptOutUploadForm, way: str) -> HttpResponse:
    context = {"form": form, "way": WAYS[way], "ways": WAYS.values(), "is_upload": way == "upload"}
    return render(request, "contacts/opt_out_form.html", context, status=422 if form.errors else 200)


# -- opting back in ---------------------------------------------------------------------------------------------------


@permission_required("contacts.add_consent", raise_exception=True)
def opt_back_in(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Suppression, pk=pk)
    if row.lifted_at:
        messages.info(request, f"{phones.formatted(row.msisdn)} has already opted back in.")
        return redirect("contacts:opt_outs")
    form = ConsentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        suppression.opt_back_in(row.msisdn, form.cleaned_data["note"], request.user)
        messages.success(
            request,
            f"{phones.formatted(row.msisdn)} can be texted again. The opt-out and the proof of consent are kept.",
        )
        return redirect("contacts:opt_outs")
    context = {"form": form, "opt_out": row, "since": zoned(row.created_at)}
    return render(request, "contacts/opt_back_in.html", context, status=422 if form.errors else 200)
