"""The causes of failures on a campaign's page: where the people are listed, and the next step as a button."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from campaigns.models import Campaign
from campaigns.results.causes import Found, Step

#: The steps that text people again, and what the button adds to "Text them again".
_AGAIN = {
    Step.TOP_UP: "",
    Step.TEXT_AGAIN: "",
    Step.FIX_TEXT: " with another text",
    Step.FIX_SENDER: " from another sender",
    Step.FIX_SETTINGS: " with other settings",
}
#: The outcome of the people that a step is about, for the filter of the recipients.
_OUTCOMES = {Step.DECIDE: "needs_decision", Step.REVIEW: "needs_decision", Step.UNDELIVERED: "accepted"}


def steps_of(request: HttpRequest, campaign: Campaign, causes: list[Found]) -> list[dict[str, Any]]:
    """Each cause with ``people``, the address of their list, and ``url`` and ``label`` of the next step (or "")."""
    return [{"cause": cause, "people": _list(campaign, cause), **_step(request, campaign, cause)} for cause in causes]


def _list(campaign: Campaign, cause: Found) -> str:
    if cause.step == Step.LIST:
        return f"{campaign.get_absolute_url()}?tab=recipients"
    outcome = _OUTCOMES.get(cause.step, "rejected" if cause.is_of_files else "row_error")
    query = {"tab": "recipients", "outcome": outcome, "code": cause.code}
    return f"{campaign.get_absolute_url()}?{urlencode(query)}"


def _step(request: HttpRequest, campaign: Campaign, cause: Found) -> dict[str, str]:
    account = {"url": campaign.account.get_absolute_url(), "label": "Test the account"}
    if cause.step == Step.DECIDE:
        unclear = reverse("campaigns:unclear", args=[campaign.pk])
        return {"url": f"{unclear}?{urlencode({'reason': cause.code})}", "label": "Show evidence"}
    if cause.step == Step.TEST_ACCOUNT or (cause.step in _AGAIN and campaign.account.is_stopped):
        return account
    if cause.step in _AGAIN:
        if again := _follow_up(request, campaign, cause):
            count = f"{cause.count:,}"
            return {
                "url": again,
                "label": f"Text {'this one' if cause.count == 1 else count} again{_AGAIN[cause.step]}",
            }
        return _numbers(campaign, cause)
    if cause.step == Step.FIX_NUMBERS and (again := _follow_up(request, campaign, cause)):
        numbers = "this number" if cause.count == 1 else f"these {cause.count:,} numbers"
        return {"url": again, "label": f"Correct {numbers}"}
    if cause.step in (Step.REVIEW, Step.ASK_PROVIDER, Step.ASK_ADMINISTRATOR) and cause.is_of_files:
        label = "Review the file" if cause.step == Step.REVIEW else "Show the file"
        if cause.batch:
            return {"url": reverse("campaigns:batch", args=[cause.batch]), "label": label}
        return {"url": f"{campaign.get_absolute_url()}?tab=files", "label": f"{label}s"}
    if cause.step in (Step.FIX_NUMBERS, Step.ASK_PROVIDER, Step.ASK_ADMINISTRATOR):
        return _numbers(campaign, cause)
    return {"url": "", "label": ""}


def _numbers(campaign: Campaign, cause: Found) -> dict[str, str]:
    label = "Show the number" if cause.count == 1 else f"List the {cause.count:,} numbers"
    return {"url": _list(campaign, cause), "label": label}


def _follow_up(request: HttpRequest, campaign: Campaign, cause: Found) -> str:
    """The page that writes a campaign to the people with this cause; "" for users who may not write campaigns."""
    if not request.user.has_perm("campaigns.add_campaign"):
        return ""
    return f"{reverse('campaigns:follow_up', args=[campaign.pk])}?{urlencode({'code': cause.code})}"
