"""Finds the lines about one batch in log files of unknown format."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from providers.adapters.clickatell.wire import client_message_id
from providers.adapters.clickatell.words import UNKNOWN, WORDS
from providers.base import Check, ObservedFile, Payload

# At most this many bytes of a log file are read.
MAX_LOG_BYTES = 5_000_000
# These may be anywhere in a line of the log.
_HEAD = re.compile(r"(?=\b(?:[a-z_]*ID\s*[:=]\s*[0-9a-f]{32}(?![0-9a-f])|ERR\s*:))", re.IGNORECASE)
_ID = re.compile(r"ID\s*[:=]\s*([0-9a-f]{32})(?![0-9a-f])", re.IGNORECASE)
ERR = re.compile(r"\bERR\s*:\s*(?:(\d{3})(?!\d))?\s*,?\s*(.*)", re.IGNORECASE)
_STATUS = re.compile(r"\bstatus\w*\s*[:=]?\s*(0\d\d)(?!\d)", re.IGNORECASE)
TO = re.compile(r"\bTo\s*[:=]\s*(?:\+|00)?(\d{5,16})(?!\d)", re.IGNORECASE)
NUMBER = re.compile(r"(?<!\w)(?:\+|00)?(\d{7,16})(?!\w)")
# Where a log repeats the file, the text of a message may look like any of the above.
_ECHO = re.compile(r"\b(?:text|data|csv)\s*:", re.IGNORECASE)
_STEM = re.compile(r"c\d+-b\d+-g\d+-[0-9a-f]{8}")
_OTHER = re.compile(r"c\d+-?b\d+-?g\d+-?[0-9a-f]{8}|[\w-]+\.(?:txt|csv|dat|sms|msg)\b|climsgid\s*[:=]", re.IGNORECASE)
#: What stands in evidence in place of a password.
_MASK = b"****"
_PASSWORD = re.compile(rb"(password\s*[:=]\s*)[^\s&|,;]+", re.IGNORECASE)


def is_safe_name(name: str) -> bool:
    """Return whether a file's name can be used in a path."""
    # The name comes from the server and becomes part of a path, so it must not lead to another folder.
    return not re.search(r"[\x00-\x1f\x7f/\\]", name)


def mask_secrets(body: bytes, settings: Mapping[str, Any]) -> bytes:
    """Return a log with the account's passwords, and whatever follows ``password:``, replaced by asterisks."""
    for name in ("api_password", "password"):
        if secret := str(settings.get(name) or "").encode():
            body = re.sub(rb"(?<![0-9A-Za-z])" + re.escape(secret) + rb"(?![0-9A-Za-z])", _MASK, body)
    return _PASSWORD.sub(rb"\1" + _MASK, body)


