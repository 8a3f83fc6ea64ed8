"""The page of one batch: every attempt, every poll, every file seen, and their bytes."""

from datetime import datetime
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timeuntil
from django.views.decorators.http import require_GET

from campaigns.audience.spec import rehearsal_of
from campaigns.decisions import DECISIONS
from campaigns.forms.decisions import DecideForm, ReasonForm
from campaigns.handover import journal
from campaigns.handover.limits import is_too_late
from campaigns.models import Attempt, Batch, Evidence
from campaigns.results import reading
from campaigns.results.evidence import BytesDiffer, attempts_of, evidence_fingerprint, kept_body, payload_of
from campaigns.results.poll import log_failure
from campaigns.templatetags.badges import local_words
from campaigns.views import kept_form
from contacts.elements import icon
from contacts.export_log import record_export
from providers.base import BaseAdapter
from providers.limits import GuardKind

#: Bytes of a provider's reply that are shown. All of it is kept.
SHOWN_OF_A_REPLY = 500
#: An adapter's reasons for a file that the provider has yet to read, or is reading.
_UNREAD = {"waiting", "waiting_after_break", "ready", "processing"}
#: The decisions that would be wrong if the provider read the file later.
_DENYING = {"rejected", "again", "partly"}


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Batch.objects.select_related("campaign__account", "account"), pk=pk)
    user = request.user
    may_decide = row.status == Batch.Status.UNCLEAR and user.has_perm("campaigns.decide_batch")
    kept = kept_form.take(request, request.path)
    form = DecideForm(initial={"why": kept["why"], "decision": kept["decision"]})
    must_confirm = may_decide and kept_form.must_confirm(request)
    if must_confirm:
        kept_form.await_password(form)
    if kept["refused"] and not may_decide:
        # It was decided in the meantime, so the card that would show this is gone.
        messages.error(request, kept["refused"])
    left = row.rows - row.row_errors - row.accepted_rows
    people = f"{left:,} recipient{'' if left == 1 else 's'}"
    known = beside(row, timezone.now())
    if known["may_still_be_processed"]:
        warn_of_unread(form, "A file of this batch is still at the provider and may still be processed.")
    context = {
        "batch": row,
        "campaign": row.campaign,
        "rehearsal": rehearsal_of(row.campaign),
        "left": left,
        "events": row.events.select_related("user").order_by("-id")[:200],
        "generations": Batch.objects.filter(campaign=row.campaign_id, number=row.number).exclude(pk=row.pk),
        "has_expired": is_too_late(row, timezone.now()),
        "may_release": row.status == Batch.Status.HELD and user.has_perm("campaigns.release_batch"),
        "may_decide": may_decide,
        "must_confirm": must_confirm,
        "refused": kept["refused"],
        "reason_form": ReasonForm(),
        "decide_form": form,
        "question": {
            "title": f"Decide about {row.name}?",
            "text": f"The decision about {people} cannot be undone.",
            "label": f"Decide about {people}",
        },
        **known,
    }
    return render(request, "campaigns/batch.html", context)


def beside(row: Batch, now: datetime, polls: int = 100) -> dict[str, Any]:
    """Everything known about a batch, to be shown side by side: journal, attempts, and what was seen."""
    # Read first: a poll in between then makes the decision be refused, instead of going unnoticed.
    seen = evidence_fingerprint(row)
    attempts = list(row.attempts.order_by("number"))
    for attempt in attempts:
        reply = bytes(attempt.receipt)[:SHOWN_OF_A_REPLY].decode("utf-8", "replace")
        attempt.reply = reply  # type: ignore[attr-defined]
    sizes = {attempt.name: _size_there(row, attempt) for attempt in attempts}
    observations = list(row.evidence.order_by("-id")[:100])
    for observation in observations:
        for file in observation.files:
            file["extent"] = _extent(file, sizes.get(file["name"]))
    return {
        "seen": seen,
        "attempts": attempts,
        "observations": observations[:polls],
        "journal": journal.lines_of(row.stem),
        "about_a_repeat": about_a_repeat(row, now),
        "not_asked": not_asked(row, attempts),
        "size_there": next((size for size in sizes.values() if size and size != row.size), None),
        "seen_of_it": _seen_of_it(observations, sizes),
        "may_still_be_processed": may_still_be_processed(row),
    }


def _size_there(row: Batch, attempt: Attempt) -> int | None:
    """The bytes that an attempt stores at the provider; None if that is not known.

    An adapter that stages nothing by name, yet reports a size, reports what it puts before the payload.
    """
    if type(row.account.adapter).stage is BaseAdapter.stage or attempt.staged_name:
        return row.size
    is_timed = row.campaign.end_at or (row.campaign.is_early and row.campaign.start_at)
    # Lines with times differ between attempts, and an attempt replayed from the journal does not say what was added.
    return None if is_timed or not attempt.staged_size else row.size + attempt.staged_size


