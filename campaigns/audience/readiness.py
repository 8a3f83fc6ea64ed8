"""Whether a draft is ready to be submitted: what forbids it, and what to look at."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from campaigns.audience.ceilings import above_ceiling
from campaigns.audience.check import AudienceCheck, refuse_early
from campaigns.audience.reach import refuse_early_portions, refuse_unreachable, unreachable
from campaigns.audience.warnings import CampaignWarning, blocker, warnings_of
from campaigns.audience.windows import Group, is_open, parse
from campaigns.audience.zones import group_of
from campaigns.models import Campaign
from contacts.errors import Refusal

#: The step and the field in which a problem of the adapter's is fixed, by the name of its field.
_PLACES = {"sender": ("message", "sender"), "text": ("message", "text"), "end_at": ("when", "end_at")}

#: The field in which times that cannot be used are fixed, by code.
_TIME_FIELDS = {
    "end_passed": "end_at",
    "start_passed": "start_at",
    "start_too_far": "start_at",
    "start_outside_window": "start_at",
    "early_without_start": "is_early",
    "cannot_start_later": "is_early",
    "early_in_portions": "pace",
}


def findings_of(campaign: Campaign, check: AudienceCheck, now: datetime) -> list[CampaignWarning]:
    """Every blocker of a draft that was checked, then every warning."""
    return [
        *_blockers(campaign, check),
        *_times(campaign, check, now),
        *warnings_of(campaign, check.text_faults, check.included, check.parts, now),
    ]


def refuse_times(campaign: Campaign, now: datetime) -> None:
    """Raise Refusal if the start, the end or the pace of a draft cannot be used."""
    if campaign.end_at and campaign.end_at <= now:
        raise Refusal("end_passed", "The end is in the past. Choose a later one.")
    if campaign.start_at and campaign.start_at < now - campaign.patience:
        raise Refusal("start_passed", "The start is in the past. Choose a later one, or leave it empty to start now.")
    refuse_early_portions(campaign)
    if campaign.is_early:
        refuse_early(campaign.account, campaign.start_at, now)


def _blockers(campaign: Campaign, check: AudienceCheck) -> Iterator[CampaignWarning]:
    if not check.included:
        sentence = "Nobody is left to text: everybody who was chosen is excluded, or the lists are empty."
        yield blocker("empty_audience", sentence, "recipients", "lists")
    for problem in check.spec_problems:
        place, field = _PLACES.get(problem.field, ("message", "options"))
        yield blocker(problem.code, problem.sentence, place, field)
    if check.problem_count:
        many = "1 text" if check.problem_count == 1 else f"{check.problem_count:,} texts"
        sentence = f"{many} cannot be handed over through {campaign.account}; they are listed below."
        # Every kept problem is one of letters: another choice of what happens to them is enough.
        is_letters = all(problem["characters"] for problem in check.problems)
        yield blocker("texts_refused", sentence, "message", "letters" if is_letters else "text")
    for field, sentence in above_ceiling(campaign, check.parts, check.cost):
        is_unpriced = field == "cost_ceiling" and check.cost is None
        yield blocker("no_prices" if is_unpriced else "above_ceiling", sentence, "when", field)


def _times(campaign: Campaign, check: AudienceCheck, now: datetime) -> Iterator[CampaignWarning]:
    """Times that cannot be used, a blocker; people whom the allowed hours keep from being texted at the start."""
    try:
        refuse_times(campaign, now)
        window = parse(campaign.window)
        if window is None:
            return
        groups = Counter(group_of(window, msisdn) for msisdn in check.msisdns)
        refuse_unreachable(campaign, groups, now)
    except Refusal as refusal:
        yield blocker(refusal.code, refusal.sentence, "when", _TIME_FIELDS.get(refusal.code, "preset"))
        return
    yield from window_warnings(campaign, groups, now, check.is_complete)


def window_warnings(
    campaign: Campaign, groups: Counter[Group], now: datetime, is_complete: bool = True
) -> Iterator[CampaignWarning]:
    """The people of ``groups`` whom the allowed hours keep from being texted at the start, or at all.

    ``is_complete`` is False if ``groups`` has the first recipients only.
    """
    window, start = parse(campaign.window), max(now, campaign.start_at or now)
    if window is None or campaign.is_early:
        return
    never = unreachable(campaign, groups, start)
    outside = sum(count for group, count in groups.items() if not is_open(window, group, start)) - never
    least = "" if is_complete else "at least "
    if never:
        sentence = f"The allowed hours of {least}{_people(never)} do not come before the end, so they get no text."
        yield CampaignWarning("window_never_opens", sentence, "when", field="preset")
    if outside > 0:
        what = "they are skipped" if window.skips else "they are texted later"
        sentence = f"At the start it is outside the allowed hours for {least}{_people(outside)}: {what}."
        yield CampaignWarning("outside_window", sentence, "when", field="start_at")


def _people(count: int) -> str:
    return "1 recipient" if count == 1 else f"{count:,} recipients"
