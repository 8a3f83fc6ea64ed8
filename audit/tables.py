"""The filter and the table of the audit trail."""

from datetime import datetime, time, timedelta
from typing import Any

import django_filters
import django_tables2 as tables
from django import forms
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.changes import changes_of
from audit.models import AuditEntry
from contacts.tables import ZonedColumn

#: Changes that a row of the table shows.
FEW = 3


def _kinds(request: Any) -> QuerySet[ContentType]:
    return ContentType.objects.filter(pk__in=AuditEntry.objects.order_by().values("content_type").distinct())


class EntryFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label="Person, object or address", method="by_words")
    action = django_filters.ChoiceFilter(choices=AuditEntry.Action.choices, empty_label="All actions")
    content_type = django_filters.ModelChoiceFilter(label="Kind", queryset=_kinds, empty_label="All kinds")
    since = django_filters.DateFilter(label="From", method="by_since", widget=forms.DateInput({"type": "date"}))
    until = django_filters.DateFilter(label="To", method="by_until", widget=forms.DateInput({"type": "date"}))

    class Meta:
        model = AuditEntry
        fields = ("q", "action", "content_type", "since", "until")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.form.fields["content_type"].label_from_instance = lambda kind: kind.name.capitalize()

    def by_words(self, rows: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        return rows.filter(
            Q(actor_name__icontains=value) | Q(object_repr__icontains=value) | Q(remote_addr__startswith=value)
        )

    def by_since(self, rows: QuerySet[AuditEntry], name: str, value: Any) -> QuerySet[AuditEntry]:
        return rows.filter(timestamp__gte=_midnight(value))

    def by_until(self, rows: QuerySet[AuditEntry], name: str, value: Any) -> QuerySet[AuditEntry]:
        return rows.filter(timestamp__lt=_midnight(value + timedelta(days=1)))


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


class EntryTable(tables.Table):
    timestamp = ZonedColumn(verbose_name="When", attrs={"td": {"class": "nowrap"}})
    actor_name = tables.Column(verbose_name="Person", empty_values=())
    action = tables.Column(attrs={"td": {"class": "nowrap"}})
    object_repr = tables.Column(verbose_name="Object")
    remote_addr = tables.Column(verbose_name="Address")
    changes = tables.Column(verbose_name="Before and after", empty_values=())

    class Meta:
        model = AuditEntry
        fields = ("timestamp", "actor_name", "action", "object_repr", "remote_addr", "changes")
        row_attrs = {"class": "row-link"}
        attrs = {"aria-label": "Audit entries"}
        # Only the order of time is worth an index.
        orderable = False
        empty_text = "No entries match the filter."

    def render_actor_name(self, record: AuditEntry) -> str:
        return record.actor_name or NOBODY

    def render_object_repr(self, record: AuditEntry) -> SafeString:
        return format_html(
            '<a class="row-anchor" href="{}">{}</a> <span class="quiet">{}</span>',
            record.get_absolute_url(),
            record.object_repr or "—",
            record.content_type.name,
        )

    def render_changes(self, record: AuditEntry) -> SafeString:
        changes = changes_of(record)
        lines = [str(change) for change in changes[:FEW]]
        if len(changes) > FEW:
            lines.append(f"and {len(changes) - FEW} more")
        return format_html_join(SafeString("<br>"), "{}", ((line,) for line in lines)) or SafeString("—")


#: Who did it where no person did.
NOBODY = "Baton or a command"
