"""Whether a batch may be handed over at a moment, by the allowed hours of its recipients and the campaign's pace."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from campaigns import timing
from campaigns.audience.reach import count_groups
from campaigns.audience.windows import Window, is_open, joint_opening, parse
from campaigns.audience.zones import group_of
from campaigns.chain import other_campaigns
from campaigns.handover import pace
from campaigns.handover.pace import Gone
from campaigns.models import Attempt, Batch, Campaign, Recipient
from contacts.errors import Refusal
from providers.base import NOT_ARRIVED

WINDOW_CLOSED, PACE, EXPIRED = "window_closed", "pace", "expired"
#: The approved hours name a zone or a country that Baton no longer knows, perhaps after an update.
WINDOW_INVALID = "window_invalid"
#: The account takes a limited number of files an hour.
ACCOUNT_PACE = "account_pace"
#: The reasons of a prepared batch that is not late but waits for its time.
PUT_OFF = (WINDOW_CLOSED, PACE, ACCOUNT_PACE)
TOO_LATE = "The time for handing it over has passed."
NEVER_OPENS = "The allowed hours of its recipients do not come again before the end."


@dataclass(frozen=True)
class Verdict:
    """Without a ``code``, the batch may be handed over now, and could have been since ``since``, if that is known.

    With a code, it waits until ``due_at``, or for a person if that is None.
    """

    code: str = ""
    sentence: str = ""
    due_at: datetime | None = None
    expires_at: datetime | None = None
    since: datetime | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the batch that are updated with it."""
        return {"due_at": self.due_at, "expires_at": self.expires_at}


def ends_at(campaign: Campaign) -> datetime | None:
    """After this moment nothing of the campaign is handed over: its end, or the start that the provider waits for."""
    moments = [moment for moment in (campaign.end_at, campaign.start_at if campaign.is_early else None) if moment]
    return min(moments, default=None)


def expires_at_of(campaign: Campaign, msisdns: Sequence[str], now: datetime) -> datetime | None:
    """Until when a batch of these recipients may be handed over: the end of their next allowed hours, or the end."""
    end, window = ends_at(campaign), parse(campaign.window)
    if window is None or campaign.is_early:
        return end
    opening = joint_opening(window, {group_of(window, msisdn) for msisdn in msisdns}, now)
    if opening is None:
        return end
    return min(opening[1], end) if end else opening[1]


def is_too_late(batch: Batch, now: datetime) -> bool:
    """Whether a batch can never be handed over any more. Allowed hours that have closed open again."""
    campaign = batch.campaign
    if not campaign.window or campaign.is_early:
        return batch.expires_at is not None and batch.expires_at <= now
    end = ends_at(campaign)
    return end is not None and end <= now


def verdict_on(batch: Batch, campaign: Campaign, now: datetime) -> Verdict:
    """Whether the batch may be handed over at ``now``. Reads its recipients' numbers, and the attempts for a pace.

    The gate of every host calls it under the lock that all gates share, so the hosts keep to one pace together.
    """
    verdict = Verdict(expires_at=batch.expires_at)
    try:
        window = parse(campaign.window)
    except Refusal as refusal:
        return Verdict(WINDOW_INVALID, refusal.sentence, expires_at=batch.expires_at)
    if window is not None:
        verdict = _by_window(batch, campaign, window, now)
    if not verdict.code and batch.account.files_an_hour:
        verdict = _by_account(batch, batch.account.files_an_hour, verdict, now)
    if verdict.code or not campaign.pace or campaign.is_early:
        return verdict
    fits_at = pace.fits_at(campaign.pace, batch.rows, gone_before(campaign, batch, now))
    return _by_pace(PACE, pace.limit(campaign.pace), fits_at, verdict, now)


