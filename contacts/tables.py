"""The tables of the contact screens, and how they show times and statuses."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import django_tables2 as tables
from django.template import Context, Template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contacts import browsing, phones
from contacts.elements import chip
from contacts.fields import TABLE_FIELDS, VALUE_FIELDS
from contacts.models import Contact, ContactList, Import, Suppression

#: The kind of chip for each status of an import.
IMPORT_CHIPS = {
    Import.Status.UPLOADED: "waiting",
    Import.Status.CHECKING: "running",
    Import.Status.CHECKED: "decision",
    Import.Status.APPLYING: "running",
    Import.Status.DONE: "accepted",
    Import.Status.UNDOING: "running",
    Import.Status.UNDONE: "excluded",
    Import.Status.FAILED: "rejected",
    Import.Status.CANCELLED: "excluded",
}
_FIGURE = {"td": {"class": "figure"}, "th": {"class": "figure"}}
_NOWRAP = {"td": {"class": "nowrap"}}


def date_and_time(moment: datetime | None) -> str:
    """``21 Nov 2026, 14:05 SAST``, for a sentence; "" for None."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def time_element(moment: datetime, words: str) -> SafeString:
    """``words`` as a ``<time>``; the pointer over it shows the date, the local time and UTC."""
    local, universal = timezone.localtime(moment), moment.astimezone(UTC)
    other_day = f"{universal:%a} {universal.day} {universal:%b} " if universal.date() != local.date() else ""
    utc = f"{other_day}{universal:%H:%M:%S} UTC"
    title = f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S %Z}"
    if f"{local:%Z}" != "UTC":
        title += f" ({utc})"
    return format_html('<time datetime="{}" title="{}" data-utc="{}">{}</time>', local.isoformat(), title, utc, words)


def zoned(moment: datetime | None) -> str:
    """``21 Nov 2026, 14:05 SAST`` as a ``<time>``; "" for None."""
    return time_element(moment, date_and_time(moment)) if moment else ""


class TemplateColumn(tables.TemplateColumn):
    """As the library's, but its template is compiled once and not for each cell. It may use ``record`` only."""

    def render(self, record: Any) -> SafeString:
        return _compiled(self.template_code).render(Context({"record": record}))


@cache
def _compiled(code: str) -> Template:
    return Template(code)


class ZonedColumn(tables.Column):
    def render(self, value: datetime) -> str:
        return zoned(value)


class ContactListTable(tables.Table):
    name = tables.Column(verbose_name="List")
    people = tables.Column(verbose_name="Contacts", empty_values=(), orderable=False, attrs=_FIGURE)
    country = tables.Column(verbose_name="Default country")
    fields = tables.Column(verbose_name="Fields", accessor="labels", orderable=False)
    updated_at = ZonedColumn(verbose_name="Updated", attrs=_NOWRAP)

    class Meta:
        model = ContactList
        fields = ("name", "people", "country", "fields", "updated_at")
        row_attrs = {"class": "row-link"}
        attrs = {"aria-label": "Contact lists"}

    def render_name(self, record: ContactList) -> SafeString:
        return format_html('<a class="row-anchor" href="{}">{}</a>', record.get_absolute_url(), record.name)

    def render_people(self, record: ContactList) -> str:
        return f"{browsing.size_of(record):,}"

    def render_fields(self, record: ContactList) -> str:
        return " · ".join(record.labelled_fields().values()) or "—"


class ContactTable(tables.Table):
    msisdn = tables.Column(verbose_name="Number", attrs=_NOWRAP)
    status = tables.Column(empty_values=(), orderable=False)

    class Meta:
        model = Contact
        fields = ("msisdn", *TABLE_FIELDS)
        sequence = ("msisdn", "status", *TABLE_FIELDS)
        row_attrs = {"class": "row-link"}
        attrs = {"aria-label": "Contacts"}
        # A list of a million contacts has an index on its numbers only.
        orderable = False
        empty_text = "No contacts match."

    def __init__(self, *args: Any, contact_list: ContactList, opted_out: set[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.opted_out = opted_out
        for field in TABLE_FIELDS:
            self.columns[field].column.verbose_name = contact_list.label(field)
            if field in VALUE_FIELDS and field not in contact_list.labelled_fields():
                self.columns.hide(field)

    def render_msisdn(self, record: Contact) -> SafeString:
        url = reverse("contacts:contact", args=[record.pk])
        return format_html('<a class="row-anchor" href="{}">{}</a>', url, phones.formatted(record.msisdn))

    def render_status(self, record: Contact) -> SafeString:
        if record.msisdn in self.opted_out:
            return chip("excluded", "Opted out")
        return SafeString('<span class="quiet">Can be texted</span>')


class ImportTable(tables.Table):
    original_name = tables.Column(verbose_name="File")
    list = tables.Column(verbose_name="List", order_by="list__name", empty_values=())
    status = tables.Column()
    read = tables.Column(verbose_name="Rows read", attrs=_FIGURE)
    imported = tables.Column(empty_values=(), orderable=False, attrs=_FIGURE)
    created_by = tables.Column(verbose_name="Uploaded by", order_by="created_by__username")
    created_at = ZonedColumn(verbose_name="Uploaded", attrs=_NOWRAP)

    class Meta:
        model = Import
        fields = ("original_name", "list", "status", "read", "imported", "created_by", "created_at")
        row_attrs = {"class": "row-link"}
        attrs = {"aria-label": "Imports"}

    def render_original_name(self, record: Import) -> SafeString:
        return format_html('<a class="row-anchor" href="{}">{}</a>', record.get_absolute_url(), record.original_name)

    def render_list(self, record: Import) -> str:
        return str(record.list or "Opt-outs")

    def render_status(self, record: Import) -> SafeString:
        return chip(IMPORT_CHIPS[Import.Status(record.status)], record.get_status_display())

    def render_imported(self, record: Import) -> int:
        return record.created + record.updated + record.unchanged + record.added + record.already


class OptOutTable(tables.Table):
    msisdn = tables.Column(verbose_name="Number", attrs=_NOWRAP)
    source = tables.Column()
    note = tables.Column(orderable=False)
    created_at = ZonedColumn(verbose_name="Opted out", attrs=_NOWRAP)
    created_by = tables.Column(verbose_name="Recorded by", order_by="created_by__username")
    lifted_at = tables.Column(verbose_name="Status", empty_values=(), attrs=_NOWRAP)

    class Meta:
        model = Suppression
        fields = ("msisdn", "lifted_at", "source", "note", "created_at", "created_by")
        attrs = {"aria-label": "Opt-outs"}
        # Of a million opt-outs, only the order of time and that of numbers have an index.
        orderable = False
        empty_text = "No opt-outs match the filter."

    def render_lifted_at(self, record: Suppression) -> SafeString:
        if record.lifted_at:
            return format_html(
                '{} <span class="quiet">{}</span>', chip("accepted", "Opted back in"), zoned(record.lifted_at)
            )
        return chip("excluded", "Opted out")

    def render_msisdn(self, record: Suppression) -> SafeString:
        number = phones.formatted(record.msisdn)
        if record.lifted_at or not self.request.user.has_perm("contacts.add_consent"):
            return format_html("{}", number)
        url = reverse("contacts:opt_back_in", args=[record.pk])
        return format_html('{} <a href="{}">Opt back in</a>', number, url)
