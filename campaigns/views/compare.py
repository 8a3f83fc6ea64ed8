"""What each account would do with a draft, before one is chosen."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from campaigns.audience.compare import ask_for_quote, choose_account, compare_accounts, group_alike
from campaigns.audience.sources import Sources
from campaigns.models import Campaign
from contacts.errors import Refusal
from providers.errors import Trouble
from providers.models import Account


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def compare(request: HttpRequest, pk: int) -> HttpResponse:
    """A page of its own, or the fragment that the check loads."""
    campaign = get_object_or_404(Campaign.objects.select_related("account"), pk=pk)
    if campaign.status != Campaign.Status.DRAFT:
        return redirect(campaign)
    context = {"campaign": campaign, **compared(campaign)}
    context["may_change"] = request.user.has_perm("campaigns.change_campaign")
    return render(request, "campaigns/_account_checks.html" if request.htmx else "campaigns/compare.html", context)  # type: ignore[attr-defined]


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def choose(request: HttpRequest, pk: int, account_pk: int) -> HttpResponse:
    campaign, account = get_object_or_404(Campaign, pk=pk), get_object_or_404(Account, pk=account_pk)
    try:
        choose_account(campaign, account, request.user)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, f"{campaign} now goes through {account}. Check its options before you submit it.")
    return redirect("campaigns:check", pk)


@require_POST
@permission_required("campaigns.change_campaign", raise_exception=True)
def quote(request: HttpRequest, pk: int, account_pk: int) -> HttpResponse:
    """Ask a provider for its price. The answer is a message on the comparison."""
    campaign, account = get_object_or_404(Campaign, pk=pk), get_object_or_404(Account, pk=account_pk)
    if campaign.status != Campaign.Status.DRAFT:
        return redirect(campaign)
    try:
        said = ask_for_quote(campaign, account)
    except (Refusal, Trouble) as trouble:
        messages.error(request, trouble.sentence)
    else:
        messages.info(request, f"{account} quotes {said} for the text of the first recipient. Nobody was texted.")
    return redirect("campaigns:compare", pk)


def compared(campaign: Campaign, sources: Sources | None = None) -> dict[str, Any]:
    """What each account would do with a draft, or why that is not known."""
    try:
        checks = compare_accounts(campaign, timezone.now(), sources)
    except Refusal as refusal:
        return {"account_checks": [], "account_checks_refusal": refusal.sentence}
    return {"account_checks": checks, "account_check_groups": group_alike(checks)}