def _by_account(batch: Batch, most: int, verdict: Verdict, now: datetime) -> Verdict:
    """The verdict with the account's files an hour: the other files of all its campaigns count."""
    attempts = (
        Attempt.objects.filter(
            batch__account=batch.account,
            started_at__gt=now - 3 * timing.PACE_PERIOD,
            started_at__lte=now + timing.CLOCKS_DIFFER,
        )
        .exclude(ending__in=NOT_ARRIVED)
        .exclude(batch=batch)
        .values_list("started_at", "ended_at")
    )
    gone = [Gone(1, pace.counts_until(started_at, ended_at)) for started_at, ended_at in attempts]
    sentence = f"The account takes {most:,} file{'' if most == 1 else 's'} an hour"
    return _by_pace(ACCOUNT_PACE, sentence, pace.fits_at(most, 1, gone), verdict, now)


def _by_pace(code: str, sentence: str, fits_at: datetime | None, verdict: Verdict, now: datetime) -> Verdict:
    if fits_at is None or fits_at <= now:
        since = max((moment for moment in (verdict.since, fits_at) if moment), default=None)
        return Verdict(expires_at=verdict.expires_at, since=since)
    sentence = f"{sentence}: this file fits at {when(fits_at)}."
    return Verdict(code, sentence, min(fits_at, now + timing.LOOK_AGAIN_AFTER), verdict.expires_at)


def _by_window(batch: Batch, campaign: Campaign, window: Window, now: datetime) -> Verdict:
    groups = count_groups(window, Recipient.objects.of_batch(batch))
    end = ends_at(campaign)
    if campaign.is_early:
        # The provider texts at the start, whenever the file is handed over.
        if campaign.start_at and not all(is_open(window, group, campaign.start_at) for group in groups):
            return Verdict(WINDOW_CLOSED, "The start is outside the allowed hours.", expires_at=end)
        return Verdict(expires_at=batch.expires_at)
    if not groups:
        return Verdict(expires_at=end)
    opening = joint_opening(window, groups, now)
    if end and now >= end:
        return Verdict(EXPIRED, TOO_LATE, expires_at=end)
    if opening is None or (end and opening[0] >= end):
        return Verdict(EXPIRED, NEVER_OPENS, expires_at=end)
    opens_at, closes_at = opening
    expires_at = min(closes_at, end) if end else closes_at
    if opens_at <= now:
        return Verdict(expires_at=expires_at, since=opens_at)
    if window.skips and batch.reason not in ("released", WINDOW_CLOSED):
        sentence = (
            "The allowed hours ended before this file was handed over, and people outside them are to be skipped. "
            f"Cancel it, or release it: then it goes at {when(opens_at)}."
        )
        return Verdict(WINDOW_CLOSED, sentence, expires_at=expires_at)
    sentence = f"Outside the allowed hours until {when(opens_at)}."
    return Verdict(WINDOW_CLOSED, sentence, min(opens_at, now + timing.LOOK_AGAIN_AFTER), expires_at)


def gone_before(campaign: Campaign, batch: Batch, now: datetime) -> list[Gone]:
    """The other files of the campaign's chain that may have arrived lately, each with how long it counts for the pace.

    The whole chain counts, because a corrected rest continues what another campaign began.
    A commit in the future was made before the clock was set back; how long ago that was is not known.
    """
    attempts = (
        Attempt.objects.filter(
            batch__campaign__in=[campaign.pk, *other_campaigns(campaign)],
            started_at__gt=now - 3 * timing.PACE_PERIOD,
            started_at__lte=now + timing.CLOCKS_DIFFER,
        )
        .exclude(ending__in=NOT_ARRIVED)
        .exclude(batch=batch)
    )
    latest: dict[int, Gone] = {}
    for pk, rows, started_at, ended_at in attempts.values_list("batch_id", "batch__rows", "started_at", "ended_at"):
        until = pace.counts_until(started_at, ended_at)
        if pk not in latest or latest[pk].counts_until < until:
            latest[pk] = Gone(rows, until)
    return list(latest.values())


def when(moment: datetime) -> str:
    """``Mon 30 Nov 08:00``, in the time zone of the installation."""
    return f"{timezone.localtime(moment):%a %d %b %H:%M}"
