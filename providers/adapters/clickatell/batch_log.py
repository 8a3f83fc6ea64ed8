"""Everything that Clickatell's logs say about one batch, and the outcomes that follow from it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from providers.adapters.clickatell.log import ERR, NUMBER, TO, BatchNames, LogLine, decode_log, split_lines
from providers.adapters.clickatell.words import (
    DELIVERED,
    INTERNAL_ERROR,
    OF_ONE_RECIPIENT,
    OPTED_OUT,
    STATUSES,
    UNDELIVERED,
    UNKNOWN,
    WORDS,
)
from providers.base import Attempt, Observation, ObservedFile, Outcome, Payload, Result
from providers.transports.files import Entry

_LONGEST_UPLOAD = timedelta(minutes=10)
_CLOCK_UNKNOWN = timedelta(days=1)


def _possible(attempts: Sequence[Attempt]) -> dict[int, Attempt]:
    """Return the attempts that may have arrived, by number."""
    return {attempt.number: attempt for attempt in attempts if attempt.may_have_arrived}


def first_start(attempts: Sequence[Attempt], otherwise: datetime) -> datetime:
    """Return when the first attempt that may have arrived began, in whole seconds; ``otherwise`` if there is none."""
    started = [attempt.started_at for attempt in _possible(attempts).values()]
    # FTP gives times in whole seconds.
    return min(started, default=otherwise).replace(microsecond=0)


def oldest_change(attempts: Sequence[Attempt], uploads: Sequence[Entry]) -> datetime | None:
    """Return a time by the server's clock; a file that was last changed before it cannot be about the batch.

    None if that is not known. ``uploads`` are the batch's own files in the folder. If the server's clock is behind
    Baton's, an upload has a time before its attempt. That time is when the upload ended, hence ``_LONGEST_UPLOAD``.
    Without an upload in the folder, the clock is not known, hence ``_CLOCK_UNKNOWN``.
    """
    if not attempts:
        return None
    started = {attempt.name: attempt.started_at for attempt in attempts}
    behind = [
        started[entry.name] - entry.modified_at for entry in uploads if entry.name in started and entry.modified_at
    ]
    allowance = max(timedelta(0), *behind) + _LONGEST_UPLOAD if behind else _CLOCK_UNKNOWN
    return (min(started.values()) - allowance).replace(microsecond=0)


@dataclass
class BatchLog:
    """All answers about a batch in all its logs, keyed by msisdn, and the uploads that the logs mention.

    ``owners`` maps a message id to its msisdn; ``nameless_ids`` and ``nameless_errors`` have no msisdn. ``people``
    maps each upload (0: the log does not say which) to those with an id from it (``""``: somebody without a number).
    ``not_arrived`` holds the attempts of which at most an empty file arrived, if another one may have arrived;
    ``empty_errors`` holds the errors without a msisdn about their files, which say nothing about the batch.
    """

    names: BatchNames
    attempts: dict[int, Attempt]
    not_arrived: set[int]
    since: datetime
    ids: dict[str, list[LogLine]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    errors: dict[str, LogLine] = field(default_factory=dict)
    statuses: dict[str, LogLine] = field(default_factory=dict)
    nameless_ids: set[str] = field(default_factory=set)
    nameless_errors: list[LogLine] = field(default_factory=list)
    empty_errors: list[LogLine] = field(default_factory=list)
    known_attempts: set[int] = field(default_factory=set)
    people: dict[int, set[str]] = field(default_factory=dict)
    cut_short: bool = False

    @classmethod
    def of(cls, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> "BatchLog":
        log = cls.empty(payload, attempts, observations[0].seen_at)
        pattern = attempt_pattern(payload.stem)
        for file in _contents(observations):
            text = decode_log(file.body or b"")
            known = {int(number) for number in pattern.findall(f"{file.name}\n{text}")}
            uploads, _ = uploads_of_lines(split_lines(text), upload_of(file.name, pattern), pattern)
            lines = [replace(line, upload=uploads[line.number - 1]) for line in log.names.lines(file, log.since)]
            log.take(lines, known, is_cut_short=file.size > len(file.body or b""))
        log.finish()
        return log

    @classmethod
    def empty(cls, payload: Payload, attempts: Sequence[Attempt], first_seen_at: datetime) -> "BatchLog":
        """Return a log to which nothing was added. The first poll of the batch was at ``first_seen_at``."""
        possible = _possible(attempts)
        not_arrived = {attempt.number for attempt in attempts} - set(possible) if possible else set()
        return cls(BatchNames.of(payload), possible, not_arrived, first_start(attempts, first_seen_at))

    def take(self, lines: Iterable[LogLine], known_attempts: set[int], *, is_cut_short: bool) -> None:
        """Add the answers in one file, and the attempts that it names."""
        self.known_attempts |= known_attempts
        self.cut_short |= is_cut_short
        for line in lines:
            self._add(line)

    def finish(self) -> None:
        """Set aside the errors about empty files, once every file was added."""
        empty = self.not_arrived - set(self.people)
        self.empty_errors = [line for line in self.nameless_errors if line.upload in empty]
        self.nameless_errors = [line for line in self.nameless_errors if line.upload not in empty]

    @property
    def has_answers(self) -> bool:
        """Whether the logs answer for any number. Naming an upload only proves that one was begun."""
        return bool(self.ids or self.errors or self.nameless_ids or self.nameless_errors)

    @property
    def accepted(self) -> int:
        return len(self.ids) + len(self.nameless_ids)

    @property
    def answers(self) -> int:
        """How many answers the logs have for this batch. If it has not changed, the logs have not grown for it."""
        return self.accepted + len(self.errors) + len(self.nameless_errors)

    @property
    def refused(self) -> list[LogLine]:
        """Errors of numbers without a message id. An id from an earlier line or another upload takes precedence."""
        return [line for msisdn, line in self.errors.items() if msisdn not in self.ids]

    def _add(self, line: LogLine) -> None:
        numbers = self.names.numbers
        msisdn = line.msisdn
        if not msisdn and line.message_id:
            msisdn = self.owners.get(line.message_id, "")
        is_of_one = line.error in OF_ONE_RECIPIENT and line.upload not in self.not_arrived
        if not msisdn and len(numbers) == 1 and (line.message_id or is_of_one):
            msisdn = next(iter(numbers))
        if line.error:
            if not msisdn:
                self.nameless_errors.append(line)
            elif self.errors.get(msisdn, line).error in (line.error, UNKNOWN):
                self.errors[msisdn] = replace(line, msisdn=msisdn)
            return
        if line.message_id:
            self.people.setdefault(line.upload, set()).add(msisdn)
        if line.message_id and not msisdn:
            self.nameless_ids.add(line.message_id)
        elif line.message_id and line.message_id not in self.owners:
            self.owners[line.message_id] = msisdn
            self.nameless_ids.discard(line.message_id)
            self.ids.setdefault(msisdn, []).append(line)
        if line.status and msisdn:
            self.statuses[msisdn] = line

    @property
    def strays(self) -> set[int]:
        """Uploads in the logs that, as far as Baton knew, were refused or never arrived."""
        return self.known_attempts - set(self.attempts)

    @property
    def may_be_twice(self) -> bool:
        """Whether somebody has two ids, or an id from two uploads; an id without a number may be anybody's."""
        if any(len(lines) > 1 for lines in self.ids.values()):
            return True
        if 0 in self.people and len(self.known_attempts) > 1:
            return True
        uploads = [people for number, people in self.people.items() if number]
        met: set[str] = set()
        for people in uploads:
            if met & people or (len(uploads) > 1 and "" in people):
                return True
            met |= people
        return False

    @property
    def has_stray_answers(self) -> bool:
        """Whether an upload that, as far as Baton knew, never arrived has ids in the logs, or is alone in them."""
        return bool(self.strays) and (
            self.strays >= self.known_attempts or not self.people.keys() <= set(self.attempts)
        )

    def alarm(self) -> str:
        alarms = []
        if self.may_be_twice:
            alarms.append("Clickatell's log has more than one upload of this file: people may have been texted twice.")
        elif self.has_stray_answers:
            alarms.append("Clickatell's log has an upload that, as far as Baton knew, never arrived.")
        both = set(self.ids) & set(self.errors)
        if both:
            alarms.append(f"The log has both a message id and an error for {len(both):,} of the numbers.")
        if self.cut_short:
            alarms.append("A log is longer than Baton reads, so some answers may be missing from the results.")
        return " ".join(alarms)

    def note(self) -> str:
        """Return a line for the history about uploads in the logs that are no reason for an alarm."""
        if len(self.known_attempts) > 1 and not self.may_be_twice and not self.has_stray_answers:
            return (
                "Clickatell's log has more than one upload of this file, but nobody has a message id from two of them."
            )
        if self.empty_errors and not self.has_answers:
            codes = ", ".join(sorted({line.error for line in self.empty_errors}))
            return f"Clickatell's log has an error ({codes}) about an empty file, which an earlier attempt left."
        return ""

    def outcomes(self, *, with_accepted: bool) -> tuple[Outcome, ...]:
        """Return the row errors and the numbers with a status; ``with_accepted`` adds every number with an id."""
        found = [_row_error(line) for line in self.refused if line.error != INTERNAL_ERROR]
        for msisdn, lines in self.ids.items():
            status = self.statuses.get(msisdn)
            if status and status.status in STATUSES:
                found.append(_accepted(msisdn, status))
            elif with_accepted:
                found.append(_accepted(msisdn, lines[0]))
        return tuple(found)


