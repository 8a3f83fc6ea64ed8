"""The actions of people. Each is a POST that performs one operation and enqueues the job that follows."""

from collections.abc import Callable
from urllib.parse import urlencode

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from campaigns import copying, decisions, jobs
from campaigns.audience import freeze as audience_freeze
from campaigns.forms.decisions import DecideForm, DecideManyForm, StartForm
from campaigns.models import Batch, Campaign
from campaigns.views import kept_form
from campaigns.views.evidence import beside, warn_of_unread
from contacts import queues
from contacts.errors import Refusal

#: Unclear files of one campaign on one page; the next ones follow once these are decided.
SHOWN_UNCLEAR = 50


def _perform(request: HttpRequest, operation: Callable[[], None], said: str) -> bool:
    """Run the operation and show a message with the result. Returns whether it was done."""
    try:
        operation()
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return False
    messages.success(request, said)
    return True


def _campaign(pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("account"), pk=pk)


@require_POST
@permission_required("campaigns.add_campaign", raise_exception=True)
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    try:
        made = copying.copy_campaign(campaign, request.user, timezone.now())
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect(campaign)
    messages.success(request, "Copied as a new draft. Its recipients are the people who are on its lists today.")
    return redirect("campaigns:edit", made.pk)


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def freeze(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    if campaign.status != Campaign.Status.DRAFT:
        messages.error(request, f"{campaign} is no longer a draft.")
    elif _perform(
        request,
        lambda: audience_freeze.begin_freeze(campaign, request.user, timezone.now()),
        "Submitted. Recipients, values and text are copied, and no longer change.",
    ):
        queues.enqueue_once(jobs.freeze, campaign.pk)
    return redirect(campaign)


def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve a frozen campaign. After confirming the password, the browser returns here with its POST, or with a
    GET."""
    if request.method != "POST":
        return redirect("campaigns:campaign", pk)
    return _approve(request, pk)


@permission_required("campaigns.approve_campaign", raise_exception=True)
@reauthentication_required
def _approve(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    seen_hash = request.POST.get("seen_hash", "")
    if _perform(
        request,
        lambda: decisions.approve(campaign, request.user, seen_hash, timezone.now()),
        f"Approved. {campaign} is handed over at its start.",
    ):
        queues.enqueue_once(jobs.create_batches, campaign.pk)
    return redirect(campaign)


@require_POST
@permission_required("campaigns.approve_campaign", raise_exception=True)
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    campaign, why = _campaign(pk), request.POST.get("why", "")
    _perform(request, lambda: decisions.reject(campaign, request.user, why), "Sent back. It is a draft again.")
    return redirect(campaign)


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def change(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    if _perform(request, lambda: decisions.change(campaign, request.user), "It is a draft again and can be changed."):
        return redirect("campaigns:edit", pk)
    return redirect(campaign)


@require_POST
@permission_required("campaigns.view_campaign", raise_exception=True)
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    if not decisions.may_stop(request.user):
        raise PermissionDenied
    campaign = _campaign(pk)
    _perform(
        request, lambda: decisions.pause(campaign, request.user), "Paused. Files already with the provider stay there."
    )
    return redirect("campaigns:standing", pk)


@require_POST
@permission_required("campaigns.view_campaign", raise_exception=True)
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    if _perform(request, lambda: decisions.resume(campaign, request.user, timezone.now()), "Resumed."):
        queues.enqueue_once(jobs.create_batches, campaign.pk)
    return redirect(campaign)


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def release_canary(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    if _perform(
        request,
        lambda: decisions.release_canary(campaign, request.user, timezone.now()),
        "Continued. The other recipients follow.",
    ):
        queues.enqueue_once(jobs.create_batches, campaign.pk)
    return redirect(campaign)


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    _perform(
        request,
        lambda: decisions.cancel(campaign, request.user),
        "Cancelled. Nothing more is handed over. Results of files with the provider are still collected.",
    )
    return redirect(campaign)


@require_POST
@permission_required("campaigns.approve_campaign", raise_exception=True)
def confirm_start(request: HttpRequest, pk: int) -> HttpResponse:
    campaign, form = _campaign(pk), StartForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The new start is not a date and a time.")
    elif _perform(
        request,
        lambda: decisions.confirm_start(campaign, request.user, form.cleaned_data["start_at"], timezone.now()),
        "The new start is confirmed.",
    ):
        queues.enqueue_once(jobs.create_batches, campaign.pk)
    return redirect(campaign)


def _batch(pk: int) -> Batch:
    return get_object_or_404(Batch.objects.select_related("campaign__account", "account"), pk=pk)


def _messages(batch: Batch) -> str:
    return "1 message is" if batch.rows == 1 else f"{batch.rows:,} messages are"


@require_POST
@permission_required("campaigns.release_batch", raise_exception=True)
def batch_release(request: HttpRequest, pk: int) -> HttpResponse:
    batch, why = _batch(pk), request.POST.get("why", "")
    if _perform(
        request,
        lambda: decisions.release(batch, request.user, why, timezone.now()),
        f"Released: {_messages(batch)} handed over.",
    ):
        queues.enqueue_once(jobs.hand_over, batch.account_id)
    return redirect("campaigns:batch", pk)


@require_POST
@permission_required("campaigns.release_batch", raise_exception=True)
def batch_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    batch, why = _batch(pk), request.POST.get("why", "")
    _perform(
        request,
        lambda: decisions.cancel_batch(batch, request.user, why),
        f"Cancelled: {_messages(batch)} not handed over.",
    )
    return redirect("campaigns:batch", pk)


def batch_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide an unclear batch. After confirming the password, the browser returns with its POST, or with a GET."""
    if request.method != "POST":
        return redirect(f"{reverse('campaigns:batch', args=[pk])}#decide")
    return _keep_and_decide(request, pk)


@permission_required("campaigns.decide_batch", raise_exception=True)
def _keep_and_decide(request: HttpRequest, pk: int) -> HttpResponse:
    page = reverse("campaigns:batch", args=[pk])
    # Before the password is asked for, so that a user who turns back finds the form filled in.
    kept_form.keep(request, page)
    if "confirm" in request.POST:
        return redirect(kept_form.confirm_url(request, page))
    return _decide(request, pk)


@reauthentication_required
def _decide(request: HttpRequest, pk: int) -> HttpResponse:
    batch, form = _batch(pk), DecideForm(request.POST, request.FILES)
    page = reverse("campaigns:batch", args=[pk])
    try:
        if not form.is_valid():
            raise Refusal("not_valid", _first_error(form))
        asked, seen = form.cleaned_data, request.POST.get("seen", "")
        decisions.decide(batch, request.user, asked["decision"], asked["why"], timezone.now(), asked["log"], seen=seen)
    except Refusal as refusal:
        kept_form.keep(request, page, refused=refusal.sentence)
        return redirect(f"{page}#decide")
    kept_form.discard(request)
    messages.success(request, f"{decisions.DECISIONS[asked['decision']]}. The reason is in the history.")
    queues.enqueue_once(jobs.hand_over, batch.account_id)
    return redirect(page)


def _unclear_page(pk: int, reason: str) -> str:
    page = reverse("campaigns:unclear", args=[pk])
    return f"{page}?{urlencode({'reason': reason})}" if reason else page


@permission_required("campaigns.view_campaign", raise_exception=True)
def unclear(request: HttpRequest, pk: int) -> HttpResponse:
    """A campaign's unclear files with their evidence side by side, to be decided together.

    ``?reason=`` shows only those with that reason.
    """
    if request.method == "POST":
        return _keep_and_decide_many(request, pk)
    campaign = _campaign(pk)
    now = timezone.now()
    every = list(campaign.batches.filter(status=Batch.Status.UNCLEAR).select_related("account").order_by("number"))
    reason = request.GET.get("reason", "")
    batches = [batch for batch in every if not reason or batch.reason == reason]
    shown = batches[:SHOWN_UNCLEAR]
    kept = kept_form.take(request, reverse("campaigns:unclear", args=[pk]))
    for batch in shown:
        batch.beside = beside(batch, now, polls=3)  # type: ignore[attr-defined]
        batch.left = batch.rows - batch.row_errors - batch.accepted_rows  # type: ignore[attr-defined]
        batch.is_chosen = str(batch.pk) in kept["batches"]  # type: ignore[attr-defined]
    form = DecideManyForm(campaign=campaign, initial={"why": kept["why"], "decision": kept["decision"]})
    unread = [batch for batch in shown if batch.beside["may_still_be_processed"]]  # type: ignore[attr-defined]
    if unread:
        numbers = ", ".join(f"{batch.number:,}" for batch in unread)
        files = f"file{'' if len(unread) == 1 else 's'} {numbers}"
        warn_of_unread(form, f"Still at the provider, and may still be processed: {files}.")
    must_confirm = kept_form.must_confirm(request)
    if must_confirm:
        kept_form.await_password(form)
    context = {
        "campaign": campaign,
        "batches": shown,
        "more": len(batches) - SHOWN_UNCLEAR,
        "reason": reason,
        "of_all": len(every),
        "may_decide": request.user.has_perm("campaigns.decide_batch"),
        "must_confirm": must_confirm,
        "form": form,
    }
    return render(request, "campaigns/unclear.html", context)


@permission_required("campaigns.decide_batch", raise_exception=True)
def _keep_and_decide_many(request: HttpRequest, pk: int) -> HttpResponse:
    kept_form.keep(request, reverse("campaigns:unclear", args=[pk]))
    if "confirm" in request.POST:
        return redirect(kept_form.confirm_url(request, _unclear_page(pk, request.POST.get("reason", ""))))
    return _decide_many(request, pk)


@reauthentication_required
def _decide_many(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    form = DecideManyForm(request.POST, request.FILES, campaign=campaign)
    page = _unclear_page(pk, request.POST.get("reason", ""))
    if not form.is_valid():
        messages.error(request, _first_error(form))
        return redirect(page)
    asked = form.cleaned_data
    batches = list(asked["batches"].select_related("campaign__account", "account"))
    seen = {batch.pk: request.POST.get(f"seen-{batch.pk}", "") for batch in batches}
    refused = decisions.decide_many(
        batches, request.user, asked["decision"], asked["why"], timezone.now(), asked["log"], seen=seen
    )
    for batch, sentence in list(refused.items())[:5]:
        messages.error(request, f"File {batch.number}: {sentence}")
    if len(refused) < len(batches):
        count = len(batches) - len(refused)
        messages.success(
            request,
            f"Decided about {count:,} file{'' if count == 1 else 's'}. {decisions.DECISIONS[asked['decision']]}. "
            "The reason is in the history.",
        )
        queues.enqueue_once(jobs.hand_over, campaign.account.pk)
    if refused:
        chosen = [str(batch.pk) for batch in refused]
        kept_form.keep(request, reverse("campaigns:unclear", args=[pk]), batches=chosen)
        return redirect(page)
    kept_form.discard(request)
    return redirect(campaign)


def _first_error(form: DecideForm) -> str:
    return next(str(errors[0]) for errors in form.errors.values())
