"""The page of one campaign: check, approve or watch it, depending on its status."""

import hashlib
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from campaigns import corrections, decisions, follow_up, outcomes, test_handover
from campaigns.audience.reach import read_groups
from campaigns.audience.readiness import window_warnings
from campaigns.audience.versions import changes_of
from campaigns.audience.warnings import warnings_of
from campaigns.forms.decisions import StartForm
from campaigns.forms.filters import RecipientFilter
from campaigns.history import history_of
from campaigns.models import Attempt, Batch, Campaign, Event, Recipient
from campaigns.results import balance, summary
from campaigns.results.causes import causes_of
from campaigns.results.rate import rate_of
from campaigns.statuses import PAUSED_BY_USER
from campaigns.tables import EXCLUDED_WORDS, OUTCOME_KINDS, OUTCOME_WORDS, RecipientTable
from campaigns.views.compose import check_page
from campaigns.views.facts import facts_of, linked
from campaigns.views.forecasts import waiting_context
from campaigns.views.letters import expensive_words
from campaigns.views.next_steps import steps_of
from campaigns.views.preview import sample_of
from campaigns.views.test_handover import results_context
from contacts.browsing import number_page
from contacts.ids import as_id
from contacts.snapshots import snapshot
from contacts.timing import REFRESH_SECONDS, STOP_POLLING
from contacts.views.paging import Links, key_of

FILES_A_PAGE = 50
#: So many people who got no text are looked at one by one, to count those who can be texted again.
LEFT_COUNTED = 5_000
EVENTS_A_PAGE = 300
TABS = {"result": "Result", "recipients": "Recipients", "files": "Files", "history": "History"}
#: The fields of the filter of recipients, in an address.
FILTER = ("number", "outcome", "code", "batch")
#: A campaign in one of these changes by itself, or by what people do elsewhere.
LIVE = (Campaign.Status.FREEZING, Campaign.Status.APPROVED, Campaign.Status.RUNNING, Campaign.Status.PAUSED)
ENDED = (Campaign.Status.CLOSED, Campaign.Status.CANCELLED)
#: The reasons that are called skipped.
SKIPPED = (Recipient.Excluded.MISSING_FIELD, Recipient.Excluded.UNSUPPORTED_LETTERS)
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
        row = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
        context = {"campaign": row, **_progress(request, row)}
    if (
        row.status in (Campaign.Status.DRAFT, Campaign.Status.FROZEN)
        or request.GET.get("status", row.status) != row.status
    ):
        response = HttpResponse()
        response["HX-Refresh"] = "true"
        return response
    if context["is_live"] and request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    return render(request, "campaigns/_progress.html", context, status=200 if context["is_live"] else STOP_POLLING)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def recipients(request: HttpRequest, pk: int) -> HttpResponse:
    with snapshot():
        row = get_object_or_404(Campaign, pk=pk)
        context = {"campaign": row, **_recipients(request, row, list(row.batches.all()))}
    return render(request, "campaigns/recipients.html", context)


def tab_of(request: HttpRequest) -> str:
    """The tab that the address names. A filter, or a page of the files, names its tab too."""
    if (tab := request.GET.get("tab", "")) in TABS:
        return tab
    if any(field in request.GET for field in FILTER):
        return "recipients"
    return "files" if "files" in request.GET else "result"


def _page(request: HttpRequest, row: Campaign) -> dict[str, Any]:
    """Everything that the page of a campaign that is no draft shows."""
    context = {
        "campaign": row,
        "tabs": TABS,
        "follow_ups": list(Campaign.objects.filter(follows=row).order_by("pk")),
        **facts_of(row),
        **_progress(request, row),
        **_actions(request, row),
    }
    if row.kind == Campaign.Kind.REGULAR and row.status in ENDED and request.user.has_perm("campaigns.add_campaign"):
        books = context["books"]
        if books.failed or books.cancelled or books.outcomes["cancelled"]:
            context |= _left(row, books)
            drafts = [other for other in context["follow_ups"] if other.status == Campaign.Status.DRAFT]
            context["open_draft"] = drafts[-1] if drafts else None
    if row.status in (Campaign.Status.FROZEN, Campaign.Status.HELD, Campaign.Status.APPROVED):
        context |= _to_approve(request, row)
    if row.status in (Campaign.Status.FREEZING, Campaign.Status.FROZEN):
        return context | {"events": _events(row)[:EVENTS_A_PAGE]}
    if context["tab"] == "result" and "tests" not in context:  # _to_approve read them already.
        context |= results_context(row)
    elif context["tab"] == "recipients":
        context |= _recipients(request, row, list(row.batches.all()))
    elif context["tab"] == "history":
        context |= _history(request, row)
    return context


