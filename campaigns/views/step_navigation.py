"""The steps of a draft: which are complete, what is missing, and in which one a refusal can be fixed."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils import timezone

from campaigns.audience.check import refuse_foreign_fields, refuse_unbound_fields
from campaigns.audience.texts import compile_text
from campaigns.models import Campaign
from contacts.errors import Refusal

#: The steps in their order, with their labels.
LABELS = {"recipients": "Recipients", "message": "Message", "when": "When", "check": "Check"}

#: The step and its form field in which a refusal can be fixed, by code.
PLACES = {
    "no_list": ("recipients", "lists"),
    "labels_differ": ("recipients", "lists"),
    "import_applying": ("recipients", "lists"),
    "empty_audience": ("recipients", "lists"),
    "no_account": ("message", "account"),
    "account_inactive": ("message", "account"),
    "text_empty": ("message", "text"),
    "unknown_field": ("message", "text"),
    "fields_unbound": ("message", "text"),
    "looks_like_a_field": ("message", "text"),
    "texts_refused": ("message", "text"),
    "above_ceiling": ("when", "parts_ceiling"),
    "start_passed": ("when", "start_at"),
    "start_too_far": ("when", "start_at"),
    "end_passed": ("when", "end_at"),
    "early_without_start": ("when", "is_early"),
    "cannot_start_later": ("when", "is_early"),
    "start_outside_window": ("when", "start_at"),
    "window_invalid": ("when", "preset"),
    "window_never_opens": ("when", "preset"),
    "early_in_portions": ("when", "pace"),
}


@dataclass(frozen=True)
class Step:
    """One step of a draft. ``url`` is "" while the draft is not saved. ``missing``: sentences, none if complete."""

    name: str
    label: str
    url: str
    is_current: bool
    missing: tuple[str, ...]


def steps_of(campaign: Campaign, current: str) -> list[Step]:
    """The four steps of a draft, which may be unsaved, as the navigation shows them."""
    return [
        Step(name, label, step_url(campaign, name) if campaign.pk else "", name == current, missing_in(campaign, name))
        for name, label in LABELS.items()
    ]


def step_url(campaign: Campaign, name: str) -> str:
    """The page of one step."""
    if name == "recipients" and campaign.follows_id:
        return reverse("campaigns:people", args=[campaign.pk])
    return reverse("campaigns:check" if name == "check" else f"campaigns:{name}_step", args=[campaign.pk])


def fix_url(campaign: Campaign, code: str) -> str:
    """The step in which a refusal can be fixed, showing it beside its field; the first step for an unknown code."""
    step, _ = PLACES.get(code, ("recipients", ""))
    return f"{step_url(campaign, step)}?fix=1"


def fix_label(code: str) -> str:
    """The words of the link to ``fix_url``."""
    return f"Fix it in {LABELS[PLACES.get(code, ('recipients', ''))[0]]}"


def neighbours(name: str) -> tuple[str, str]:
    """The steps before and after this one; "" where there is none."""
    names = ["", *LABELS, ""]
    at = names.index(name)
    return names[at - 1], names[at + 1]


def first_unfinished(campaign: Campaign) -> str:
    """The first step that lacks something; the check if none does."""
    return next((name for name in LABELS if missing_in(campaign, name)), "check")


def missing_in(campaign: Campaign, name: str) -> tuple[str, ...]:
    """What a step of a draft lacks before it can be submitted, as sentences."""
    found = {"recipients": _recipients, "message": _message, "when": _when, "check": _check}[name]
    return tuple(found(campaign))


def _recipients(campaign: Campaign) -> Iterator[str]:
    has_people = campaign.follows_id or campaign.test_of_id
    if not has_people and not (campaign.pk and campaign.campaignlist_set.exists()):
        yield "Choose who gets the text."


def _message(campaign: Campaign) -> Iterator[str]:
    if not campaign.account_id:
        yield "Choose an account."
    elif not campaign.account.is_active:
        yield f"The account {campaign.account} is not active. Choose another one."
    try:
        compile_text(campaign.text)
    except Refusal as refusal:
        yield refusal.sentence
        return
    for refuse in (refuse_foreign_fields, refuse_unbound_fields) if campaign.pk else (refuse_foreign_fields,):
        try:
            refuse(campaign)
        except Refusal as refusal:
            yield refusal.sentence


def _when(campaign: Campaign) -> Iterator[str]:
    now = timezone.now()
    if campaign.start_at and campaign.start_at < now - campaign.patience:
        yield "The start is in the past. Choose a later one, or leave it blank."
    if campaign.end_at and campaign.end_at <= now:
        yield "The end is in the past. Choose a later one."


def _check(campaign: Campaign) -> Iterator[str]:
    yield "Check the draft and submit it for approval."
