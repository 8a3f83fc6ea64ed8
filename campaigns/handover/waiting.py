"""What a campaign waits for, and when its last file goes, in sentences for people."""

from collections import Counter
from datetime import datetime, timedelta

from django.utils import timezone

from campaigns.audience.reach import read_groups
from campaigns.audience.windows import Group, describe, next_opening, parse
from campaigns.audience.zones import group_of
from campaigns.handover import canary
from campaigns.handover.forecast import ANYBODY, Forecast, forecast
from campaigns.handover.limits import PUT_OFF, when
from campaigns.handover.pace import Slots, limit, slots
from campaigns.lifecycle import OPEN
from campaigns.models import Batch, Campaign
from campaigns.statuses import CanaryRelease
from campaigns.timing import PACE_PERIOD

#: What goes sooner needs no forecast: it is a matter of minutes.
SOON = timedelta(minutes=5)


def waiting_for(campaign: Campaign, waiting: int, now: datetime) -> str:
    """Why a running campaign does not hand over its next recipients now, as a sentence; "" if it does.

    ``waiting`` is how many are in no file yet, by its books.
    """
    if campaign.status != Campaign.Status.RUNNING or not campaign.is_spread:
        return ""
    if not campaign.is_staggered:
        return _put_off_sentence(campaign)
    if waiting and canary.others_wait(campaign):
        return _canary_sentence(campaign, waiting)
    if not waiting:
        return _put_off_sentence(campaign)
    window, opens_at = parse(campaign.window), None
    if window is not None:
        openings = [next_opening(window, group, now) for group in read_groups(campaign.waiting_groups)]
        opens_at = min((opening[0] for opening in openings if opening), default=None)
    if opens_at and opens_at > now:
        return f"{_wait(waiting)}: outside the allowed hours until {when(opens_at)}."
    if campaign.pace and campaign.batches_due_at and campaign.batches_due_at > now:
        return (
            f"At most {campaign.pace:,} an hour: the next file at {timezone.localtime(campaign.batches_due_at):%H:%M}."
        )
    return ""


def _put_off_sentence(campaign: Campaign) -> str:
    put_off = campaign.batches.filter(status=Batch.Status.PREPARED, reason__in=PUT_OFF).order_by("due_at").first()
    return put_off.sentence if put_off else ""


def _canary_sentence(campaign: Campaign, waiting: int) -> str:
    gone = campaign.batches.filter(handed_over_at__isnull=False).exclude(status=Batch.Status.SUPERSEDED)
    last = gone.order_by("-handed_over_at").first()
    first = f"The first {campaign.canary:,} " + (f"went at {when(last.handed_over_at)}." if last else "go now.")  # type: ignore[arg-type]
    if campaign.canary_waits_for == CanaryRelease.PERSON:
        return f"{first} {_wait(waiting)} until somebody continues."
    return f"{first} {_wait(waiting)} until the provider has accepted them. {canary.why_not(campaign)}".strip()


def _wait(count: int) -> str:
    return "1 waits" if count == 1 else f"{count:,} wait"


def may_continue(campaign: Campaign, waiting: int) -> bool:
    """Whether a person can let the others follow the first recipients now; ``waiting``: see ``waiting_for``."""
    is_active = campaign.status in (Campaign.Status.RUNNING, Campaign.Status.PAUSED)
    return is_active and waiting > 0 and canary.others_wait(campaign)


def needs_a_person(campaign: Campaign, waiting: int) -> bool:
    """Whether those behind the first recipients of a running campaign follow only if a person lets them."""
    if campaign.status != Campaign.Status.RUNNING or not may_continue(campaign, waiting):
        return False
    if campaign.batches.filter(status__in=OPEN).exists():
        # Their result is awaited; a file that waits for a person has a line of its own.
        return False
    return not canary.may_continue(campaign)


def forecast_of(campaign: Campaign, groups: Counter[Group], now: datetime) -> Forecast:
    """The forecast for so many recipients of each group, from now or from the start if that is later."""
    start_at = max(campaign.effective_start_at or campaign.start_at or now, now)
    if campaign.is_early:
        return Forecast(now)
    pace = _slots_of(campaign)
    if pace and campaign.status == Campaign.Status.RUNNING and campaign.batches_due_at:
        # The interval after the last file has begun already.
        start_at = max(start_at, campaign.batches_due_at)
    return forecast(groups, parse(campaign.window), pace, start_at, campaign.end_at)


def _slots_of(campaign: Campaign) -> Slots | None:
    """How its files follow each other: by its own pace and the files an hour of its account; None if at once."""
    rows = campaign.account.adapter.limits.rows if campaign.account else 1_000_000
    own = slots(campaign.pace, rows) if campaign.pace else None
    most = campaign.account.files_an_hour if campaign.account else None
    if not most or (own and own.interval >= PACE_PERIOD / most):
        return own
    # The files of an hour go at once.
    return Slots((own.rows if own else rows) * most, PACE_PERIOD)


def groups_left(campaign: Campaign, included: int) -> Counter[Group]:
    """Who is not in a file yet, by group, from what the freeze or the last batches counted; no number is read."""
    if not campaign.window:
        return Counter({ANYBODY: included})
    stored = campaign.waiting_groups if campaign.started_at else campaign.counts.get("groups", [])
    return read_groups(stored)


def groups_of_sample(campaign: Campaign, msisdns: list[str], included: int) -> Counter[Group]:
    """The groups of a draft: those of a sample of its numbers, scaled to everybody."""
    window = parse(campaign.window)
    if window is None or not msisdns:
        return Counter({ANYBODY: included})
    found = Counter(group_of(window, msisdn) for msisdn in msisdns)
    return Counter({group: max(1, round(count * included / len(msisdns))) for group, count in found.items()})


def last_sentence(found: Forecast, now: datetime, is_held_back: bool = False) -> str:
    """``The last file goes about Mon 30 Nov 14:10.`` ``is_held_back``: the others wait for the first recipients."""
    if found.last_at is None and not found.never:
        return ""
    never = (
        f" {found.never:,} cannot be reached: their allowed hours do not come before the end." if found.never else ""
    )
    if found.last_at is None:
        return never.strip()
    if found.last_at - now <= SOON:
        at_once = "" if is_held_back else "All files go at once."
        return f"{at_once}{never}".strip()
    return f"The last file goes {'at the earliest' if is_held_back else 'about'} {when(found.last_at)}.{never}"


def is_held_back(campaign: Campaign) -> bool:
    """Whether a person or the provider's answer decides when the recipients after the first ones follow."""
    return bool(campaign.canary) and campaign.canary_released_at is None


def rules_in_words(campaign: Campaign) -> list[tuple[str, str]]:
    """The allowed hours, the pace and the canary as label and words."""
    window = parse(campaign.window)
    outside = "" if window is None else ". Others are skipped" if window.skips else ". Others wait"
    rows = [("Allowed hours", f"{describe(window)}{outside}")]
    if campaign.pace:
        rows.append(("Pace", limit(campaign.pace)))
    if campaign.canary:
        until = CanaryRelease(campaign.canary_waits_for).label.lower()
        rows.append(("First recipients", f"{campaign.canary:,}; the others wait {until}"))
    return rows