def _left(row: Campaign, books: balance.Balance) -> dict[str, Any]:
    """``left``: how many people can be texted again; of very many, only that there are some (``may_be_left``)."""
    if books.failed + books.cancelled + books.outcomes["cancelled"] > LEFT_COUNTED:
        return {"may_be_left": True}
    return {"left": sum(cause.eligible for cause in follow_up.causes_of(row))}


def _progress(request: HttpRequest, row: Campaign) -> dict[str, Any]:
    """Everything that ``_progress.html`` shows. No query reads a recipient or an outcome."""
    books = balance.of(row)
    tab = tab_of(request)
    state: list[Any] = [
        tab,
        row.status,
        row.freeze_progress,
        row.alarm,
        row.sentence,
        row.account_id and row.account.is_stopped,
        books,
    ]
    context: dict[str, Any] = {
        "tab": tab,
        "books": books,
        "terms": _terms(books),
        "tiles": _tiles(books),
        "summary": summary.of_books(row, books),
        "segments": _segments(books),
        "pace": rate_of(row, books, timezone.now()),
        **waiting_context(request, row, books.waiting, timezone.now()),
        "is_live": row.status in LIVE or bool(books.outcomes["open"]),
        "refresh_seconds": REFRESH_SECONDS,
        "freeze_total": row.freeze_total,
    }
    if tab == "files":
        context["files"] = _files(request, row)
        changes = [(batch.pk, batch.status, batch.row_errors, batch.accepted_rows, batch.uploaded_at, batch.sentence,
                    batch.alarm, batch.tries) for batch in context["files"]]  # fmt: skip
        state += [context["files"].number, changes]
    elif tab == "result":
        causes = causes_of(row) if row.status != Campaign.Status.FREEZING else []
        context["causes"] = steps_of(request, row, causes)
        state.append(causes)
    state += [context["waiting_for"], context["last_sentence"]]
    context["seen"] = hashlib.sha256(repr(state).encode()).hexdigest()[:16]
    query = {"status": row.status, "tab": tab, "seen": context["seen"], "files": request.GET.get("files", "1")}
    context["poll"] = f"{reverse('campaigns:progress', args=[row.pk])}?{urlencode(query)}"
    return context


def _files(request: HttpRequest, row: Campaign) -> Page:
    """A page of the files, each with the number of its attempts as ``tries``."""
    page = Paginator(row.batches.all(), FILES_A_PAGE).get_page(request.GET.get("files"))
    attempts = Attempt.objects.filter(batch__in=[batch.pk for batch in page]).order_by()
    tries = dict(attempts.values_list("batch_id").annotate(n=Count("pk")))
    for batch in page:
        batch.tries = tries.get(batch.pk, 0)  # type: ignore[attr-defined]
    return page


def _terms(books: balance.Balance) -> list[dict[str, Any]]:
    """Who was selected and is not texted: the terms of the equation, each with the address of its people."""
    return [
        {
            "words": f"skipped ({EXCLUDED_WORDS[reason].lower()})"
            if reason in SKIPPED
            else EXCLUDED_WORDS[reason].lower(),
            "number": number,
            "url": f"?{urlencode({'tab': 'recipients', 'outcome': 'excluded', 'code': reason})}",
        }
        for reason, number in sorted(books.excluded.items())
        if number
    ]


