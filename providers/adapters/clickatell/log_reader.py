"""Reads a batch's logs on: of a log that has grown since the last poll, only the new lines are read."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from providers.adapters.clickatell.batch_log import (
    BatchLog,
    attempt_pattern,
    first_start,
    upload_of,
    uploads_of_lines,
)
from providers.adapters.clickatell.log import BatchNames, LogLine, decode_log, split_lines
from providers.adapters.clickatell.reading import LOG_PATIENCE, History, interpret, was_logged_before_the_end
from providers.base import Attempt, Interpretation, Observation, ObservedFile, Payload

_BOM = b"\xef\xbb\xbf"
_columns = attrgetter(*(each.name for each in fields(LogLine)))
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class _Lines:
    """What is known after some whole lines of a log: see ``BatchNames.lines_below_names`` and ``uploads_of_lines``.

    ``known`` are the attempts that they name, ``is_named`` is whether they or the file's name name the batch.
    """

    count: int
    is_ours: bool
    is_named: bool
    upload: int
    known: set[int]
    answers: list[LogLine] = field(default_factory=list)

    def then(self, source: str, text: str, names: BatchNames, pattern: re.Pattern[str]) -> "_Lines":
        """What is known after the lines of ``text`` too; the part behind its last line break counts as a line."""
        lines = split_lines(text)
        uploads, upload = uploads_of_lines(lines, self.upload, pattern)
        found, is_ours = names.lines_below_names(source, lines, self.count + 1, self.is_ours)
        return _Lines(
            self.count + len(lines),
            is_ours,
            self.is_named or names.is_named(text),
            upload,
            self.known | {int(number) for number in pattern.findall(text)},
            [*self.answers, *(replace(line, upload=uploads[line.number - self.count - 1]) for line in found)],
        )


@dataclass
class _Content:
    """One content of a log that grew: ``length`` bytes with the sha256 ``digest``, of which ``start`` are in ``read``.

    ``read`` is after the last line break, ``whole`` after everything. ``read`` has the answers only if the content
    names the batch. A log of another encoding than UTF-8, which may have changed the meaning of the lines above, has
    no ``read`` until all of it is UTF-8.
    """

    size: int
    modified_at: datetime | None
    length: int
    digest: str
    start: int
    read: _Lines
    whole: _Lines


class LogReader:
    """See ``providers.base.Reader``."""

    def __init__(
        self, payload: Payload, attempts: Sequence[Attempt], give_up_after: timedelta, state: Any = None
    ) -> None:
        self.payload, self.attempts, self.give_up_after = payload, attempts, give_up_after
        self.names = BatchNames.of(payload)
        self.pattern = attempt_pattern(payload.stem)
        self.upload_names = {attempt.name for attempt in attempts}
        self.first_seen_at = self.last_seen_at = _NEVER
        self.last = Observation(_NEVER, ())
        self.shown = ""
        self.uploads: set[tuple[str, int]] = set()
        self.was_logged_before_the_end = False
        self.contents: dict[str, list[_Content]] = {}
        #: How many answers the logs had, and since when.
        self.answers: list[tuple[datetime, int]] = []
        if state:
            self._continue(state)

    def add(self, observation: Observation) -> bool:
        """Take what the poll after all those before it saw; False if it was before one of them by its clock."""
        if self.first_seen_at == _NEVER:
            self.first_seen_at = observation.seen_at
        elif observation.seen_at < self.last_seen_at:
            # Which answers there were some minutes ago is then not known.
            return False
        self.last, self.last_seen_at = observation, observation.seen_at
        shown = _digest_of(observation)
        if shown != self.shown:
            self.shown = shown
            self._take(observation)
        return True

    def _take(self, observation: Observation) -> None:
        for file in observation.files:
            if file.name in self.upload_names:
                self.uploads.add((file.name, file.size))
            if file.body is not None:
                self._take_log(file, file.body)
        if not self.was_logged_before_the_end:
            self.was_logged_before_the_end = was_logged_before_the_end(self.payload, self.attempts, observation)
        answers = self._log().answers
        if not self.answers or self.answers[-1][1] != answers:
            self.answers.append((observation.seen_at, answers))

    def _take_log(self, file: ObservedFile, body: bytes) -> None:
        """Take a content of a log; one that was restarted under the same name counts as another."""
        digest = hashlib.sha256(body).hexdigest()
        kept = self.contents.setdefault(file.name, [])
        newest = kept[-1] if kept else None
        if newest and hashlib.sha256(body[: newest.length]).hexdigest() == newest.digest:
            kept[-1] = self._content(file, body, digest, newest)
        elif digest not in (other.digest for other in kept):
            kept.append(self._content(file, body, digest, None))

    def _content(self, file: ObservedFile, body: bytes, digest: str, before: _Content | None) -> _Content:
        """The content of a log; of the part that was read ``before``, no line is read again."""
        name = file.name
        nothing = _Lines(0, self.names.is_named(name), self.names.is_named(name), upload_of(name, self.pattern), set())
        nothing.known = {int(number) for number in self.pattern.findall(name)}
        start, read = (before.start, before.read) if before else (0, nothing)
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            start, read = 0, nothing
            whole = nothing.then(name, decode_log(body), self.names, self.pattern)
        else:
            end = body.rfind(b"\n") + 1
            if end > start:
                text = (body[start:end].removeprefix(_BOM) if not start else body[start:end]).decode()
                read = _without_last(read.then(name, text, self.names, self.pattern))
                start = end
            rest = body[start:].removeprefix(_BOM) if not start else body[start:]
            whole = read.then(name, rest.decode(), self.names, self.pattern)
        if not whole.is_named:
            # Its lines count only together.
            found = self.names.lines_without_name(file, self._since())
            uploads, _ = uploads_of_lines(split_lines(decode_log(body)), nothing.upload, self.pattern)
            whole.answers = [replace(line, upload=uploads[line.number - 1]) for line in found]
        return _Content(file.size, file.modified_at, len(body), digest, start, read, whole)

    def _since(self) -> datetime:
        return first_start(self.attempts, self.first_seen_at)

    def _log(self) -> BatchLog:
        log = BatchLog.empty(self.payload, self.attempts, self.first_seen_at)
        for contents in self.contents.values():
            for content in contents:
                log.take(content.whole.answers, content.whole.known, is_cut_short=content.size > content.length)
        log.finish()
        return log

    def interpret(self) -> Interpretation:
        last = self.last
        before = [count for at, count in self.answers if last.seen_at - at >= LOG_PATIENCE]
        history = History(last, frozenset(self.uploads), before[-1] if before else None, self.was_logged_before_the_end)
        return interpret(self.payload, self._log(), history, self.give_up_after)

    def state(self) -> Any:
        return [
            self.first_seen_at.isoformat(),
            self.last_seen_at.isoformat(),
            self.shown,
            sorted(self.uploads),
            self.was_logged_before_the_end,
            [[at.isoformat(), count] for at, count in self.answers],
            {name: [_state_of(content) for content in contents] for name, contents in self.contents.items()},
        ]

    def _continue(self, state: Any) -> None:
        first, last, self.shown, uploads, self.was_logged_before_the_end, answers, contents = state
        self.first_seen_at, self.last_seen_at = datetime.fromisoformat(first), datetime.fromisoformat(last)
        self.uploads = {(name, size) for name, size in uploads}
        self.answers = [(datetime.fromisoformat(at), count) for at, count in answers]
        self.contents = {name: [_content_of(each) for each in states] for name, states in contents.items()}


def _without_last(lines: _Lines) -> _Lines:
    """The lines without the empty one behind a line break."""
    return replace(lines, count=lines.count - 1)


def _digest_of(observation: Observation) -> str:
    files = [
        (
            file.folder,
            file.name,
            file.size,
            file.modified_at,
            file.host,
            file.body and hashlib.sha256(file.body).digest(),
        )
        for file in observation.files
    ]
    return hashlib.sha256(repr(files).encode("utf-8", "surrogateescape")).hexdigest()


def _state_of(content: _Content) -> Any:
    modified_at = content.modified_at.isoformat() if content.modified_at else ""
    # Most of the answers are in both.
    common = len(content.read.answers) if content.whole.is_named else 0
    return [
        [content.size, modified_at, content.length, content.digest, content.start, common],
        _state_of_lines(content.read, 0),
        _state_of_lines(content.whole, common),
    ]


def _state_of_lines(lines: _Lines, skipped: int) -> Any:
    answers = [_columns(line) for line in lines.answers[skipped:]]
    return [lines.count, lines.is_ours, lines.is_named, lines.upload, sorted(lines.known), answers]


def _content_of(state: Any) -> _Content:
    (size, modified_at, length, digest, start, common), read, whole = state
    read, whole = _lines_of(read), _lines_of(whole)
    whole.answers = [*read.answers[:common], *whole.answers]
    return _Content(
        size, datetime.fromisoformat(modified_at) if modified_at else None, length, digest, start, read, whole
    )


def _lines_of(state: Any) -> _Lines:
    count, is_ours, is_named, upload, known, answers = state
    return _Lines(count, is_ours, is_named, upload, set(known), [LogLine(*answer) for answer in answers])
