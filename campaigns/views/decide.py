"""The actions of people: POST only, each one deed, and what a worker should do next."""

from collections.abc import Callable

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from campaigns import audience, decisions, jobs
from campaigns.forms import StartForm
from campaigns.lifecycle import Refusal
from campaigns.models import Batch, Campaign


def _do(request: HttpRequest, deed: Callable[[], None], said: str) -> bool:
    """Do the deed and tell how it went. Returns whether it was done."""
    try:
        deed()
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return False
    messages.success(request, said)
    return True


def _campaign(pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("account"), pk=pk)


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def freeze(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    if campaign.status != "draft":
        messages.error(request, f"{campaign} is not a draft any more.")
    elif _do(
        request,
        lambda: audience.begin_freeze(campaign, request.user, timezone.now()),
        "Freezing begins: people, values and text are copied and do not change any more.",
    ):
        jobs.nudge("freeze", campaign.pk)
    return redirect(campaign)


def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve the frozen thing. After signing in again the browser comes back here with its POST, or with a GET."""
    if request.method != "POST":
        return redirect("campaigns:campaign", pk)
    return _approve(request, pk)


@permission_required("campaigns.approve_campaign", raise_exception=True)
@reauthentication_required
def _approve(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    seen_hash = request.POST.get("seen_hash", "")
    if _do(
        request,
        lambda: decisions.approve(campaign, request.user, seen_hash, timezone.now()),
        f"Approved. {campaign} is handed over when its start has come.",
    ):
        jobs.nudge("cut", campaign.pk)
    return redirect(campaign)


@require_POST
@permission_required("campaigns.approve_campaign", raise_exception=True)
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    campaign, why = _campaign(pk), request.POST.get("why", "")
    _do(request, lambda: decisions.reject(campaign, request.user, why), "Rejected. It is a draft again.")
    return redirect(campaign)


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def change(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    if _do(request, lambda: decisions.change(campaign, request.user), "It is a draft again and can be changed."):
        return redirect("campaigns:edit", pk)
    return redirect(campaign)


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    _do(request, lambda: decisions.pause(campaign, request.user), "Paused. What is with the provider stays there.")
    return redirect(campaign)


@require_POST
@permission_required("campaigns.view_campaign", raise_exception=True)
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    if _do(request, lambda: decisions.resume(campaign, request.user, timezone.now()), "Handing over again."):
        jobs.nudge("cut", campaign.pk)
    return redirect(campaign)


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = _campaign(pk)
    _do(
        request,
        lambda: decisions.cancel(campaign, request.user),
        "Cancelled. Nothing more is handed over; results of what is with the provider are still collected.",
    )
    return redirect(campaign)


@require_POST
@permission_required("campaigns.approve_campaign", raise_exception=True)
def confirm_start(request: HttpRequest, pk: int) -> HttpResponse:
    campaign, form = _campaign(pk), StartForm(request.POST)
    if not form.is_valid():
        messages.error(request, "The new start is not a date and a time.")
    elif _do(
        request,
        lambda: decisions.confirm_start(campaign, request.user, form.cleaned_data["start_at"], timezone.now()),
        "The new start is confirmed.",
    ):
        jobs.nudge("cut", campaign.pk)
    return redirect(campaign)


def _batch(pk: int) -> Batch:
    return get_object_or_404(Batch.objects.select_related("campaign__account", "account"), pk=pk)


@require_POST
@permission_required("campaigns.release_batch", raise_exception=True)
def batch_release(request: HttpRequest, pk: int) -> HttpResponse:
    batch, why = _batch(pk), request.POST.get("why", "")
    if _do(
        request,
        lambda: decisions.release(batch, request.user, why, timezone.now()),
        f"Released: {batch.rows:,} messages are handed over.",
    ):
        jobs.nudge("hand_over", batch.account_id)
    return redirect("campaigns:batch", pk)


@require_POST
@permission_required("campaigns.release_batch", raise_exception=True)
def batch_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    batch, why = _batch(pk), request.POST.get("why", "")
    _do(
        request,
        lambda: decisions.cancel_batch(batch, request.user, why),
        f"Cancelled: {batch.rows:,} messages are not handed over.",
    )
    return redirect("campaigns:batch", pk)


def batch_decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide an unclear batch. After signing in again the browser comes back here with its POST, or with a GET."""
    if request.method != "POST":
        return redirect("campaigns:batch", pk)
    return _decide(request, pk)


@permission_required("campaigns.decide_batch", raise_exception=True)
@reauthentication_required
def _decide(request: HttpRequest, pk: int) -> HttpResponse:
    batch, decision, why = _batch(pk), request.POST.get("decision", ""), request.POST.get("why", "")
    if _do(
        request,
        lambda: decisions.decide(batch, request.user, decision, why, timezone.now()),
        "Decided; the reason is in the history.",
    ):
        jobs.nudge("hand_over", batch.account_id)
        return redirect("campaigns:batch", pk)
    return redirect(f"{reverse('campaigns:batch', args=[pk])}#decide")
