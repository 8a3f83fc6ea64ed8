"""The page of one campaign: check, approve or watch it, depending on its status."""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET
from django_tables2 import RequestConfig

from campaigns import decisions
from campaigns.audience.spec import finished_text
from campaigns.audience.warnings import warnings_of
from campaigns.forms.decisions import ReasonForm, StartForm
from campaigns.forms.filters import RecipientFilter
from campaigns.models import Attempt, Batch, Campaign, Recipient, RecipientOutcome
from campaigns.results import balance, summary
from campaigns.statuses import PAUSED_BY_USER
from campaigns.tables import EXCLUDED_WORDS, OUTCOME_KINDS, OUTCOME_WORDS, RecipientTable
from campaigns.views import recipients as recipient_outcomes
from campaigns.views.compose import check_page
from campaigns.views.facts import facts_of, linked
from campaigns.views.preview import sample_of
from contacts.snapshots import snapshot
from contacts.timing import REFRESH_SECONDS, STOP_POLLING

FILES_A_PAGE = 50
ROWS_A_PAGE = 50
#: Plural words for the tiles.
TILE_WORDS = {"row_error": "Failed numbers"}


def find(pk: int) -> Campaign:
    rows = Campaign.objects.select_related("account", "created_by", "frozen_by", "approved_by", "template")
    return get_object_or_404(rows, pk=pk)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def campaign(request: HttpRequest, pk: int) -> HttpResponse:
    with snapshot():
        row = find(pk)
        context = _page(request, row) if row.status != Campaign.Status.DRAFT else {}
    if row.status == Campaign.Status.DRAFT:
        return check_page(request, row)
    is_frozen = row.status in (Campaign.Status.FREEZING, Campaign.Status.FROZEN)
    return render(request, f"campaigns/{row.status if is_frozen else 'watch'}.html", context)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The part that refreshes itself: 204 if unchanged; 286 stops polling."""
    with snapshot():
        row = find(pk)
        context = {"campaign": row, **_progress(request, row, list(row.batches.all()))}
    if (
        row.status in (Campaign.Status.DRAFT, Campaign.Status.FROZEN)
        or request.GET.get("status", row.status) != row.status
    ):
        response = HttpResponse()
        response["HX-Refresh"] = "true"
        return response
    fragment = render_to_string("campaigns/_progress.html", context, request)
    if not context["is_live"]:
        return HttpResponse(fragment, status=STOP_POLLING)
    if request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    return HttpResponse(fragment)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def recipients(request: HttpRequest, pk: int) -> HttpResponse:
    with snapshot():
        row = find(pk)
        context = {"campaign": row, **_recipients(request, row, list(row.batches.all()))}
    return render(request, "campaigns/recipients.html", context)


def _page(request: HttpRequest, row: Campaign) -> dict[str, Any]:
    """Everything that the page of a campaign that is no draft shows."""
    batches = list(row.batches.all())
    context = {
        "campaign": row,
        "events": _events(row),
        **facts_of(row),
        **_progress(request, row, batches),
        **_actions(request, row, batches),
    }
    if row.status in (Campaign.Status.FROZEN, Campaign.Status.HELD, Campaign.Status.APPROVED):
        context |= _to_approve(request, row)
    if row.status in (Campaign.Status.FREEZING, Campaign.Status.FROZEN):
        return context
    return context | _recipients(request, row, batches)


def _progress(request: HttpRequest, row: Campaign, batches: list[Batch]) -> dict[str, Any]:
    """Everything that ``_progress.html`` shows; reads one row for each of the campaign's batches."""
    books = balance.of(row, batches)
    page = Paginator(batches, FILES_A_PAGE).get_page(request.GET.get("files"))
    tries = dict(
        Attempt.objects.filter(batch__in=[batch.pk for batch in page])
        .order_by()
        .values_list("batch_id")
        .annotate(n=Count("pk"))
    )
    for batch in page:
        batch.tries = tries.get(batch.pk, 0)  # type: ignore[attr-defined]
    changes = [(batch.pk, batch.status, batch.row_errors, batch.accepted_rows, batch.uploaded_at, batch.sentence,
                batch.alarm, tries.get(batch.pk)) for batch in batches]  # fmt: skip
    now = timezone.now()
    state = [row.status, row.freeze_progress, row.alarm, row.sentence, page.number, books.waiting, changes]
    digest = hashlib.sha256(repr(state).encode()).hexdigest()[:16]
    is_live = row.status in (
        Campaign.Status.FREEZING,
        Campaign.Status.APPROVED,
        Campaign.Status.RUNNING,
        Campaign.Status.PAUSED,
    ) or bool(books.outcomes["open"])
    return {
        "books": books,
        "excluded": [(EXCLUDED_WORDS[reason], n) for reason, n in sorted(books.excluded.items()) if n],
        "tiles": _tiles(row, books),
        "summary": summary.summarize(row, books.outcomes["accepted"], books.failed),
        "segments": _segments(books),
        "pace": _pace(row, books, now),
        "files": page,
        "causes": _causes(row, batches),
        "is_live": is_live,
        "refresh_seconds": REFRESH_SECONDS,
        "seen": digest,
        "freeze_total": sum(chosen.contacts.count() for chosen in row.ordered_lists())
        if row.status == Campaign.Status.FREEZING
        else 0,
    }


