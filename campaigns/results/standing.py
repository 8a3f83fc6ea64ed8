"""Where the people of a campaign stand with the hand-over, in numbers: what a pause or a cancellation still stops."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.models import Batch, Campaign
from campaigns.results import balance
from campaigns.statuses import BatchStatus

#: The places, in the order of the hand-over, with their words. Everybody who is included is in exactly one.
PLACES = {
    "done": "Handed over for good",
    "provider": "The provider may still hold them",
    "committing": "Being handed over now, cannot be stopped",
    "here": "Not handed over yet",
    "none": "Not texted: failed, rejected or cancelled",
}
_PLACE_OF: Mapping[str, str] = {
    BatchStatus.ACCEPTED: "done",
    BatchStatus.HANDED_OVER: "provider",
    BatchStatus.PROCESSING: "provider",
    BatchStatus.UNCLEAR: "provider",
    BatchStatus.COMMITTING: "committing",
    BatchStatus.PREPARED: "here",
    # The pause stops it at the gate.
    BatchStatus.UPLOADING: "here",
    BatchStatus.HELD: "here",
    BatchStatus.REJECTED: "none",
    BatchStatus.CANCELLED: "none",
}


@dataclass(frozen=True)
class FileStanding:
    """A file, with the number of its people in each place where there are any."""

    batch: Batch
    people: dict[str, int]

    @property
    def numbers(self) -> list[tuple[str, int]]:
        """The words of each of ``PLACES``, with the number of people in it."""
        return [(words, self.people.get(place, 0)) for place, words in PLACES.items()]


@dataclass
class HandoverSummary:
    """The files of a campaign, those without a file (``waiting``), and the totals over both."""

    files: list[FileStanding] = field(default_factory=list)
    waiting: int = 0
    totals: Counter[str] = field(default_factory=Counter)

    @property
    def waiting_numbers(self) -> list[tuple[str, int]]:
        """The words of each of ``PLACES``, with the number of people without a file in it."""
        return [(words, self.waiting if place == "here" else 0) for place, words in PLACES.items()]

    @property
    def words(self) -> list[tuple[str, int]]:
        """The words of each place, with the number of people in it."""
        return [(words, self.totals[place]) for place, words in PLACES.items()]


def handover_summary(campaign: Campaign, now: datetime) -> HandoverSummary:
    """Return where each person of ``campaign`` stands; reads one row for each of its batches."""
    batches = list(campaign.batches.order_by("number", "generation"))
    summary = HandoverSummary()
    # Handed over early, a file waits at the provider until the start, and people there may be able to stop it.
    starts_later = campaign.is_early and campaign.start_at is not None and campaign.start_at > now
    accepted = "provider" if starts_later else "done"
    for batch in batches:
        people: Counter[str] = Counter({accepted: batch.accepted_rows, "none": batch.row_errors})
        if batch.status != BatchStatus.SUPERSEDED:
            place = accepted if batch.status == BatchStatus.ACCEPTED else _PLACE_OF[batch.status]
            people[place] += batch.rows - batch.accepted_rows - batch.row_errors
        found = {place: count for place, count in people.items() if count}
        if found:
            summary.files.append(FileStanding(batch, found))
            summary.totals.update(found)
    books = balance.of(campaign)
    summary.waiting = books.waiting
    summary.totals.update({"here": books.waiting, "none": books.cancelled})
    return summary
