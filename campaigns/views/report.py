"""The report of a campaign for print: what came of it, to whom, in which files, and who decided it."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from campaigns import chain
from campaigns.audience.spec import rehearsal_of
from campaigns.audience.versions import settings_of
from campaigns.history import history_of
from campaigns.models import Batch, Campaign
from campaigns.results import balance, summary
from campaigns.results.causes import causes_of
from campaigns.tables import EXCLUDED_WORDS, OUTCOME_WORDS
from contacts.snapshots import snapshot

#: Events that the history is read from. A campaign with more of them has many files, and its steps are not printed.
MOST_EVENTS = 20_000


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """The report of a campaign that was frozen at least once and has recipients."""
    with snapshot():
        rows = Campaign.objects.select_related("account", "created_by", "frozen_by", "approved_by", "follows")
        row = get_object_or_404(rows, pk=pk)
        if not row.counts:
            raise Http404("A draft has no report.")
        context = _context(row)
    return render(request, "campaigns/report.html", context)


def _context(row: Campaign) -> dict[str, Any]:
    batches = list(row.batches.all())
    books = balance.of(row)
    events = row.events.filter(Q(user__isnull=False) | Q(batch=None)).select_related("user", "batch")
    return {
        "campaign": row,
        "summary": summary.of_books(row, books),
        "books": books,
        "excluded": [(EXCLUDED_WORDS[reason], n) for reason, n in sorted(books.excluded.items()) if n],
        "results": _results(books),
        "causes": causes_of(row),
        "files": batches,
        "file_rows": sum(batch.rows for batch in batches if batch.status != Batch.Status.SUPERSEDED),
        "settings": settings_of(row)["facts"],
        "rehearsal": rehearsal_of(row),
        "editors": row.editors.order_by("username"),
        "tests": _with_results(row.tests.order_by("id")),
        "chain": _with_results(Campaign.objects.filter(pk__in=chain.other_campaigns(row)).order_by("id")),
        "decisions": [one for one in reversed(history_of(events.order_by("-id")[:MOST_EVENTS])) if not one.is_machine],
        "now": timezone.now(),
    }


def _results(books: balance.Balance) -> list[tuple[str, int]]:
    """The recipients by outcome; the numbers add up to those who were included."""
    always = ("accepted", "row_error")
    return [(OUTCOME_WORDS[outcome], n) for outcome, n in books.by_outcome.items() if n or outcome in always]


def _with_results(campaigns: QuerySet[Campaign]) -> list[tuple[Campaign, summary.Summary]]:
    rows = list(campaigns)
    results = summary.of(rows)
    return [(row, results[row.pk]) for row in rows]
