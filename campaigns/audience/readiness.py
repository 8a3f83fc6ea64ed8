"""Whether a draft is ready to be submitted: what forbids it, and what to look at."""

from collections.abc import Iterator
from datetime import datetime

from campaigns.audience.ceilings import above_ceiling
from campaigns.audience.check import AudienceCheck
from campaigns.audience.warnings import CampaignWarning, blocker, warnings_of
from campaigns.models import Campaign

#: The step and the field in which a problem of the adapter's is fixed, by the name of its field.
_PLACES = {"sender": ("message", "sender"), "text": ("message", "text"), "end_at": ("when", "end_at")}


def findings_of(campaign: Campaign, check: AudienceCheck, now: datetime) -> list[CampaignWarning]:
    """Every blocker of a draft that was checked, then every warning."""
    return [*_blockers(campaign, check), *warnings_of(campaign, check.text_faults, check.parts, now)]


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
        yield blocker("texts_refused", sentence, "message", "text")
    for sentence in above_ceiling(campaign, check.parts, check.cost):
        yield blocker("above_ceiling", sentence, "when", "parts_ceiling")
