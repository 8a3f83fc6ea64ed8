"""The page of one batch: every attempt, every look, every file seen, and their bytes."""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.timesince import timeuntil
from django.views.decorators.http import require_GET

from campaigns import journal
from campaigns.forms import DecideForm, ReasonForm
from campaigns.models import Batch, Evidence
from campaigns.orders import rehearsal_of
from campaigns.templatetags.standing import zoned
from campaigns.views import keeping
from providers.base import GuardKind

#: Bytes of a provider's reply that are shown; the whole of it is kept.
SHOWN_OF_A_REPLY = 500


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Batch.objects.select_related("campaign__account", "account"), pk=pk)
    user = request.user
    may_decide = row.status == "unclear" and user.has_perm("campaigns.decide_batch")
    kept = keeping.give_back(request, request.path)
    form = DecideForm(initial={"why": kept["why"], "decision": kept["decision"]})
    must_confirm = may_decide and keeping.must_confirm(request)
    if must_confirm:
        keeping.await_password(form)
    if kept["refused"] and not may_decide:
        # It was decided meanwhile: the card that would say so is gone.
        messages.error(request, kept["refused"])
    left = row.rows - row.row_errors - row.accepted_rows
    people = f"{left:,} recipient{'' if left == 1 else 's'}"
    context = {
        "batch": row,
        "campaign": row.campaign,
        "rehearsal": rehearsal_of(row.campaign),
        "left": left,
        "events": row.events.select_related("user").order_by("-id")[:200],
        "generations": Batch.objects.filter(campaign=row.campaign_id, number=row.number).exclude(pk=row.pk),
        "has_expired": row.expires_at is not None and row.expires_at <= timezone.now(),
        "may_release": row.status == "held" and user.has_perm("campaigns.release_batch"),
        "may_decide": may_decide,
        "must_confirm": must_confirm,
        "refused": kept["refused"],
        "reason_form": ReasonForm(),
        "decide_form": form,
        "question": {
            "title": f"Decide about {row.name}?",
            "text": f"The decision about {people} cannot be taken back.",
            "label": f"Decide about {people}",
        },
        **beside(row, timezone.now()),
    }
    return render(request, "campaigns/batch.html", context)


def beside(row: Batch, now: datetime, looks: int = 100) -> dict[str, Any]:
    """All that is known of a batch, to stand side by side: our journal, our attempts, and what was seen."""
    attempts = list(row.attempts.order_by("number"))
    for attempt in attempts:
        reply = bytes(attempt.receipt)[:SHOWN_OF_A_REPLY].decode("utf-8", "replace")
        attempt.reply = reply  # type: ignore[attr-defined]
    return {
        "attempts": attempts,
        "sightings": row.evidence.order_by("-id")[:looks],
        "journal": journal.lines_of(row.stem),
        "about_a_repeat": about_a_repeat(row, now),
    }


def about_a_repeat(row: Batch, now: datetime) -> str:
    """A sentence: whether, and until when, Baton relies on the provider dropping the very file when it comes again."""
    guard = row.account.adapter.guard
    if guard.kind is not GuardKind.KEY:
        return "This provider does not recognise a repeated file."
    if row.first_intent_at is None:
        return ""
    ends_at = row.first_intent_at + guard.window
    if ends_at <= now:
        return "The time in which the provider would drop a repeat is over."
    until = f"{zoned(ends_at)} ({timeuntil(ends_at, now)} left)"
    return f"Baton relies until {until} on the provider dropping this very file when it comes again."


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def payload(request: HttpRequest, pk: int) -> FileResponse:
    """The bytes that are handed over, under the name they bear."""
    row = get_object_or_404(Batch, pk=pk)
    return _download(str(row.payload.name), row.name)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def evidence_reply(request: HttpRequest, pk: int, position: int) -> FileResponse:
    """The bytes of the reply at ``position`` (from 0) of a look."""
    replies = get_object_or_404(Evidence, pk=pk).replies
    if position >= len(replies):
        raise Http404("There is no such reply.")
    return _download(replies[position], f"reply-{pk}-{position}.txt")


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def evidence_file(request: HttpRequest, pk: int, position: int) -> FileResponse:
    """The content of the file at ``position`` (from 0) of a look. The path is our row's, never a remote name."""
    files = get_object_or_404(Evidence, pk=pk).files
    if position >= len(files) or not files[position]["body"]:
        raise Http404("This file was not read.")
    return _download(files[position]["body"], PurePosixPath(files[position]["name"]).name)


def _download(path: str, name: str) -> FileResponse:
    if not default_storage.exists(path):
        raise Http404("The file is gone from the storage.")
    # Whatever a provider wrote is only ever downloaded, never shown by the browser.
    return FileResponse(
        default_storage.open(path), as_attachment=True, filename=name, content_type="application/octet-stream"
    )
