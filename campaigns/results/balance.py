"""The equation behind the dashboard: every recipient in exactly one bucket."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, F, Max, Min, Q, Sum

from campaigns.lifecycle import OPEN
from campaigns.models import Batch, Campaign, Recipient, RecipientOutcome
from campaigns.statuses import EXCLUDED_LATER
from contacts.snapshots import snapshot

#: Where the rows of a batch without an outcome of their own count.
BUCKETS: dict[str, str] = dict.fromkeys(OPEN, "open") | {
    Batch.Status.ACCEPTED: "accepted",
    Batch.Status.REJECTED: "rejected",
    Batch.Status.CANCELLED: "cancelled",
}
OUTCOMES = ("accepted", "row_error", "rejected", "cancelled", "open")


@dataclass
class Balance:
    """A campaign's books, in recipients.

    ``selected = sum(excluded) + waiting + batched + cancelled`` and ``batched = sum(outcomes)``. ``open`` has the open
    recipients by batch status. ``mismatch`` is a sentence if the books do not balance.
    """

    selected: int = 0
    excluded: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    batched: int = 0
    cancelled: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    open: dict[str, int] = field(default_factory=dict)
    mismatch: str = ""

    @property
    def balanced(self) -> bool:
        return not self.mismatch

    @property
    def excluded_total(self) -> int:
        return sum(self.excluded.values())

    @property
    def included(self) -> int:
        return self.selected - self.excluded_total

    @property
    def with_provider(self) -> int:
        return sum(
            self.open.get(status, 0)
            for status in (Batch.Status.COMMITTING, Batch.Status.HANDED_OVER, Batch.Status.PROCESSING)
        )

    @property
    def needs_decision(self) -> int:
        return sum(self.open.get(status, 0) for status in (Batch.Status.UNCLEAR, Batch.Status.HELD))

    @property
    def still_here(self) -> int:
        """Recipients of batches that can still be stopped, and those not yet in a batch."""
        return self.waiting + sum(
            self.open.get(status, 0) for status in (Batch.Status.PREPARED, Batch.Status.UPLOADING)
        )

    @property
    def by_outcome(self) -> dict[str, int]:
        """The included recipients by outcome, as pages name them; the numbers add up to ``included``."""
        return {
            "accepted": self.outcomes["accepted"],
            "row_error": self.outcomes["row_error"],
            "rejected": self.outcomes["rejected"],
            "needs_decision": self.needs_decision,
            "with_provider": self.with_provider,
            "waiting": self.still_here,
            "cancelled": self.cancelled + self.outcomes["cancelled"],
        }

    @property
    def failed(self) -> int:
        return self.outcomes["row_error"] + self.outcomes["rejected"]

    @property
    def settled(self) -> int:
        """Recipients with a final result, those who were cancelled before they were in a batch among them."""
        return self.batched + self.cancelled - self.outcomes["open"]


@dataclass(frozen=True)
class Totals:
    """The batches of a campaign with one status, added up: their recipients, and those with an outcome of their own.

    ``faulty`` is the id of one that has more outcomes than rows, None if there is none.
    """

    status: str
    rows: int
    row_errors: int
    accepted_rows: int
    faulty: int | None = None


def totals_of(campaigns: Iterable[Campaign]) -> dict[int, list[Totals]]:
    """The totals of each campaign's batches, by its id, in one query."""
    is_faulty = Q(rows__lt=F("row_errors") + F("accepted_rows")) & ~Q(status=Batch.Status.SUPERSEDED)
    found: dict[int, list[Totals]] = {campaign.pk: [] for campaign in campaigns}
    sums = (Sum("rows"), Sum("row_errors"), Sum("accepted_rows"), Min("pk", filter=is_faulty))
    rows = Batch.objects.filter(campaign__in=found).order_by().values_list("campaign_id", "status")
    for campaign_id, *totals in rows.annotate(**{f"n{place}": total for place, total in enumerate(sums)}):
        found[campaign_id].append(Totals(*totals))
    return found