def check_clock(newest: datetime | None, now: datetime) -> Check:
    label = "Clock"
    if newest is None:
        return Check("clock", label, None, "There is no file to compare the time with.")
    ahead = newest - now
    if ahead > timedelta(minutes=2):
        minutes = int(ahead.total_seconds() // 60)
        return Check("clock", label, False, f"The server's clock is at least {minutes:,} minutes ahead of Baton's.")
    return Check("clock", label, None, f"The newest file in the folder has the time {newest:%Y-%m-%d %H:%M} UTC.")


@lru_cache(maxsize=1)
def _numbers(body: bytes) -> frozenset[str]:
    """Return the msisdns in a payload."""
    found, delimiter = [], b"\n"
    for line in body.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"to":
            found.append(value)
        elif name == b"delimiter":
            delimiter = value
        elif name == b"csv":
            found.append(value.split(delimiter, 1)[0])
    return frozenset(number.decode("ascii") for number in found)


@dataclass(frozen=True)
class LogLine:
    """A line of a log that contains an answer; ``msisdn`` is ``""`` if it names no number.

    ``upload`` is the number of the attempt that the line or the nearest line above names, or 0.
    """

    source: str
    number: int
    msisdn: str = ""
    message_id: str = ""
    error: str = ""
    status: str = ""
    words: str = ""
    upload: int = 0


@dataclass(frozen=True)
class BatchNames:
    """The names of a batch in logs, and the msisdns in it: enough to recognise lines about it."""

    stem: str
    climsgid: str
    numbers: frozenset[str]

    @classmethod
    def of(cls, payload: Payload) -> "BatchNames":
        return cls(payload.stem, client_message_id(payload.stem), _numbers(payload.body))

    def is_upload(self, name: str) -> bool:
        return bool(re.fullmatch(re.escape(self.stem) + r"-a\d+\.txt", name))

    def is_named(self, words: str) -> bool:
        lower = words.lower()
        # Match whole words only: a longer word is another batch's name.
        return any(
            re.search(rf"(?<![0-9a-z]){re.escape(name)}(?![0-9a-z])", lower)
            for name in (self.stem.lower(), self.climsgid.lower())
            if name in lower
        )

    def belongs_to_another(self, name: str) -> bool:
        return bool(_STEM.search(name)) and not self.is_named(name)

    def may_be_about(self, file: ObservedFile, since: datetime) -> bool:
        """Return whether a file names this batch, or is newer than ``since`` and names only numbers of it."""
        if self.is_named(file.name):
            return True
        text = decode_log(file.body or b"")
        if self.is_named(text):
            return True
        found = set(TO.findall(text))
        is_new = file.modified_at is not None and file.modified_at >= since
        return is_new and bool(found) and found <= self.numbers and bool(_HEAD.search(text))

    def lines(self, file: ObservedFile, since: datetime) -> list[LogLine]:
        """Return every answer about this batch in a file.

        assumption: the format of a log is not documented. A line counts if it names this batch, or if it is in a file
        or below a heading that does, up to a line that names another upload or a number not in the batch. A file that
        names no upload counts if it is newer than the hand-over and answers for exactly the numbers of the batch, each
        once.
        """
        text = decode_log(file.body or b"")
        if not self.is_named(file.name) and not self.is_named(text):
            return self.lines_without_name(file, since)
        found, _ = self.lines_below_names(file.name, split_lines(text), 1, self.is_named(file.name))
        return found

    def lines_below_names(
        self, source: str, lines: Sequence[str], first: int, is_ours: bool
    ) -> tuple[list[LogLine], bool]:
        """Return the answers in some lines of a file that names the batch, and whether the line after them is ours.

        ``first`` is the number of the first line; ``is_ours`` says the same of that line as is returned of the next.
        """
        found = []
        for number, line in enumerate(map(_without_echo, lines), start=first):
            answers = [self._answer(source, number, piece) for piece in _pieces(line)]
            is_named = self.is_named(line)
            if is_named and not answers:
                is_ours = True
            elif not is_named and _OTHER.search(line):
                is_ours = False
            if not is_named and any(answer is None for answer in answers):
                is_ours = False
            if is_named or is_ours:
                found += [answer for answer in answers if answer]
        return found, is_ours

    def lines_without_name(self, file: ObservedFile, since: datetime) -> list[LogLine]:
        """Return every answer in a file that does not name the batch."""
        text = decode_log(file.body or b"")
        if file.modified_at is None or file.modified_at < since or _OTHER.search(text):
            return []
        found: list[LogLine] = []
        answers_by_number: dict[str, set[str]] = {}
        for number, line in enumerate(map(_without_echo, split_lines(text)), start=1):
            for piece in _pieces(line):
                answer = self._answer(file.name, number, piece)
                if answer is None:
                    return []
                found.append(answer)
                if answer.message_id or answer.error:
                    answers_by_number.setdefault(answer.msisdn, set()).add(answer.message_id or answer.error)
        # A later line may give the status of a message id without its number.
        answers_by_number[""] = answers_by_number.get("", set()) - set().union(
            *(words for msisdn, words in answers_by_number.items() if msisdn)
        )
        is_exact = (
            not answers_by_number.pop("")
            and set(answers_by_number) == self.numbers
            and all(len(words) == 1 for words in answers_by_number.values())
        )
        return found if is_exact else []

    def _answer(self, source: str, number: int, words: str) -> LogLine | None:
        """Return one answer, or None if it is for a number that is not in the batch."""
        message_id, error, status = _ID.search(words), ERR.search(words), _STATUS.search(words)
        msisdn = ""
        if to := TO.search(words):
            if to[1] not in self.numbers:
                return None
            msisdn = to[1]
        else:
            beside = {found for found in NUMBER.findall(_ID.sub(" ", words)) if found in self.numbers}
            msisdn = beside.pop() if len(beside) == 1 else ""
        return LogLine(
            source,
            number,
            msisdn,
            message_id[1].lower() if message_id else "",
            "" if error is None else error[1] if error[1] in WORDS else UNKNOWN,
            status[1] if status and not error else "",
            words.strip()[:200],
        )


def decode_log(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def split_lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text)


def _without_echo(line: str) -> str:
    """Return a line, cut off where it repeats the text of a message."""
    echo = _ECHO.search(line)
    return line[: echo.start()] if echo else line


def _pieces(line: str) -> Iterator[str]:
    """Yield the answers in a line: the whole line if there is only one, because the number may come before it."""
    heads = [match.start() for match in _HEAD.finditer(line)]
    if len(heads) <= 1:
        if heads or (_STATUS.search(line) and (TO.search(line) or NUMBER.search(line))):
            yield line
        return
    # If numbers come before their answers, each would be matched to the previous answer: use none of them then.
    is_after = not NUMBER.search(line[: heads[0]])
    for start, end in zip(heads, [*heads[1:], len(line)], strict=True):
        yield line[start:end] if is_after else NUMBER.sub("", line[start:end])