def _contents(observations: Sequence[Observation]) -> list[ObservedFile]:
    """Return each log once, with its newest content; a log that was restarted under the same name counts as another."""
    found: dict[str, list[ObservedFile]] = {}
    for observation in observations:
        for file in observation.files:
            if file.body is None:
                continue
            kept = found.setdefault(file.name, [])
            if kept and file.body.startswith(kept[-1].body or b""):
                kept[-1] = file
            elif file.body not in (other.body for other in kept):
                kept.append(file)
    return [file for kept in found.values() for file in kept]


def attempt_pattern(stem: str) -> re.Pattern[str]:
    """Return a pattern for the name of any attempt of a batch; its only group is the attempt's number."""
    return re.compile(re.escape(stem) + r"-a(\d{1,6})(?!\d)")


def upload_of(name: str, pattern: re.Pattern[str]) -> int:
    """Return the attempt that the name of a file names, or 0."""
    return int(named[-1]) if (named := pattern.findall(name)) else 0


def uploads_of_lines(lines: Sequence[str], current: int, pattern: re.Pattern[str]) -> tuple[list[int], int]:
    """Return for each line the attempt that it or the nearest line above names, and the one after the last line.

    ``current`` is the one before the first line.
    """
    found = []
    for line in lines:
        current = int(named[-1]) if (named := pattern.findall(line)) else current
        found.append(current)
    return found, current


def _row_error(line: LogLine) -> Outcome:
    sentence = WORDS.get(line.error, f"Clickatell reports an unknown error for this number: {_error_words(line)}")
    return Outcome(
        msisdn=line.msisdn,
        result=Result.ROW_ERROR,
        code=line.error,
        sentence=sentence,
        opted_out=line.error == OPTED_OUT,
        source=line.source,
        line=line.number,
    )


def _error_words(line: LogLine) -> str:
    """Return the words of an error, without anything that may be a phone number."""
    error = ERR.search(line.words)
    return NUMBER.sub("", TO.sub("", error[0] if error else line.words)).strip()[:100]


def _accepted(msisdn: str, line: LogLine) -> Outcome:
    delivery = "delivered" if line.status in DELIVERED else "undelivered" if line.status in UNDELIVERED else ""
    sentence = STATUSES.get(line.status, "Clickatell gave this text a message id.")
    return Outcome(
        msisdn=msisdn,
        result=Result.ACCEPTED,
        code=line.status,
        sentence=sentence,
        source=line.source,
        line=line.number,
        delivery=delivery,
    )
