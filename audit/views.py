"""The pages of the audit trail: the entries, one entry, and the export."""

from collections.abc import Iterator

from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from audit.changes import changes_of, in_words
from audit.models import AuditEntry, Seal
from audit.tables import NOBODY, EntryFilter, EntryTable
from contacts import browsing
from contacts.export_log import record_export
from contacts.sheet_writer import iso_local
from contacts.tables import zoned
from contacts.views import exports
from contacts.views.paging import Links, key_of

HEADINGS = (
    *("Entry", "Time", "Person", "Email", "Action", "Kind", "Id", "Object", "Before and after", "Address"),
    *("Seal", "Digest"),
)


@require_GET
@permission_required("audit.view_auditentry", raise_exception=True)
def entries(request: HttpRequest) -> HttpResponse:
    filtered = _filtered(request)
    page = browsing.key_page(filtered.qs, ("-timestamp", "-id"), **key_of(request))
    table = EntryTable(page.rows)
    RequestConfig(request, paginate=False).configure(table)
    context = {
        "table": table,
        "pages": Links(request, page),
        "filter": filtered.form,
        "query": request.GET.urlencode(),
    }
    return render(request, "audit/entries.html", context)


@require_GET
@permission_required("audit.view_auditentry", raise_exception=True)
def entry(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(AuditEntry.objects.select_related("content_type"), pk=pk)
    context = {
        "entry": row,
        "at": zoned(row.timestamp),
        "who": row.actor_name or NOBODY,
        "changes": changes_of(row),
        "seal": Seal.objects.filter(entry=row).first(),
    }
    return render(request, "audit/entry.html", context)


@require_GET
@permission_required("audit.view_auditentry", raise_exception=True)
def export(request: HttpRequest) -> HttpResponseBase:
    """The entries that the filter shows, newest first, as ``?format=csv`` or ``xlsx``."""
    filtered = _filtered(request)
    chosen = filtered.form.cleaned_data if filtered.form.is_valid() else {}
    rows = filtered.qs
    made = record_export(request, AuditEntry, "audit trail", chosen, rows=rows.count())
    # Without the entry about this download, and what follows it.
    lines = _lines(rows.filter(pk__lt=made.pk).select_related("seal"))
    write = exports.as_csv if request.GET.get("format") == "csv" else exports.as_xlsx
    return write("audit-trail", HEADINGS, lines)


def _filtered(request: HttpRequest) -> EntryFilter:
    return EntryFilter(request.GET, AuditEntry.objects.select_related("content_type"), request=request)


def _lines(rows: QuerySet[AuditEntry]) -> Iterator[list[str]]:
    for row in rows.iterator(2000):
        seal: Seal | None = getattr(row, "seal", None)
        yield [
            str(row.pk),
            iso_local(row.timestamp),
            row.actor_name,
            row.actor_email or "",
            row.get_action_display(),
            row.content_type.name,
            row.object_pk,
            row.object_repr,
            in_words(row),
            row.remote_addr or "",
            str(seal.position) if seal else "",
            seal.digest if seal else "",
        ]