def of(campaign: Campaign, totals: Sequence[Totals] | None = None) -> Balance:
    """Return the books of ``campaign`` from its counters and those of its batches.

    To be compared or shown, the campaign and its ``totals`` must come from one snapshot.
    """
    balance = Balance()
    if not campaign.counts:
        return balance
    balance.selected = campaign.counts["selected"]
    balance.excluded = dict(campaign.counts["excluded"])
    for reason in EXCLUDED_LATER:
        if count := getattr(campaign, reason):
            balance.excluded[reason.value] = count
    for total in totals_of([campaign])[campaign.pk] if totals is None else totals:
        balance.outcomes["row_error"] += total.row_errors
        balance.outcomes["accepted"] += total.accepted_rows
        balance.batched += total.row_errors + total.accepted_rows
        if total.status == Batch.Status.SUPERSEDED:
            continue
        if total.faulty is not None:
            balance.mismatch = f"{Batch.objects.get(pk=total.faulty).name} has more outcomes than rows."
        remainder = total.rows - total.row_errors - total.accepted_rows
        balance.batched += remainder
        bucket = BUCKETS[total.status]
        balance.outcomes[bucket] += remainder
        if bucket == "open":
            balance.open[total.status] = balance.open.get(total.status, 0) + remainder
    left = balance.selected - balance.excluded_total - balance.batched
    if left < 0:
        balance.mismatch = f"{-left:,} more recipients are in files than were submitted."
    elif campaign.status == Campaign.Status.CANCELLED:
        balance.cancelled = left
    else:
        balance.waiting = left
    if campaign.status == Campaign.Status.CLOSED and (balance.waiting or balance.outcomes["open"]):
        balance.mismatch = f"The campaign is closed, but {balance.waiting + balance.outcomes['open']:,} are open."
    return balance


def audit(campaign: Campaign) -> Balance:
    """Return the books after counting every recipient again; ``mismatch`` says where counters and rows differ.

    Everything is read in one snapshot, ``campaign`` too: otherwise a batch that is rebuilt meanwhile would look like a
    mismatch.
    """
    with snapshot():
        campaign.refresh_from_db()
        return _count_again(campaign)


def _count_again(campaign: Campaign) -> Balance:
    balance = of(campaign)
    if not campaign.counts or balance.mismatch:
        return balance
    reasons = Counter(
        dict(Recipient.objects.filter(campaign=campaign).values_list("excluded_reason").annotate(n=Count("id")))
    )
    if sum(reasons.values()) != balance.selected:
        balance.mismatch = f"{balance.selected:,} were submitted, {sum(reasons.values()):,} recipients are stored."
        return balance
    for reason in set(reasons) | set(balance.excluded):
        if reason and reasons[reason] != balance.excluded.get(reason, 0):
            balance.mismatch = (
                f"Excluded as {reason}: {balance.excluded.get(reason, 0):,} expected, {reasons[reason]:,} found."
            )
            return balance
    in_batches = campaign.recipients.included().exclude(batch_number=None).values_list("batch_number").order_by()
    found: dict[int, int] = {}
    edges: dict[int, tuple[str, str]] = {}
    for number, count, first, last in in_batches.annotate(Count("id"), Min("msisdn"), Max("msisdn")):
        found[number], edges[number] = count, (first, last)
    said: Counter[int] = Counter()
    outcomes: dict[int, dict[tuple[str, ...], int]] = {}
    stored = RecipientOutcome.objects.filter(batch__campaign=campaign).order_by()
    for batch_id, *key, number in stored.values_list("batch_id", "result", "code", "delivery").annotate(n=Count("id")):
        outcomes.setdefault(batch_id, {})[tuple(key)] = number
    for batch in campaign.batches.all():
        counted = outcomes.get(batch.pk, {})
        in_all = batch.row_errors + batch.accepted_rows
        if counted != {tuple(cause[:3]): cause[4] for cause in batch.causes} or sum(counted.values()) != in_all:
            balance.mismatch = f"{batch.name}: its outcome counters differ from the outcomes stored."
            return balance
        said[batch.number] += (
            batch.rows if batch.status != Batch.Status.SUPERSEDED else batch.row_errors + batch.accepted_rows
        )
    for number in set(found) | set(said):
        if found.get(number, 0) != said.get(number, 0):
            balance.mismatch = (
                f"Batch {number}: {said.get(number, 0):,} recipients expected, {found.get(number, 0):,} found."
            )
            return balance
    balance.mismatch = _out_of_range(campaign, edges)
    return balance


def _out_of_range(campaign: Campaign, edges: Mapping[int, tuple[str, str]]) -> str:
    """A sentence if a recipient is not between the numbers where Baton looks for those of a batch, or for a next one.

    ``edges``: the lowest and the highest number found in each batch. Without this check, nobody would notice: such a
    recipient would count, but would be left out of queries.
    """
    # Everybody with the number of a batch was in its first generation.
    for batch in campaign.batches.filter(generation=1).exclude(last_msisdn=""):
        first, last = edges.get(batch.number, (batch.first_msisdn, batch.last_msisdn))
        if first < batch.first_msisdn or last > batch.last_msisdn:
            return f"{batch.name}: recipients have numbers below its lowest or above its highest one."
    missed = campaign.recipients.included().filter(batch_number=None, msisdn__lte=campaign.nobody_waits_up_to).count()
    return f"Recipients who wait are overlooked: {missed:,}." if missed else ""
