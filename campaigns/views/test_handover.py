"""Testing a campaign: its text on phones of our own, before anybody else gets it."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from campaigns import jobs, test_handover
from campaigns.audience.spec import rehearsal_of
from campaigns.forms.test_handover import TestForm
from campaigns.models import Campaign, TestNumber
from campaigns.timing import TEST_REFRESH_SECONDS
from contacts import queues
from contacts.errors import Refusal
from contacts.timing import STOP_POLLING


def _campaign(pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("account"), pk=pk)


@require_http_methods(["GET", "POST"])
@permission_required("campaigns.change_campaign", raise_exception=True)
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose phones and whose values are used; a POST starts the test."""
    campaign = _campaign(pk)
    lists = campaign.ordered_lists()
    form = TestForm(lists[0].country if lists else "", request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        numbers = form.cleaned_data["numbers"]
        try:
            started = test_handover.start_test(
                campaign, request.user, numbers, form.cleaned_data["person"], timezone.now()
            )
        except Refusal as refusal:
            form.add_error(None, refusal.sentence)
        else:
            queues.enqueue_once(jobs.freeze, started.pk)
            messages.success(request, f"A test to {', '.join(number.name for number in numbers)} has started.")
            return redirect(campaign)
    context = {
        "campaign": campaign,
        "form": form,
        "has_numbers": TestNumber.objects.exists(),
        "rehearsal": rehearsal_of(campaign) if campaign.account_id else "",
        **results_context(campaign),
    }
    return render(request, "campaigns/test.html", context, status=422 if form.errors else 200)


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def results(request: HttpRequest, pk: int) -> HttpResponse:
    """The results of a campaign's tests, which refresh themselves until they are final."""
    context = {"campaign": (campaign := _campaign(pk)), **results_context(campaign)}
    status = 200 if context["tests_are_live"] else STOP_POLLING
    return render(request, "campaigns/_tests.html", context, status=status)


def results_context(campaign: Campaign) -> dict[str, Any]:
    """What ``_tests.html`` shows."""
    tests = test_handover.results_of(campaign)
    return {
        "tests": tests,
        "tests_now": [result for result in tests if not result.is_outdated],
        "tests_outdated": [result for result in tests if result.is_outdated],
        "tests_are_live": any(result.is_live for result in tests),
        "test_refresh_seconds": TEST_REFRESH_SECONDS,
    }
