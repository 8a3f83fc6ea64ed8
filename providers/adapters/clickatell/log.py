"""Finds, in files of unknown shape, the lines that are about one batch."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from providers.adapters.clickatell.wire import client_message_id
from providers.adapters.clickatell.words import UNKNOWN, WORDS
from providers.base import (
    Check,
    ObservedFile,
    Payload,
)

# Log files are read up to this many bytes.
MAX_LOG_BYTES = 5_000_000
# A line of the log is searched for these, wherever in it they stand.
_HEAD = re.compile(r"(?=\b(?:[a-z_]*ID\s*[:=]\s*[0-9a-f]{32}(?![0-9a-f])|ERR\s*:))", re.IGNORECASE)
_ID = re.compile(r"ID\s*[:=]\s*([0-9a-f]{32})(?![0-9a-f])", re.IGNORECASE)
ERR = re.compile(r"\bERR\s*:\s*(?:(\d{3})(?!\d))?\s*,?\s*(.*)", re.IGNORECASE)
_STATUS = re.compile(r"\bstatus\w*\s*[:=]?\s*(0\d\d)(?!\d)", re.IGNORECASE)
TO = re.compile(r"\bTo\s*[:=]\s*(?:\+|00)?(\d{5,16})(?!\d)", re.IGNORECASE)
NUMBER = re.compile(r"(?<!\w)(?:\+|00)?(\d{7,16})(?!\w)")
# What a person wrote may look like any of the above where a log repeats the file.
_ECHO = re.compile(r"\b(?:text|data|csv)\s*:", re.IGNORECASE)
_STEM = re.compile(r"c\d+-b\d+-g\d+-[0-9a-f]{8}")
_OTHER = re.compile(r"c\d+-?b\d+-?g\d+-?[0-9a-f]{8}|[\w-]+\.(?:txt|csv|dat|sms|msg)\b|climsgid\s*[:=]", re.IGNORECASE)
_PASSWORD = re.compile(rb"(password\s*[:=]\s*)[^\s&|,;]+", re.IGNORECASE)


def is_safe_name(name: str) -> bool:
    # A name from outside becomes part of a path: nothing in it may lead elsewhere.
    return not re.search(r"[\x00-\x1f\x7f/\\]", name)


def mask_secrets(body: bytes, settings: Mapping[str, Any]) -> bytes:
    for name in ("api_password", "password"):
        if secret := str(settings.get(name) or "").encode():
            body = re.sub(rb"(?<![0-9A-Za-z])" + re.escape(secret) + rb"(?![0-9A-Za-z])", b"****", body)
    return _PASSWORD.sub(rb"\1****", body)


def check_clock(newest: datetime | None, now: datetime) -> Check:
    label = "Clock"
    if newest is None:
        return Check("clock", label, None, "There is no file whose time could be compared.")
    ahead = newest - now
    if ahead > timedelta(minutes=2):
        minutes = int(ahead.total_seconds() // 60)
        return Check("clock", label, False, f"The server's clock is at least {minutes:,} minutes ahead of Baton's.")
    return Check("clock", label, None, f"The newest file there is of {newest:%Y-%m-%d %H:%M} UTC, as far as it tells.")


@lru_cache(maxsize=1)
def _numbers(body: bytes) -> frozenset[str]:
    """The numbers a payload names."""
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
    """A line of a log that gives an answer. ``msisdn`` is ``""`` where it names nobody."""

    source: str
    number: int
    msisdn: str = ""
    message_id: str = ""
    error: str = ""
    status: str = ""
    words: str = ""


@dataclass(frozen=True)
class BatchNames:
    """What a batch is called in a log, and the numbers in it."""

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
        # A longer word would be another batch's: c11-... holds c1-... but for its edge.
        return any(
            re.search(rf"(?<![0-9a-z]){re.escape(name)}(?![0-9a-z])", lower)
            for name in (self.stem.lower(), self.climsgid.lower())
            if name in lower
        )

    def belongs_to_another(self, name: str) -> bool:
        return bool(_STEM.search(name)) and not self.is_named(name)

    def may_be_meant(self, file: ObservedFile, since: datetime) -> bool:
        """Whether a file names this batch, or is new and names none but numbers of it."""
        if self.is_named(file.name):
            return True
        text = decode_log(file.body or b"")
        if self.is_named(text):
            return True
        found = set(TO.findall(text))
        is_new = file.modified_at is not None and file.modified_at >= since
        return is_new and bool(found) and found <= self.numbers and bool(_HEAD.search(text))

    def lines(self, file: ObservedFile, since: datetime) -> list[LogLine]:
        """Every answer in a file that is about this batch.

        assumption: nothing is documented of a log's shape. A line counts when it names this batch itself, or stands in
        a file or below a heading that does, until another upload, or a number that is not ours, is named. A file that
        names no upload counts when it is newer than the hand-over and answers for exactly our numbers, each once.
        """
        text = decode_log(file.body or b"")
        if not self.is_named(file.name) and not self.is_named(text):
            return self._nameless(file, text, since)
        found = []
        is_ours = self.is_named(file.name)
        for number, line in enumerate(_split(text), start=1):
            answers = [self._answer(file.name, number, piece) for piece in _pieces(line)]
            is_named = self.is_named(line)
            if is_named and not answers:
                is_ours = True
            elif not is_named and _OTHER.search(line):
                is_ours = False
            if not is_named and any(answer is None for answer in answers):
                is_ours = False
            if is_named or is_ours:
                found += [answer for answer in answers if answer]
        return found

    def _nameless(self, file: ObservedFile, text: str, since: datetime) -> list[LogLine]:
        if file.modified_at is None or file.modified_at < since or _OTHER.search(text):
            return []
        found: list[LogLine] = []
        told: dict[str, set[str]] = {}
        for number, line in enumerate(_split(text), start=1):
            for piece in _pieces(line):
                answer = self._answer(file.name, number, piece)
                if answer is None:
                    return []
                found.append(answer)
                if answer.message_id or answer.error:
                    told.setdefault(answer.msisdn, set()).add(answer.message_id or answer.error)
        # A later line may tell the status of an id without saying whose it is.
        told[""] = told.get("", set()) - set().union(*(words for msisdn, words in told.items() if msisdn))
        is_exact = not told.pop("") and set(told) == self.numbers and all(len(words) == 1 for words in told.values())
        return found if is_exact else []

    def _answer(self, source: str, number: int, words: str) -> LogLine | None:
        """One answer; None where it is for a number that is not ours."""
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


def _split(text: str) -> list[str]:
    """The lines of a log, without what repeats a text that somebody wrote."""
    lines = re.split(r"\r\n|\r|\n", text)
    return [line[: echo.start()] if (echo := _ECHO.search(line)) else line for line in lines]


def _pieces(line: str) -> Iterator[str]:
    """The answers in a line: the whole line where there is one, for what stands before it may name the number."""
    heads = [match.start() for match in _HEAD.finditer(line)]
    if len(heads) <= 1:
        if heads or (_STATUS.search(line) and (TO.search(line) or NUMBER.search(line))):
            yield line
        return
    # Numbers that stand before their answers would be taken for the answer before: then no number is.
    is_after = not NUMBER.search(line[: heads[0]])
    for start, end in zip(heads, [*heads[1:], len(line)], strict=True):
        yield line[start:end] if is_after else NUMBER.sub("", line[start:end])
