"""The history of a campaign as people read it: what they did, with the machine's steps between folded together."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.models import Batch, Event

#: What a person did to a campaign, by its status before and after.
_ACTIONS = {
    ("draft", "freezing"): "submitted it for approval",
    ("frozen", "approved"): "approved it",
    ("held", "approved"): "confirmed the start time",
    ("held", "frozen"): "chose a new start time, which has to be approved",
    ("running", "paused"): "paused it",
    ("paused", "running"): "resumed it",
}
#: The same where the reason says more.
_ACTIONS_BY_STATUS_AND_REASON = {("cancelled", "corrected"): "cancelled the rest, to correct it in another campaign"}
#: The same for changes that may come from several statuses, and for events that change none.
_ACTIONS_BY_NEW_STATUS = {"cancelled": "cancelled it", "draft": "returned it to draft"}
_ACTIONS_BY_REASON = {
    "canary_released": "let the other recipients follow",
    "changed": "returned it to draft for changes",
    "copied": "copied it",
    "corrected": "made this draft to correct the rest of a campaign",
    "followed_up": "made this draft to text people again",
    "people_corrected": "corrected people",
    "people_removed": "removed people",
    "rejected": "sent it back",
    "tested": "started a test handover",
}
_FILE_ACTIONS = {"released": "released", "cancelled": "cancelled", "decided": "decided about"}
#: What Baton did to a campaign, which is never folded.
_BATON = {
    "frozen": "prepared it for approval",
    "running": "started it",
    "paused": "paused it",
    "held": "held it back",
    "draft": "returned it to draft",
    "closed": "finished it",
    "cancelled": "cancelled it",
}
#: What Baton noted, which is not folded either.
_NOTES = {
    "account_stopped": "stopped the account",
    "canary_accepted": "let the other recipients follow",
    "opted_out_later": "left out people who opted out",
    "outside_window": "skipped people outside the allowed hours",
}
_TAKEN = (Batch.Status.HANDED_OVER, Batch.Status.PROCESSING, Batch.Status.ACCEPTED, Batch.Status.REJECTED)
_TRIED = (Batch.Status.UPLOADING, Batch.Status.COMMITTING)


@dataclass
class Entry:
    """One line of the history. ``at`` is its latest moment, ``since`` its first; ``steps`` are folded under it.

    ``is_machine``: files that Baton worked on, or a note of Baton, so that the report leaves it out.
    """

    at: datetime
    since: datetime
    who: str
    words: str
    sentence: str = ""
    steps: list[Event] = field(default_factory=list)
    is_machine: bool = False

    @property
    def is_long(self) -> bool:
        """Whether its first and its latest moment are shown differently, to the minute."""
        return self.at.replace(second=0, microsecond=0) != self.since.replace(second=0, microsecond=0)


def history_of(events: Iterable[Event]) -> list[Entry]:
    """The history from ``events`` with their users and batches, the newest first."""
    entries: list[Entry] = []
    folded: list[Event] = []
    decided: list[Event] = []

    def close() -> None:
        if folded:
            entries.append(_machine(list(folded)))
        if decided:
            entries.append(_about_files(list(decided)))
        folded.clear()
        decided.clear()

    for event in events:
        if event.user is not None and event.batch_id and event.reason in _FILE_ACTIONS:
            if not decided or not _is_same(decided[0], event):
                close()
            decided.append(event)
        elif event.user is None and not event.to_status and event.reason in _NOTES:
            close()
            words = _NOTES[event.reason]
            entries.append(Entry(event.at, event.at, "Baton", words, event.sentence, [event], is_machine=True))
        elif event.user is None and (event.batch_id or event.to_status not in _BATON):
            if decided:
                close()
            folded.append(event)
        else:
            close()
            entries.append(_single(event))
    close()
    return entries


def name_of(event: Event) -> str:
    """The name of the person, or Baton."""
    return event.user.get_full_name() or event.user.get_username() if event.user else "Baton"


def _is_same(one: Event, other: Event) -> bool:
    return (one.user_id, one.reason, one.sentence) == (other.user_id, other.reason, other.sentence)


def _single(event: Event) -> Entry:
    # The copy of the recipients is made in the name of the person who submitted the campaign.
    is_of_baton = event.user is None or (event.from_status == "freezing" and event.to_status in ("frozen", "draft"))
    if is_of_baton:
        words = _BATON[event.to_status]
    else:
        words = (
            _ACTIONS_BY_STATUS_AND_REASON.get((event.to_status, event.reason))
            or _ACTIONS_BY_REASON.get(event.reason)
            or _ACTIONS.get((event.from_status, event.to_status))
            or _ACTIONS_BY_NEW_STATUS.get(event.to_status, "")
        )
    who = "Baton" if is_of_baton else name_of(event)
    words = words or event.reason.replace("_", " ") or f"changed it to {event.to_status}"
    return Entry(event.at, event.at, who, words, event.sentence)


def _about_files(events: list[Event]) -> Entry:
    """Equal decisions of one person about files, made together."""
    newest, oldest = events[0], events[-1]
    verb = _FILE_ACTIONS[newest.reason]
    file = newest.batch
    what = f"file {file.number}" if file and len(events) == 1 else counted(len(events), "file")
    return Entry(newest.at, oldest.at, name_of(newest), f"{verb} {what}", newest.sentence, events)


def _machine(events: list[Event]) -> Entry:
    """What Baton did without anybody, as one line: how many files were handed over, and what came of them."""
    files: dict[str, set[int]] = {}
    for event in events:
        if not event.batch_id:
            continue
        if event.reason == "prepared":
            files.setdefault("created", set()).add(event.batch_id)
        elif event.from_status == Batch.Status.COMMITTING and event.to_status in _TAKEN:
            files.setdefault("handed over", set()).add(event.batch_id)
        if event.to_status in (Batch.Status.ACCEPTED, Batch.Status.REJECTED, Batch.Status.UNCLEAR, Batch.Status.HELD):
            files.setdefault(event.to_status, set()).add(event.batch_id)
        if event.from_status in _TRIED and event.to_status == Batch.Status.PREPARED:
            files.setdefault("failed", set()).add(event.batch_id)
    found = [f"{verb} {counted(len(files[verb]), 'file')}" for verb in ("created", "handed over") if verb in files]
    results = {
        Batch.Status.ACCEPTED: "accepted",
        Batch.Status.REJECTED: "rejected",
        Batch.Status.UNCLEAR: "to decide about",
        Batch.Status.HELD: "held",
        "failed": "to be tried again",
    }
    found += [f"{len(files[status]):,} {words}" for status, words in results.items() if status in files]
    newest, oldest = events[0], events[-1]
    file = newest.batch
    words = ", ".join(found) or (f"worked on file {file.number}" if file else newest.reason.replace("_", " "))
    return Entry(newest.at, oldest.at, "Baton", words, steps=events, is_machine=True)


def counted(number: int, word: str) -> str:
    """``1 file`` or ``1,200 files``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