def _tiles(books: balance.Balance) -> list[dict[str, Any]]:
    """The recipients by outcome; the numbers add up to those who are texted."""
    always = ("accepted", "row_error", "rejected")
    return [
        {
            "outcome": outcome,
            "label": TILE_WORDS.get(outcome, OUTCOME_WORDS[outcome]),
            "kind": OUTCOME_KINDS[outcome],
            "number": number,
        }
        for outcome, number in books.by_outcome.items()
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


def _recipients(request: HttpRequest, row: Campaign, batches: list[Batch]) -> dict[str, Any]:
    form = RecipientFilter(request.GET or None, batch_numbers=sorted({batch.number for batch in batches}))
    wanted = form.cleaned_data if form.is_valid() else {}
    among = outcomes.narrowed(row, batches, wanted)
    page = number_page(among, outcomes.filtered(row, batches, wanted), **key_of(request))
    # Sets the outcome on the rows of this page only: one query, however many recipients there are.
    table = RecipientTable(outcomes.add_outcomes(row, batches, page.rows), labels=row.value_labels(), orderable=False)
    kept = {key: str(value) for key, value in request.GET.items() if key in FILTER and value}
    return {
        "table": table,
        "pages": Links(request, page),
        "filter": form,
        "filter_query": urlencode(kept),
        "is_filtered": bool(kept),
    }


def _history(request: HttpRequest, row: Campaign) -> dict[str, Any]:
    """A page of the history; ``?before=`` is the id of an event."""
    before = as_id(request.GET.get("before"))
    events = _events(row)
    page = list((events if before is None else events.filter(pk__lt=before))[: EVENTS_A_PAGE + 1])
    older = page[EVENTS_A_PAGE - 1].pk if len(page) > EVENTS_A_PAGE else 0
    return {"history": history_of(page[:EVENTS_A_PAGE]), "older": older, "has_newer": before is not None}


def _actions(request: HttpRequest, row: Campaign) -> dict[str, Any]:
    """The actions that this user may take now, and the numbers for their confirmations."""
    may_change = request.user.has_perm("campaigns.change_campaign")
    may_approve = request.user.has_perm("campaigns.approve_campaign")
    stopped_by_itself = row.status == Campaign.Status.PAUSED and row.reason != PAUSED_BY_USER
    return {
        "may_pause": decisions.may_stop(request.user) and row.status == Campaign.Status.RUNNING,
        "may_resume": row.status == Campaign.Status.PAUSED and (may_approve or (may_change and not stopped_by_itself)),
        "may_cancel": may_change and row.status not in (Campaign.Status.CLOSED, Campaign.Status.CANCELLED),
        "may_change_back": may_change
        and row.kind != Campaign.Kind.TEST
        and row.status in (Campaign.Status.FROZEN, Campaign.Status.APPROVED, Campaign.Status.HELD),
        "may_confirm_start": may_approve and row.status == Campaign.Status.HELD,
        "needs_approver": stopped_by_itself and not may_approve,
    }


def _to_approve(request: HttpRequest, row: Campaign) -> dict[str, Any]:
    why_not = decisions.why_not_approve(row, request.user)
    total = row.counts.get("included", 0)
    faults = {code: (count, "") for code, count in row.counts.get("text_faults", {}).items()}
    now = timezone.now()
    warnings = warnings_of(row, faults, total, row.counts.get("parts", 0), now)
    warnings += window_warnings(row, read_groups(row.counts.get("groups", [])), now)
    tests = results_context(row)
    return {
        **sample_of(request, row),
        "why_not": why_not,
        "changes": changes_of(row),
        "corrected": corrections.corrected_people(row) if row.follows_id else "",
        "warnings": linked([*warnings, *test_handover.no_test_warning(tests["tests"])], row),
        **tests,
        "is_self_approval": not why_not and settings.SELF_APPROVAL and decisions.is_own(row, request.user),
        "included": total,
        "typical": row.counts.get("typical"),
        "expensive": expensive_words(row.counts.get("expensive", {})),
        "histogram": [
            (int(parts), n) for parts, n in sorted(row.counts.get("histogram", {}).items(), key=lambda i: int(i[0]))
        ],
        "excluded": [(EXCLUDED_WORDS[reason], n) for reason, n in sorted(row.counts.get("excluded", {}).items()) if n],
        "start_form": StartForm(),
    }


def _events(row: Campaign) -> QuerySet[Event]:
    return row.events.select_related("user", "batch").order_by("-id")