def _tiles(row: Campaign, books: balance.Balance) -> list[dict[str, Any]]:
    ready = sum(books.open.get(status, 0) for status in (Batch.Status.PREPARED, Batch.Status.UPLOADING))
    numbers = {
        "accepted": books.outcomes["accepted"],
        "with_provider": books.with_provider,
        "needs_decision": books.needs_decision,
        "rejected": books.outcomes["rejected"],
        "row_error": books.outcomes["row_error"],
        "ready": ready,
        "waiting": books.waiting,
        "excluded": books.excluded_total,
        "cancelled": books.cancelled + books.outcomes["cancelled"],
    }
    always = ("accepted", "with_provider", "needs_decision", "rejected", "row_error", "excluded")
    return [
        {
            "outcome": outcome,
            "label": TILE_WORDS.get(outcome, OUTCOME_WORDS[outcome]),
            "kind": OUTCOME_KINDS[outcome],
            "number": number,
        }
        for outcome, number in numbers.items()
        if number or outcome in always
    ]


def _segments(books: balance.Balance) -> list[tuple[str, int]]:
    """The kind and the number of recipients of each segment of the bar."""
    return [
        ("accepted", books.outcomes["accepted"]),
        ("rejected", books.failed),
        ("excluded", books.outcomes["cancelled"] + books.cancelled),
        ("provider", books.with_provider),
        ("decision", books.needs_decision),
    ]


def _pace(row: Campaign, books: balance.Balance, now: datetime) -> str:
    """``1,200 handed over per minute, 4 min left``; "" if it is not known."""
    handed = books.settled + books.with_provider
    if row.status != Campaign.Status.RUNNING or not row.started_at or not handed or not books.still_here:
        return ""
    minutes = max((now - row.started_at) / timedelta(minutes=1), 0.1)
    rate = handed / minutes
    left = books.still_here / rate
    return f"{rate:,.0f} handed over per minute, {f'{left:,.0f} min' if left >= 1 else 'less than a minute'} left"


