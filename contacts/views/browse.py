"""The page of a contact list: its contacts, a search, a filter with what can be done to those who match, and export."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib.auth.decorators import permission_required
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.views.decorators.http import require_GET

from contacts import browsing, countries, segments
from contacts.columns import NUMBER_HEADING, OWN_TEXT_HEADING
from contacts.export_log import record_export
from contacts.fields import TABLE_FIELDS, VALUE_FIELDS
from contacts.forms import SearchForm
from contacts.ids import as_id
from contacts.models import Contact, ContactList, Segment, Suppression
from contacts.segment_forms import FilterForm, query_string
from contacts.tables import ContactTable
from contacts.views import exports
from contacts.views.lists import unfinished
from contacts.views.paging import Links, key_of

#: Seconds for counting the matches within the page; the browser then asks for the whole count.
COUNT_PATIENCE = 0.3


@dataclass
class Chosen:
    """The contacts of a list that the query string chooses, by a search or by a filter."""

    contact_list: ContactList
    words: str
    form: FilterForm

    @cached_property
    def _narrowed(self) -> tuple[QuerySet[Contact], Q]:
        return browsing.searched(self.contact_list, self.words)

    @property
    def contacts(self) -> QuerySet[Contact]:
        return self._narrowed[0]

    @cached_property
    def conditions(self) -> list[dict[str, str]]:
        return self.form.conditions

    @cached_property
    def query(self) -> Q:
        return self._narrowed[1] & segments.query_of(self.conditions)


def chosen_by(request: HttpRequest, contact_list: ContactList) -> Chosen:
    search = SearchForm(request.GET)
    words = search.cleaned_data["q"] if search.is_valid() else ""
    return Chosen(contact_list, words, FilterForm(request.GET, contact_list=contact_list))


@require_GET
@permission_required("contacts.view_contactlist", raise_exception=True)
def contact_list(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(ContactList, pk=pk)
    chosen = chosen_by(request, row)
    page = browsing.page(chosen.contacts, chosen.query, **key_of(request))
    shown_segment = _shown_segment(request, row)
    context = {
        "list": row,
        "country": countries.name_of(row.country),
        "table": _table(row, page.rows),
        "pages": Links(request, page),
        "words": chosen.words,
        "filter": chosen.form,
        "conditions": segments.in_words(chosen.conditions, row),
        "count_url": f"{reverse('contacts:count', args=[pk])}?{request.GET.urlencode()}",
        "query": query_string(chosen.conditions),
        "count": browsing.count(chosen.contacts, chosen.query, COUNT_PATIENCE) if chosen.query else None,
        "total": browsing.size_of(row),
        "segments": row.segments.all(),
        "segment": shown_segment,
        "segment_is_changed": shown_segment and shown_segment.conditions != chosen.conditions,
        "running": row.bulk_actions.running(),
        "last_import": row.imports.first(),
        "unfinished": unfinished(list=row),
    }
    return render(request, "contacts/list.html", context)


def _table(contact_list: ContactList, rows: list[Contact]) -> ContactTable:
    numbers = [row.msisdn for row in rows]
    opted_out = Suppression.objects.active().filter(msisdn__in=numbers).values_list("msisdn", flat=True)
    return ContactTable(rows, contact_list=contact_list, opted_out=set(opted_out))


def _shown_segment(request: HttpRequest, contact_list: ContactList) -> Segment | None:
    return contact_list.segments.filter(pk=as_id(request.GET.get("segment")) or 0).first()


@require_GET
@permission_required("contacts.view_contactlist", raise_exception=True)
def contact_count(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole number of contacts that match, for a page that ran out of time."""
    row = get_object_or_404(ContactList, pk=pk)
    chosen = chosen_by(request, row)
    counted = browsing.count(chosen.contacts, chosen.query, float("inf"))
    return render(request, "contacts/_count.html", {"count": counted})


@require_GET
@permission_required("contacts.view_segment", raise_exception=True)
def segment(request: HttpRequest, pk: int) -> HttpResponse:
    """The page of the list, filtered by the segment."""
    row = get_object_or_404(Segment.objects.select_related("list"), pk=pk)
    address = reverse("contacts:list", args=[row.list_id])
    return redirect(f"{address}?segment={row.pk}&{query_string(row.conditions)}")


@require_GET
@permission_required("contacts.view_contactlist", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def contact_export(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The contacts that match the filter, as ``?format=csv`` or ``xlsx``; the file can be imported again."""
    row = get_object_or_404(ContactList, pk=pk)
    chosen = chosen_by(request, row)
    if not chosen.form.is_valid():
        # Never the whole list where a part of it was meant. The page shows what is wrong.
        return redirect(f"{row.get_absolute_url()}?{request.GET.urlencode()}")
    fields = [field for field in TABLE_FIELDS if field not in VALUE_FIELDS or field in row.labelled_fields()]
    header = [NUMBER_HEADING, *map(row.label, fields), OWN_TEXT_HEADING]
    narrowed = {f"{one['field']} {one['is']}": one["value"] for one in chosen.conditions} | {"q": chosen.words}
    counted = browsing.count(chosen.contacts, chosen.query, float("inf")).number
    record_export(request, row, "contacts", narrowed, rows=counted)
    write = exports.as_csv if request.GET.get("format") == "csv" else exports.as_xlsx
    return write(f"contacts-{row.pk}", header, _lines(chosen, [*fields, "message"]))


def _lines(chosen: Chosen, fields: list[str]) -> Iterator[list[str]]:
    for window, _ in browsing.windows(chosen.contacts):
        for contact in window.filter(chosen.query):
            yield [contact.msisdn, *(getattr(contact, field) for field in fields)]