def _extent(file: dict[str, Any], size: int | None) -> str:
    """``whole`` or ``a part`` for an upload of ours, as far as its size tells."""
    if size is None or file["size"] > size:
        return ""
    return "whole" if file["size"] == size else "a part"


def _seen_of_it(observations: list[Evidence], sizes: dict[str, int | None]) -> str:
    """``32,768 of 75,213 bytes``: what was last seen of an upload of ours; "" if nothing was."""
    for observation in observations:
        for file in observation.files:
            if size := sizes.get(file["name"]):
                return f"{file['size']:,} of {size:,} bytes"
    return ""


def may_still_be_processed(row: Batch) -> bool:
    """Whether the last poll saw a file of the batch that the provider had not read, or not to its end.

    A file may stay there long after it was read: if the provider has reported about it, it was read.
    """
    last = row.evidence.order_by("-id").first()
    if last is None or not last.files:
        return False
    try:
        interpretation = reading.interpret(row, payload_of(row), attempts_of(row))
    except BytesDiffer:
        return False
    except Exception as error:
        # If Baton cannot interpret what was seen, people decide, so their page must not fail as well.
        log_failure(row.pk, error)
        return False
    return interpretation.reason in _UNREAD


def warn_of_unread(form: DecideForm, sentence: str) -> None:
    """Put ``sentence`` next to the decisions that say that nobody, or not everybody, was texted."""
    warning = format_html(' <span class="choice-warning">{} {}</span>', icon("exclamation-triangle"), sentence)
    form.fields["decision"].choices = [  # type: ignore[attr-defined]
        (code, format_html("{}{}", words, warning) if code in _DENYING else words) for code, words in DECISIONS.items()
    ]


def not_asked(row: Batch, attempts: list[Attempt]) -> str:
    """A sentence for a poll without a host: nobody answered, so nothing was seen and nothing was missing."""
    adapter = row.account.adapter
    name = adapter.label.partition(" (")[0]
    if type(adapter).survey is not BaseAdapter.survey:
        return f"No server of {name} answered."
    if row.provider_ref or any(attempt.provider_ref for attempt in attempts):
        return f"{name} could not be asked about this file at that time."
    return f"{name} cannot be asked about a file for which it returned no reference."


def about_a_repeat(row: Batch, now: datetime) -> str:
    """A sentence: whether, and until when, Baton relies on the provider to drop a repeated file."""
    guard = row.account.adapter.guard
    if guard.kind is GuardKind.RENAME:
        return "The provider starts on a file when it is renamed, and a rename can succeed only once."
    if guard.kind is GuardKind.NONE:
        return "This provider does not recognise a repeated file."
    if row.first_intent_at is None:
        return ""
    ends_at = row.first_intent_at + guard.window
    if ends_at <= now:
        return "Baton no longer relies on the provider to drop a repeated file."
    until = f"{local_words(ends_at)} ({timeuntil(ends_at, now)} left)"
    return f"Until {until}, Baton relies on the provider to drop this file if it is uploaded again."


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def payload(request: HttpRequest, pk: int) -> FileResponse:
    """The bytes that are handed over, under the batch's file name."""
    row = get_object_or_404(Batch, pk=pk)
    response = _download(str(row.payload.name), row.name)
    record_export(request, row, "payload", rows=row.rows)
    return response


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def evidence_reply(request: HttpRequest, pk: int, position: int) -> FileResponse:
    """The bytes of the reply at ``position`` (from 0) of a poll."""
    seen = get_object_or_404(Evidence, pk=pk)
    replies = seen.replies
    if position >= len(replies):
        raise Http404("There is no such reply.")
    response = _download(replies[position], f"reply-{pk}-{position}.txt")
    record_export(request, seen, f"reply {position + 1}", bytes=default_storage.size(replies[position]))
    return response


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
@permission_required("contacts.export_numbers", raise_exception=True)
def evidence_file(request: HttpRequest, pk: int, position: int) -> FileResponse:
    """The content of the file at ``position`` (from 0) of a poll. The path is from our row, never a remote name."""
    seen = get_object_or_404(Evidence, pk=pk)
    files = seen.files
    if position >= len(files) or not files[position]["body"]:
        raise Http404("This file was not read.")
    file = files[position]
    try:
        body = kept_body(file["body"])
    except FileNotFoundError as error:
        raise Http404("The file is missing from the storage.") from error
    record_export(request, seen, f"file {position + 1}", bytes=len(body))
    return _attachment(BytesIO(body), PurePosixPath(file["name"]).name)


def _download(path: str, name: str) -> FileResponse:
    if not path or not default_storage.exists(path):
        raise Http404("The file is missing from the storage.")
    return _attachment(default_storage.open(path), name)


def _attachment(content: Any, name: str) -> FileResponse:
    # What a provider wrote is only ever downloaded, never rendered by the browser.
    return FileResponse(content, as_attachment=True, filename=name, content_type="application/octet-stream")
