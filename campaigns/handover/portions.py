"""Which waiting recipients may be in a batch now: those whose allowed hours are open, as many as pace and canary allow.

A campaign that is not staggered has one portion: everybody.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns import timing
from campaigns.audience.reach import read_groups, stored_groups
from campaigns.audience.rows import READ, Row
from campaigns.audience.windows import Group, Window, next_opening, parse
from campaigns.audience.zones import group_of
from campaigns.handover import canary
from campaigns.handover.limits import WINDOW_CLOSED, ends_at
from campaigns.handover.pace import slots
from campaigns.lifecycle import lock_campaign, record_event
from campaigns.models import Batch, Campaign, Recipient
from campaigns.querysets import RecipientQuerySet
from contacts.errors import Refusal


@dataclass(frozen=True)
class Span:
    """Waiting recipients of one group with consecutive numbers, from the first to the last msisdn."""

    group: Group
    first: str
    last: str
    count: int


def spans_of(window: Window, recipients: RecipientQuerySet) -> Iterator[Span]:
    """``recipients`` in spans, in the order of their numbers; reads every number once, streamed."""
    group, first, last, count = None, "", "", 0
    for msisdn in recipients.order_by("msisdn").values_list("msisdn", flat=True).iterator(2000):
        found = group_of(window, msisdn)
        if found != group:
            if group is not None:
                yield Span(group, first, last, count)
            group, first, count = found, msisdn, 0
        last, count = msisdn, count + 1
    if group is not None:
        yield Span(group, first, last, count)


class Portions:
    """The waiting recipients of a campaign that may be in batches at ``now``, taken one batch after another."""

    def __init__(self, campaign: Campaign, now: datetime) -> None:
        self.campaign, self.now = campaign, now
        self.window = parse(campaign.window) if campaign.is_staggered else None
        self.most_rows = most_rows(campaign)
        self.room, self._room_at = _room(campaign, now)
        self.spans: dict[Group, list[Span]] = {}
        self._openings: dict[Group, tuple[datetime, datetime] | None] = {}
        if self.window is not None:
            for span in spans_of(self.window, Recipient.objects.waiting_of(campaign)):
                self.spans.setdefault(span.group, []).append(span)
            self._openings = {group: next_opening(self.window, group, now) for group in self.spans}

    @property
    def have_one_order(self) -> bool:
        """Whether all batches are taken in msisdn order, and the number of recipients is not limited."""
        return self.window is None and self.room is None

    def take(self, after: str = "") -> list[Row]:
        """The recipients for the next batch as rows of READ, in msisdn order and of one group; [] if nobody may be in
        one now.

        ``after`` leaves out those up to a msisdn who were taken before and may still wait; only ``have_one_order``
        allows that.
        """
        rows = self.most_rows if self.room is None else min(self.most_rows, self.room)
        if rows <= 0:
            return []
        if self.window is None:
            left = Recipient.objects.waiting_of(self.campaign).filter(msisdn__gt=after)
            return list(left.order_by("msisdn").values_list(*READ)[:rows])
        for group in self._open_groups():
            spans = self.spans[group]
            while spans and not self._waiting_in(spans[0]).exists():
                del spans[0]
            taken: list[Row] = []
            for span in spans:
                taken += self._waiting_in(span).order_by("msisdn").values_list(*READ)[: rows - len(taken)]
                if len(taken) == rows:
                    break
            if taken:
                return taken
        return []

    def used(self, msisdns: Sequence[str]) -> None:
        """Count these recipients, the first ones of those taken last, as put into a batch."""
        if self.room is not None:
            self.room -= len(msisdns)

    def stretches(self, msisdns: Sequence[str]) -> list[tuple[str, str]]:
        """The recipients of a batch as ranges, first and last msisdn, in which nobody else waits."""
        if self.window is None:
            return [(msisdns[0], msisdns[-1])]
        spans = iter(self.spans[group_of(self.window, msisdns[0])])
        span, made = next(spans), list[tuple[str, str]]()
        for msisdn in msisdns:
            if made and msisdn <= span.last:
                made[-1] = (made[-1][0], msisdn)
                continue
            while msisdn > span.last:
                span = next(spans)
            made.append((msisdn, msisdn))
        return made

    def waiting_between(self, first: str, last: str) -> RecipientQuerySet:
        """Those who wait, from the first to the last msisdn."""
        return Recipient.objects.waiting_of(self.campaign).filter(msisdn__gte=first, msisdn__lte=last)

    def skip_those_outside(self) -> None:
        """Exclude those whose allowed hours are closed, if the campaign skips them.

        Raises Refusal if that would be everybody, and no batch has been created yet, or none since the others were
        released to follow the canary: then a person decides.
        """
        if self.window is None or not self.window.skips or canary.others_wait(self.campaign):
            return
        closed = [span for group in self.spans if not self._is_open(group) for span in self.spans[group]]
        if not closed:
            return
        begun = self.campaign.batches.all()
        if self.campaign.canary_released_at:
            begun = begun.filter(created_at__gt=self.campaign.canary_released_at)
        if not any(map(self._is_open, self.spans)) and not begun.exists():
            raise Refusal(
                WINDOW_CLOSED,
                "Nobody is within the allowed hours now, and people outside them are to be skipped. Resume the "
                "campaign within the allowed hours, or cancel it.",
            )
        with transaction.atomic():
            counted = lock_campaign(self.campaign.pk).outside_window
            gone = sum(
                self._waiting_in(span).update(excluded_reason=Recipient.Excluded.OUTSIDE_WINDOW) for span in closed
            )
            self.campaign.outside_window = counted + gone
            Campaign.objects.filter(pk=self.campaign.pk).update(outside_window=counted + gone)
            verb = "was" if gone == 1 else "were"
            said = f"{gone:,} {verb} outside the allowed hours and {verb} skipped."
            record_event(self.campaign, "outside_window", said)
        self.spans = {group: spans for group, spans in self.spans.items() if self._is_open(group)}

    def plan_next(self, made: int) -> None:
        """Store when the next batches can be created, and who waits for them.

        Raises Refusal if nobody who waits can be texted before the end, and nothing else is left to hand over.
        """
        counts = +Counter(
            {group: sum(self._waiting_in(span).count() for span in spans) for group, spans in self.spans.items()}
        )
        if self.window is not None:
            self._advance()
        due_at = self._due_at(counts)
        fields: dict[str, Any] = {"batches_due_at": due_at, "waiting_groups": stored_groups(counts)}
        if made:
            fields["batches_made_at"] = self.now
        Campaign.objects.filter(pk=self.campaign.pk).update(**fields)
        if due_at is None and counts and not canary.others_wait(self.campaign):
            self._refuse_unless_busy(counts.total())

    def _advance(self) -> None:
        """Store up to which number nobody waits any more, where allowed hours open in another order."""
        first = Recipient.objects.waiting_of(self.campaign).order_by("msisdn").values_list("msisdn", flat=True).first()
        before = self.campaign.recipients.filter(msisdn__lt=first) if first else self.campaign.recipients.all()
        last = before.order_by("-msisdn").values_list("msisdn", flat=True).first()
        self.nobody_waits_up_to(last or "")

    def nobody_waits_up_to(self, msisdn: str) -> None:
        """Store that nobody with this number or a lower one waits any more."""
        self.campaign.nobody_waits_up_to = msisdn
        Campaign.objects.filter(pk=self.campaign.pk).update(nobody_waits_up_to=msisdn)

    def _due_at(self, counts: Counter[Group]) -> datetime | None:
        if not Recipient.objects.has_waiting(self.campaign) or canary.others_wait(self.campaign):
            return None
        opens_at = self.now
        if self.window is not None:
            moments = [
                opening[0]
                for group in counts
                if (opening := self._openings[group]) and _is_reached(self.campaign, opening, self.now)
            ]
            if not moments:
                return None
            opens_at = max(min(moments), self.now)
        due_at = max(opens_at, self._room_at) if self._room_at else opens_at
        return min(due_at, self.now + timing.LOOK_AGAIN_AFTER)

    def _refuse_unless_busy(self, count: int) -> None:
        busy = (Batch.Status.PREPARED, Batch.Status.UPLOADING, Batch.Status.COMMITTING)
        if not self.campaign.batches.filter(status__in=busy).exists():
            people = "1 recipient" if count == 1 else f"{count:,} recipients"
            raise Refusal(
                "window_never_opens",
                f"{people} cannot be texted: their allowed hours do not come again before the end. Cancel the campaign:"
                " what was handed over stays, and its results are still collected.",
            )

    def _open_groups(self) -> list[Group]:
        """Those that are open now, the one that closes first before the others."""
        closes_at = {group: opening[1] for group, opening in self._openings.items() if opening}
        return sorted(
            filter(self._is_open, self.spans), key=lambda group: (closes_at[group], group.country, group.zones)
        )

    def _is_open(self, group: Group) -> bool:
        opening = self._openings[group]
        return opening is not None and _is_open(self.campaign, opening, self.now)

    def _waiting_in(self, span: Span) -> RecipientQuerySet:
        return self.waiting_between(span.first, span.last)


def _is_open(campaign: Campaign, opening: tuple[datetime, datetime], now: datetime) -> bool:
    """Whether these allowed hours have begun, before the end of the campaign."""
    return opening[0] <= now and _is_reached(campaign, opening, now)


def _is_reached(campaign: Campaign, opening: tuple[datetime, datetime], now: datetime) -> bool:
    end = ends_at(campaign)
    return end is None or max(opening[0], now) < end


def most_rows(campaign: Campaign) -> int:
    """The most recipients in one batch of the campaign."""
    rows = campaign.account.adapter.limits.rows
    return min(rows, slots(campaign.pace, rows).rows) if campaign.pace and campaign.is_staggered else rows


def _room(campaign: Campaign, now: datetime) -> tuple[int | None, datetime | None]:
    """How many recipients may be put into batches now, None for any number; and when the pace has room again."""
    if not campaign.is_staggered:
        return None, None
    first = canary.room(campaign)
    if not campaign.pace:
        return first, None
    slot = slots(campaign.pace, campaign.account.adapter.limits.rows)
    made = campaign.batches.filter(generation=1)
    recent = list(
        made.filter(created_at__gt=now - slot.interval, created_at__lte=now).values_list("rows", "created_at")
    )
    # Another file could be handed over but has not been, perhaps because the provider cannot be reached. Files would
    # pile up.
    left = campaign.batches.filter(status__in=(Batch.Status.PREPARED, Batch.Status.UPLOADING))
    left = left.filter(due_at__lte=now + slot.interval).exclude(created_at__gt=now - slot.interval, generation=1)
    if left.exists():
        return 0, now + timing.RETRY_WHILE_A_FILE_WAITS
    room = max(0, slot.rows - sum(rows for rows, _ in recent))
    room_at = min((created_at for _, created_at in recent), default=now) + slot.interval
    return min(room, first) if first is not None else room, room_at


def are_due(campaign: Campaign, now: datetime) -> bool:
    """Whether batches can be created now: recipients wait, and hours, pace or canary do not hold all of them back."""
    return _may_be_created(campaign, now) and Recipient.objects.has_waiting(campaign)


def _may_be_created(campaign: Campaign, now: datetime) -> bool:
    if not campaign.is_staggered:
        return True
    if canary.others_wait(campaign):
        return canary.may_continue(campaign)
    due_at = campaign.batches_due_at
    # Due later than Baton ever plans: the clock was set back.
    return due_at is None or due_at <= now or due_at > now + timing.LOOK_AGAIN_AFTER


def open_since(campaign: Campaign, now: datetime) -> datetime | None:
    """Since when any of the waiting recipients may be texted, by their allowed hours; None if none of them may now.

    Those behind the first recipients may be texted only from when these were accepted. Reads no number: who waits is
    what the last batches, or else the freeze, counted. The gate asks this while it holds up every opt-out.
    """
    since = campaign.batches_due_at or campaign.started_at or now
    window = parse(campaign.window) if campaign.is_staggered else None
    if window is not None:
        groups = read_groups(campaign.waiting_groups or campaign.counts.get("groups", []))
        openings = [next_opening(window, group, now) for group in groups]
        opened = [opening[0] for opening in openings if opening and _is_open(campaign, opening, now)]
        if not opened:
            return None
        since = max(opened)
    accepted_at = canary.accepted_at(campaign) if canary.others_wait(campaign) else None
    return max(since, accepted_at) if accepted_at else since