def _causes(row: Campaign, batches: list[Batch]) -> list[dict[str, Any]]:
    """Why recipients were not accepted, the most frequent first."""
    causes: dict[str, dict[str, Any]] = {}
    if any(batch.row_errors for batch in batches):
        found = (
            RecipientOutcome.objects.filter(batch__campaign=row, result=RecipientOutcome.Result.ROW_ERROR)
            .order_by()
            .values_list("code", "sentence")
            .annotate(n=Count("pk"))
            .order_by("-n")[:20]
        )
        for code, sentence, n in found:
            cause = causes.setdefault(code, {"code": code, "sentence": sentence or code, "count": 0})
            cause["count"] += n
    for batch in batches:
        if batch.status in (Batch.Status.REJECTED, Batch.Status.UNCLEAR, Batch.Status.HELD):
            cause = causes.setdefault(
                batch.reason, {"code": batch.reason, "sentence": batch.sentence or batch.reason, "count": 0}
            )
            cause["count"] += batch.rows - batch.row_errors - batch.accepted_rows
    return sorted(causes.values(), key=lambda cause: -cause["count"])[:10]


def _recipients(request: HttpRequest, row: Campaign, batches: list[Batch]) -> dict[str, Any]:
    form = RecipientFilter(request.GET or None, batch_numbers=sorted({batch.number for batch in batches}))
    found = recipient_outcomes.filtered(row, batches, form) if form.is_bound else row.recipients.all()
    table = RecipientTable(found, labels=row.value_labels())
    RequestConfig(request, paginate={"per_page": ROWS_A_PAGE, "silent": True}).configure(table)
    # Sets the outcome on the rows of this page only: one query, however many recipients there are.
    recipient_outcomes.add_outcomes(row, batches, [line.record for line in table.page.object_list])
    kept = {
        key: str(value) for key, value in request.GET.items() if key in ("number", "outcome", "code", "batch") and value
    }
    return {"table": table, "filter": form, "filter_query": urlencode(kept), "is_filtered": bool(kept)}


def _actions(request: HttpRequest, row: Campaign, batches: list[Batch]) -> dict[str, Any]:
    """The actions that this user may take now, and the numbers for their confirmations."""
    may_change = request.user.has_perm("campaigns.change_campaign")
    may_approve = request.user.has_perm("campaigns.approve_campaign")
    stopped_by_itself = row.status == Campaign.Status.PAUSED and row.reason != PAUSED_BY_USER
    return {
        "may_pause": may_change and row.status == Campaign.Status.RUNNING,
        "may_resume": row.status == Campaign.Status.PAUSED and (may_approve if stopped_by_itself else may_change),
        "may_cancel": may_change and row.status not in (Campaign.Status.CLOSED, Campaign.Status.CANCELLED),
        "may_change_back": may_change
        and row.status in (Campaign.Status.FROZEN, Campaign.Status.APPROVED, Campaign.Status.HELD),
        "may_confirm_start": may_approve and row.status == Campaign.Status.HELD,
        "needs_approver": stopped_by_itself and not may_approve,
    }


def _to_approve(request: HttpRequest, row: Campaign) -> dict[str, Any]:
    why_not = decisions.why_not_approve(row, request.user)
    total = row.counts.get("included", 0)
    spec = row.counts.get("longest", [])[:3]
    found = Recipient.objects.in_bulk(spec)
    faults = {code: (count, "") for code, count in row.counts.get("text_faults", {}).items()}
    return {
        **sample_of(request, row),
        "why_not": why_not,
        "warnings": linked(warnings_of(row, faults, timezone.now()), row),
        "is_self_approval": not why_not and settings.SELF_APPROVAL and decisions.is_own(row, request.user),
        "included": total,
        "longest": [(found[pk].msisdn, finished_text(row, found[pk])) for pk in spec if pk in found],
        "histogram": [
            (int(parts), n) for parts, n in sorted(row.counts.get("histogram", {}).items(), key=lambda i: int(i[0]))
        ],
        "excluded": [(EXCLUDED_WORDS[reason], n) for reason, n in sorted(row.counts.get("excluded", {}).items()) if n],
        "reject_form": ReasonForm(),
        "start_form": StartForm(),
    }


def _events(row: Campaign) -> list[Any]:
    return list(row.events.select_related("user", "batch").order_by("-id")[:200])
