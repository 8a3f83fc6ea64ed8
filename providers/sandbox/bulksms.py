"""A pretend BulkSMS: the EAPI over HTTP and HTTPS, its forgiving CSV, duplicate memory and delivery reports.

Written from BulkSMS's document alone ("BulkSMS EAPI": send_batch, get_report, get_credits, quote_sms), so that it and
the adapter check each other. Where the document is silent the assumption is named; where two readings are possible
this one is the stricter.

"Invalid lines that you submit should be ignored; invalid values for fields will be ignored or corrected (e.g. by
truncating values that are too long) as far as possible": so the ledger shows what would really have been texted, with
every silent loss.

Numbers that cause trouble without any set-up, by how they end:

* ``99901``: cannot be routed; reported with 31, never texted
* ``99902`` and ``99906``: the recipient complained; reported with 32, never texted
* ``99903`` and ``99904``: the line is dropped without a word and is in no report
* ``99905``: expires on its way; reported with 53
* ``99907``: the handset is full; reported with 57
* ``99908``: censored; reported with 33, never texted
* ``99909``: stays in progress; reported with 0 for ever
"""

import asyncio
import hashlib
import hmac
import json
import re
import select
import socket
import ssl
import sys
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from providers.sandbox.account import Account
from providers.sandbox.disk import write_durably
from providers.sandbox.faults import Faults
from providers.sandbox.ftp import certificate_file, public_certificate
from providers.sandbox.gsm import BASIC, EXTENDED, septets
from providers.sandbox.ledger import Ledger, Line
from providers.sandbox.site import HOST, Ground, Site

SLUG = "bulksms"
# "current maximum size: 30,000 messages"
LARGEST_BATCH = 30_000
# assumption: the document names no size in bytes.
LARGEST_REQUEST = 64 * 1024 * 1024
# "recently (within the past few hours)"; assumption: few is three.
IDS_KEPT = timedelta(hours=3)
LARGEST_STOP_DUP_ID = 2147483647
# "Messages can be scheduled a maximum of two years in advance."
FURTHEST = timedelta(days=730)
# assumption: the document names no number; a new account may text this many parts a day.
DAILY_QUOTA = 10_000_000
# assumption: how long a text is in progress and with the network before the phone has it.
WITH_THE_NETWORK_AFTER = timedelta(seconds=1)
WITH_THE_PHONE_AFTER = timedelta(seconds=3)
FIRST_BATCH_ID = 30430

# send_batch, "Possible values for status_code"; the words in capitals are those of the document's example.
CODES = {
    0: "IN_PROGRESS",
    1: "SCHEDULED",
    22: "Internal fatal error",
    23: "Authentication failure",
    24: "Data validation failed",
    25: "You do not have sufficient credits",
    26: "Upstream credits not available",
    27: "You have exceeded your daily quota",
    28: "Upstream quota exceeded",
    40: "Temporarily unavailable",
    201: "Maximum batch size exceeded (current maximum size: 30,000 messages)",
}

# get_report, the status codes of one message.
STATUSES = {
    0: "In progress",
    10: "Delivered upstream",
    11: "Delivered to mobile",
    12: "Delivered upstream unacknowledged (assume message is in progress)",
    22: "Internal fatal error",
    23: "Authentication failure",
    24: "Data validation failed",
    25: "You do not have sufficient credits",
    26: "Upstream credits not available",
    27: "You have exceeded your daily quota",
    28: "Upstream quota exceeded",
    29: "Message sending cancelled",
    31: "Unroutable",
    32: "Blocked (probably because of a recipient's complaint against you)",
    33: "Failed: censored",
    40: "Temporarily unavailable",
    50: "Delivery failed - generic failure",
    51: "Delivery to phone failed",
    52: "Delivery to network failed",
    53: "Message expired",
    54: "Failed on remote network",
    55: "Failed: remotely blocked",
    56: "Failed: remotely censored",
    57: "Failed due to fault on handset",
    60: "Transient upstream failure",
    61: "Upstream status update",
    62: "Upstream cancel failed",
    63: "Queued for retry after temporary failure delivering",
    64: "Queued for retry after temporary failure delivering, due to fault on handset",
    70: "Unknown upstream status",
}

# How the number ends: what the report says in the end.
_MAGIC = {"99901": 31, "99902": 32, "99905": 53, "99906": 32, "99907": 57, "99908": 33, "99909": 0}
_DROPPED = ("99903", "99904")
_NEVER_TEXTED = (31, 32, 33)
_DELIVERED = 11

FAULTS = {
    **{
        f"bulksms:status:{code}": f"Every batch is answered with {code}, {words}; nobody is texted."
        for code, words in CODES.items()
        if code > 1
    },
    "bulksms:status:22-halfway": "Every batch is answered with 22 after half of it was texted.",
    "bulksms:status:99": "Every batch is answered with a status code that no document knows; nobody is texted.",
    "bulksms:refuse-login": "Every user name and password is refused with 23, wherever they are given.",
    "bulksms:down": "Every address answers with HTTP 503.",
    "bulksms:http-500": "A batch is answered with HTTP 500; nobody is texted.",
    "bulksms:http-401": "A batch is answered with HTTP 401; nobody is texted.",
    "bulksms:http-404": "A batch is answered with HTTP 404; nobody is texted.",
    "bulksms:http-302": "A batch is answered with a redirect to another page; nobody is texted.",
    "bulksms:http-502": "A batch is taken, then a proxy answers with HTTP 502.",
    "bulksms:drop-before-processing": "The connection breaks once a batch has arrived; nobody is texted.",
    "bulksms:drop-before-answer": "A batch is taken, then the connection breaks without an answer.",
    "bulksms:hangs-before-processing": "A batch is never answered; nobody is texted.",
    "bulksms:hangs": "A batch is taken, then never answered.",
    "bulksms:slow": "A batch is taken and answered three seconds later.",
    "bulksms:empty-answer": "A batch is taken and answered with nothing.",
    "bulksms:html-answer": "A batch is taken and answered with a web page.",
    "bulksms:truncated-answer": "A batch is taken and the connection breaks in the middle of the answer.",
    "bulksms:no-batch-id": "A batch is taken and answered without its batch id.",
    "bulksms:trailing-pipe": "A batch is taken and answered with one more bar and a line break.",
    "bulksms:forgets-stop-dup-id": "A stop_dup_id used before is not remembered: the batch is taken again.",
    "bulksms:report-missing-rows": "Reports leave out every second recipient.",
    "bulksms:report-empty": "Reports name no recipient.",
    **{
        f"bulksms:report-status:{code}": f"Reports say {code}, {words}, of everybody."
        for code, words in STATUSES.items()
    },
    "bulksms:report-status:99": "Reports give everybody a status that no document knows.",
    "bulksms:report-other-words": "Reports begin with the older words Results to follow.",
    "bulksms:report-failed": "Reports are refused with 22.",
    "bulksms:report-http-500": "Reports are answered with HTTP 500.",
    "bulksms:credits-failed": "The question for the credits is answered with 22.",
}

# The provider's own samples: Greek capitals have the bytes of Latin-1 characters that GSM lacks.
_GREEK = str.maketrans(
    {0xD0: "Δ", 0xDE: "Φ", 0xAC: "Γ", 0xC2: "Λ", 0xDB: "Ω", 0xBA: "Π", 0xDD: "Ψ", 0xCA: "Σ", 0xD4: "Θ", 0xB1: "Ξ"}
)

_QUOTED = re.compile(r'[ \t]*"((?:[^"\\]+|\\.|"")*+)"[ \t]*', re.DOTALL)
_QUOTE = re.compile(r'[ \t]*"')
_BARE = re.compile(r"((?:[^,\\\r\n]+|\\\r\n|\\.)*+)", re.DOTALL)
_ROW_END = re.compile(r"\r\n|\r|\n|\Z")
_ESCAPE = re.compile(r'\\(\r\n|[,"\'\\\n\r])')
_ESCAPE_OR_DOUBLED = re.compile(r'\\(\r\n|["\'\\\n\r])|"(")')
_MSISDN = re.compile(r"[1-9][0-9]{6,14}")
_LOGIN = re.compile(rb"\A(?:(?:username|password)=[^&]*(?:&|\Z))*")
_UNICODE = re.compile(r"(?:[0-9a-fA-F]{4}){1,70}")
_OCTETS = re.compile(r"(?:[0-9a-fA-F]{2}){1,140}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
# Message settings that a column may override for its row.
_ROW_SETTINGS = ("sender", "msg_class", "dca", "routing_group", "source_id", "repliable")


@dataclass(frozen=True)
class Text:
    """A message the gateway has accepted; ``parts`` is what it costs, ``status`` what its report says in the end."""

    msisdn: str
    sender: str
    text: str
    source_id: str
    parts: int
    status: int


@dataclass(frozen=True)
class Answer:
    """``code|description|batch_id``; ``batch_id`` is 0 where there is none."""

    code: int
    description: str
    batch_id: int = 0

    def line(self) -> str:
        """As it goes over the wire: a failure ends in a bar and a line break, as real ones do."""
        if self.batch_id:
            return f"{self.code}|{self.description}|{self.batch_id}"
        return f"{self.code}|{self.description}|\n"


class Failed(Exception):
    """A request fails with one of CODES; the text is the description."""

    def __init__(self, code: int, description: str = "") -> None:
        super().__init__(description or CODES[code])
        self.code = code
        self.description = description or CODES[code]


# -- the CSV ---------------------------------------------------------------------------------------------------------


def rows(data: str) -> Iterator[list[str] | None]:
    """The rows of ``batch_data``, None for a line that cannot be read; blank lines are no rows.

    send_batch: quotes and line breaks are escaped with a backslash, and "most common formats should be supported":
    bare fields, doubled quotes, line breaks inside quotes, any row end.
    """
    position = 0
    while position < len(data):
        row, position = _row(data, position)
        if row != [""]:
            yield row


def _row(data: str, position: int) -> tuple[list[str] | None, int]:
    fields = []
    while True:
        if quoted := _QUOTED.match(data, position):
            fields.append(_ESCAPE_OR_DOUBLED.sub(lambda found: found[1] or found[2], quoted[1]))
            position = quoted.end()
        elif _QUOTE.match(data, position):
            # The quote is never closed: this line is lost, the next may be good.
            return None, _next_line(data, position)
        else:
            bare = _BARE.match(data, position)
            assert bare
            fields.append(_ESCAPE.sub(r"\1", bare[1]))
            position = bare.end()
        if data.startswith(",", position):
            position += 1
        elif end := _ROW_END.match(data, position):
            return fields, end.end()
        else:
            return None, _next_line(data, position)


def _next_line(data: str, position: int) -> int:
    end = data.find("\n", position)
    return len(data) if end < 0 else end + 1


# -- the texts -------------------------------------------------------------------------------------------------------


def seven_bit(text: str) -> str:
    """What a phone shows of ``text``, whose characters stand for the ISO-8859-1 bytes of the request.

    Character encoding: transliterated as far as possible; "any characters that you submit which do not fall within
    this set, will be replaced by a full stop or question mark". assumption: a full stop for what cannot be seen.
    """
    greek = text.translate(_GREEK)
    return "".join(map(_seven_bit_character, greek)) if set(greek) - BASIC - EXTENDED else greek


def _seven_bit_character(character: str) -> str:
    if character in BASIC or character in EXTENDED:
        return character
    base = unicodedata.normalize("NFKD", character)[0]
    if base in BASIC and base != character:
        return base
    return "?" if character.isprintable() else "."


def cut(text: str, most_parts: int) -> tuple[str, int]:
    """``text`` without what does not fit into ``most_parts`` messages, and how many of them it takes.

    160 septets alone, 153 in a chain; an extended character takes two, which are never parted.
    """
    costs = septets(text)
    if sum(costs) <= 160:
        return text, 1
    room, most_parts = (160, 1) if most_parts == 1 else (153, most_parts)
    count, used = 1, 0
    for position, cost in enumerate(costs):
        if used + cost > room:
            if count == most_parts:
                return text[:position], count
            count, used = count + 1, 0
        used += cost
    return text, count


# -- a submission ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Submission:
    """What a request asks for: ``due_at`` (UTC) is None where it is texted at once."""

    texts: tuple[Text, ...]
    due_at: datetime | None
    stop_dup_id: int
    is_test: bool
    fails: bool

    @property
    def cost(self) -> int:
        return sum(text.parts for text in self.texts)


def judge(fields: Mapping[str, str], now: datetime) -> Submission:
    """Read one send_batch request made at ``now`` (UTC). Pure. Raises Failed."""
    data = fields.get("batch_data", "")
    if not data:
        raise Failed(24, "mandatory field batch_data is missing")
    found = rows(data)
    header = [name.strip().lower() for name in next(found, None) or []]
    # assumption: the header row is required, and columns that nobody knows are ignored.
    if "msisdn" not in header or "message" not in header:
        raise Failed(24, "batch_data must begin with a row that names the columns msisdn and message")
    lines = list(found)
    if len(lines) > LARGEST_BATCH:
        raise Failed(201)
    most_parts = _most_parts(fields)
    settings = {name: fields.get(name, "") for name in _ROW_SETTINGS}
    if settings["repliable"] == "1" and settings["sender"]:
        # "The repliable parameter is incompatible with the sender parameter"; assumption: that fails.
        raise Failed(24, "repliable and sender cannot both be given")
    texts = tuple(text for line in lines if (text := _text(header, line, settings, most_parts)))
    if not texts:
        raise Failed(24, "batch_data holds no message that can be read")
    return Submission(
        texts=texts,
        due_at=_due(fields, now),
        stop_dup_id=_whole(fields.get("stop_dup_id", ""), 1, LARGEST_STOP_DUP_ID),
        is_test=fields.get("test_always_succeed") == "1" or fields.get("test_always_fail") == "1",
        fails=fields.get("test_always_fail") == "1",
    )


def _text(header: list[str], line: list[str] | None, defaults: Mapping[str, str], most_parts: int) -> Text | None:
    if line is None or len(line) != len(header):
        return None
    row = dict(zip(header, line, strict=True))
    # A column overrides the parameter where it says something.
    given = {name: row.get(name) or default for name, default in defaults.items()}
    msisdn, message = row["msisdn"].strip(), row["message"]
    if not _MSISDN.fullmatch(msisdn) or msisdn.endswith(_DROPPED) or (given["repliable"] == "1" and given["sender"]):
        return None
    if given["dca"] == "16bit":
        text, parts = _sixteen_bit(message), 1
    elif given["dca"] == "8bit":
        # Pictures and ringtones: the ledger keeps their octets.
        text, parts = message if _OCTETS.fullmatch(message) else "", 1
    else:
        # "invalid values for fields will be ignored": any other alphabet is the default one.
        text, parts = cut(seven_bit(message), most_parts)
    if not text:
        return None
    status = next((code for ending, code in _MAGIC.items() if msisdn.endswith(ending)), _DELIVERED)
    return Text(msisdn, _sender(given["sender"]), text, given["source_id"][:20], parts, status)


def _sixteen_bit(message: str) -> str:
    # "a message containing only hexadecimal octets, to a maximum of 140 octets"; anything else is an invalid line.
    if not _UNICODE.fullmatch(message):
        return ""
    try:
        return bytes.fromhex(message).decode("utf-16-be")
    except UnicodeDecodeError:
        return ""


def _sender(sender: str) -> str:
    # "if alphanumeric, max 11 characters"; assumption: a number has at most 15 digits.
    return sender[:15] if sender.isdigit() else sender[:11]


def _most_parts(fields: Mapping[str, str]) -> int:
    # send_sms: without allow_concat_text_sms a text has at most 160 characters. assumption: send_batch knows both
    # parameters as well, and 2 is the most where concat_text_sms_max_parts is not given.
    if fields.get("allow_concat_text_sms") != "1":
        return 1
    return _whole(fields.get("concat_text_sms_max_parts", ""), 1, 255) or 2


def _due(fields: Mapping[str, str], now: datetime) -> datetime | None:
    unix = fields.get("send_time_unixtime") or fields.get("send_time_seconds") or ""
    moment = fields.get("send_time", "")
    due = now
    # "invalid values for fields will be ignored": a time that cannot be read means at once.
    if seconds := _whole(unix, 1, 2**40):
        due = datetime.fromtimestamp(seconds, UTC)
    elif _MOMENT.fullmatch(moment):
        try:
            # assumption: the account's time zone is UTC.
            due = datetime.strptime(moment, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        except ValueError:
            due = now
    if due > now + FURTHEST:
        raise Failed(24, "messages can be scheduled a maximum of two years in advance")
    # "If you specify a date/time in the past, your message will be sent immediately".
    return due if due > now else None


def _whole(text: str, least: int, most: int) -> int:
    """The number in ``text``, or 0 where it is none or out of bounds."""
    number = int(text) if re.fullmatch(r"[0-9]{1,15}", text) else 0
    return number if least <= number <= most else 0


# -- an account ------------------------------------------------------------------------------------------------------


class Gateway(Account):
    """One account's credit, memory and batches under ``folder``. Its threads may share it.

    The answer to a batch is decided with it and kept, so that a request that was cut off is answered when the same
    stop_dup_id comes again.
    """

    slug = SLUG

    def __init__(
        self,
        folder: Path,
        account: str,
        ledger: Ledger,
        faults: Faults,
        credit: int = 1_000_000,
        daily_quota: int = DAILY_QUOTA,
    ) -> None:
        super().__init__(folder, account, ledger, faults)
        self._daily_quota = daily_quota
        self._lock = threading.RLock()
        self._batches = folder / "batches"
        self._batches.mkdir(parents=True, exist_ok=True)
        self._begin({"credit": credit, "batches": 0, "remembered": {}, "scheduled": {}, "day": "", "used": 0})

    def submit(self, fields: Mapping[str, str], now: datetime, sha256: str = "") -> Answer:
        """Take one batch at ``now`` (UTC), or repeat what was answered to its stop_dup_id. Raises Failed.

        ``sha256`` is of the request that ``fields`` came in, without its login.
        """
        with self._lock:
            for code in CODES:
                if code > 1 and self._faults.use(f"bulksms:status:{code}"):
                    raise Failed(code)
            if self._faults.use("bulksms:status:99"):
                raise Failed(99, "MYSTERY")
            submission = judge(fields, now)
            kept = self._state()
            if (before := self._remembered(kept, submission.stop_dup_id, now)) is not None:
                return before
            # "basic validation (username, password, etc)", then "always returns a failure code"; which one is silent.
            if submission.fails:
                raise Failed(22)
            halfway = self._faults.use("bulksms:status:22-halfway")
            if halfway:
                submission = replace(submission, texts=submission.texts[: len(submission.texts) // 2], stop_dup_id=0)
            answer = self._take(kept, submission, now, fields, sha256)
            if halfway:
                raise Failed(22)
            return answer

    def look(self, now: datetime) -> int:
        """Text the scheduled batches that are due at ``now`` (UTC); returns how many there were."""
        with self._lock:
            scheduled = self._state()["scheduled"]
            due = [int(number) for number, at in scheduled.items() if datetime.fromisoformat(at) <= now]
            for batch_id in due:
                record = self._record(batch_id)
                texts = [Text(**text) for text in record["texts"]]
                # A batch that an older sandbox scheduled has none.
                sha256 = record.get("sha256", "")
                if lines := self._lines(record["due_at"], batch_id, texts, sha256):
                    # A writer of its own: whatever other batches come between, a repeated release adds nothing.
                    self._ledger.add(f"{SLUG}/{self.account}/{batch_id}", "due", lines)
                self._show({**record, "texted_at": record["due_at"]})
                kept = self._state()
                del kept["scheduled"][str(batch_id)]
                self._remember(kept)
            return len(due)

    def report(self, fields: Mapping[str, str], now: datetime) -> list[dict[str, str]]:
        """The rows of get_report at ``now`` (UTC), as columns by name. Raises Failed."""
        with self._lock:
            batch_id = _whole(fields.get("batch_id", ""), 1, 2**40)
            if not batch_id or not self._batch_path(batch_id).exists():
                raise Failed(24, "batch_id is not known")
            record = self._record(batch_id)
        if not record["texted_at"]:
            # "you will not be able to request the status of a scheduled message until after it has actually been sent"
            raise Failed(24, "the batch is scheduled and has no status yet")
        age = now - datetime.fromisoformat(record["texted_at"])
        wanted = fields.get("msisdn", "")
        is_wanted = record["parameters"].get("want_report") != "0"
        texts = [Text(**text) for text in record["texts"]]
        return [
            {
                "msisdn": text.msisdn,
                "status_code": str(30 if record["is_test"] else status_after(age, text.status, is_wanted)),
                "body": text.text,
                "completed_time": record["texted_at"][:19].replace("T", " "),
                "created_time": record["at"][:19].replace("T", " "),
                "credits": str(text.parts),
                "origin_address": text.sender,
                "source_id": text.source_id,
            }
            for text in texts
            if wanted in ("", text.msisdn)
        ]

    def credit(self) -> int:
        with self._lock:
            return int(self._state()["credit"])

    def state(self) -> dict[str, Any]:
        """What a person wants to know of this account: credit, remembered ids, batches."""
        with self._lock:
            kept = self._state()
        latest = sorted((int(path.stem) for path in self._batches.glob("*.json")), reverse=True)[:20]
        return {
            "username": self.account,
            "credit": kept["credit"],
            "batches": kept["batches"],
            "remembered": len(kept["remembered"]),
            "files": {"Batches": [str(number) for number in latest], "Scheduled": sorted(kept["scheduled"])},
        }

    def _remembered(self, kept: Mapping[str, Any], stop_dup_id: int, now: datetime) -> Answer | None:
        before = kept["remembered"].get(str(stop_dup_id))
        if before is None or now - datetime.fromisoformat(before["at"]) >= IDS_KEPT:
            return None
        if self._faults.use("bulksms:forgets-stop-dup-id"):
            return None
        return Answer(**before["answer"])

    def _take(
        self, kept: Mapping[str, Any], submission: Submission, now: datetime, fields: Mapping[str, str], sha256: str
    ) -> Answer:
        used = kept["used"] if kept["day"] == now.date().isoformat() else 0
        # "if set to 1, does basic validation [...] but stops short of actually submitting": it costs nothing.
        cost = 0 if submission.is_test else submission.cost
        if cost > kept["credit"]:
            raise Failed(25)
        if used + cost > self._daily_quota:
            raise Failed(27)
        batch_id = FIRST_BATCH_ID + kept["batches"]
        due_at = None if submission.is_test else submission.due_at
        code = 1 if submission.due_at else 0
        answer = Answer(code, CODES[code], batch_id)
        is_texted = not (due_at or submission.is_test)
        self._carry_out(
            self._lines(now.isoformat(), batch_id, submission.texts, sha256) if is_texted else [],
            {
                "credit": kept["credit"] - cost,
                "batches": kept["batches"] + 1,
                "remembered": self._remembering(kept, submission, answer, now),
                "scheduled": {**kept["scheduled"], **({str(batch_id): due_at.isoformat()} if due_at else {})},
                "day": now.date().isoformat(),
                "used": used + cost,
            },
            batch_id=batch_id,
            at=now.isoformat(),
            is_test=submission.is_test,
            due_at=due_at.isoformat() if due_at else "",
            texted_at="" if due_at else now.isoformat(),
            texts=[asdict(text) for text in submission.texts],
            sha256=sha256,
            parameters={
                name: value for name, value in fields.items() if name not in ("username", "password", "batch_data")
            },
        )
        return answer

    def _remembering(
        self, kept: Mapping[str, Any], submission: Submission, answer: Answer, now: datetime
    ) -> dict[str, Any]:
        remembered = {
            number: before
            for number, before in kept["remembered"].items()
            if now - datetime.fromisoformat(before["at"]) < IDS_KEPT
        }
        # assumption: a rehearsal is not remembered, the real batch may follow under the same id.
        if submission.stop_dup_id and not submission.is_test:
            remembered[str(submission.stop_dup_id)] = {"at": now.isoformat(), "answer": asdict(answer)}
        return remembered

    def _lines(self, at: str, batch_id: int, texts: Iterable[Text], sha256: str) -> list[Line]:
        return [
            self._line(at, str(batch_id), text.msisdn, text.sender, text.text, text.source_id, sha256)
            for text in texts
            if text.status not in _NEVER_TEXTED
        ]

    def _show(self, deed: Mapping[str, Any]) -> None:
        """A batch's record, which reports are made of."""
        write_durably(self._batch_path(deed["batch_id"]), json.dumps(deed).encode())

    def _batch_path(self, batch_id: int) -> Path:
        return self._batches / f"{batch_id}.json"

    def _record(self, batch_id: int) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self._batch_path(batch_id).read_bytes())
        return record


def status_after(age: timedelta, final: int, is_wanted: bool = True) -> int:
    """What a report says of a text that was taken ``age`` ago: in progress, delivered upstream, then ``final``.

    assumption: with ``want_report`` 0 nothing comes back from the network.
    """
    if final in _NEVER_TEXTED or not final:
        return final
    if age < WITH_THE_NETWORK_AFTER:
        return 0
    return final if is_wanted and age >= WITH_THE_PHONE_AFTER else 10


def without_login(body: bytes) -> bytes:
    """The bytes of a request without the fields at its front that say whose it is."""
    return _LOGIN.sub(b"", body, count=1)


# -- HTTP ------------------------------------------------------------------------------------------------------------


class BulkSms(Site):
    """The pretend provider: the EAPI over HTTP and HTTPS, and what texts scheduled batches when they are due."""

    slug = SLUG
    label = "BulkSMS"
    faults = FAULTS
    every = 1.0

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.gateways = {
            name: Gateway(ground.folder / name, name, ground.ledger, ground.faults, ground.credit)
            for name in ground.passwords
        }
        self._busy = {name: threading.Lock() for name in ground.passwords}
        self._connections: dict[str, set[socket.socket]] = {name: set() for name in ground.passwords}
        self._certificate = certificate_file(ground.data)
        self._counting = threading.Lock()
        self._most: Counter[str] = Counter()
        self._overlaps: Counter[str] = Counter()

    async def open(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificate)
        self._plain = self._listen("bulksms", None)
        self._encrypted = self._listen("bulksms-https", context)

    async def close(self) -> None:
        for server in (self._plain, self._encrypted):
            await asyncio.to_thread(server.shutdown)
            server.server_close()

    def _listen(self, name: str, context: ssl.SSLContext | None) -> "_Server":
        handler = type("Handler", (_Handler,), {"site": self})
        server = self.ground.ports.listen(name, lambda port: _Server((HOST, port), handler, context))
        self.ground.ports.keep(name, server.server_port)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return server

    def look(self, now: datetime) -> None:
        for gateway in self.gateways.values():
            gateway.look(now)

    def account(self, username: str) -> dict[str, Any]:
        return {
            "api_url": f"http://{HOST}:{self._plain.server_port}/eapi",
            "allow_plain_http": True,
            "https_url": f"https://{HOST}:{self._encrypted.server_port}/eapi",
            "tls_certificate": public_certificate(self._certificate),
            "host": HOST,
            "port": self._plain.server_port,
            "username": username,
            "password": self.ground.passwords[username],
        }

    def state(self) -> dict[str, Any]:
        accounts = [
            {
                **gateway.state(),
                "most_connections": self._most[name],
                "overlapping_requests": self._overlaps[name],
            }
            for name, gateway in self.gateways.items()
        ]
        return {"label": self.label, "host": HOST, "port": self._plain.server_port, "accounts": accounts}

    def login(self, fields: Mapping[str, str]) -> Gateway:
        """The account of a request. Raises Failed."""
        username, password = fields.get("username", ""), fields.get("password", "")
        known = self.ground.passwords.get(username)
        right = known is not None and hmac.compare_digest(known.encode(), password.encode())
        if not right or self.ground.faults.use("bulksms:refuse-login"):
            raise Failed(23, f"invalid credentials (username was: {username})")
        return self.gateways[username]

    @contextmanager
    def only_one(self, account: str, connection: socket.socket) -> Iterator[None]:
        """Hold the account's one request; counts connections that are open at once. Raises Failed.

        "please limit yourself to one concurrent connection": assumption: a second request at the same time is
        answered with 40.
        """
        with self._counting:
            others = {other for other in self._connections[account] if not _is_gone(other)}
            self._connections[account] = others | {connection}
            self._most[account] = max(self._most[account], len(self._connections[account]))
        if not self._busy[account].acquire(blocking=False):
            self._overlaps[account] += 1
            raise Failed(40, "only one connection at a time")
        try:
            yield
        finally:
            self._busy[account].release()

    def forget(self, connection: socket.socket) -> None:
        """A connection is closed."""
        with self._counting:
            for connections in self._connections.values():
                connections.discard(connection)


def _is_gone(connection: socket.socket) -> bool:
    # The client may have closed it although its thread has not noticed yet. With TLS (ValueError) nobody can peek, and
    # what arrives at a connection that rests is its end.
    try:
        return bool(select.select([connection], [], [], 0)[0]) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True


class _Server(ThreadingHTTPServer):
    """HTTP, or HTTPS where there is a ``context``. Raises OSError when the port is taken."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None
    ) -> None:
        super().__init__(address, handler)
        self._context = context

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, client = super().get_request()
        if self._context:
            # The handshake is left to the connection's own thread: a client that is silent must not stop the others.
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, client

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that breaks off is an everyday thing here.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection, which may carry many requests after one another."""

    site: BulkSms
    protocol_version = "HTTP/1.1"
    timeout = 300
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        # send_batch: "please do not use HTTP GET in production - use only POST": here it is not even possible.
        self._answer(405, "Use POST.", Allow="POST")

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            return
        verb = self._verbs(body).get(urlsplit(self.path).path)
        if self._fault("down"):
            self._answer(503, "Service unavailable.")
        elif verb is None:
            self._answer(404, "There is no such address.")
        elif not self._is_form():
            # The provider's samples: multipart is not supported.
            self._say(Answer(24, "no parameters (use application/x-www-form-urlencoded)").line())
        else:
            verb(dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what came is in the ledger and in the state."""

    def finish(self) -> None:
        self.site.forget(self.connection)
        super().finish()

    def _verbs(self, body: bytes) -> dict[str, Callable[[dict[str, str]], None]]:
        return {
            "/eapi/submission/send_batch/1/1.0": lambda fields: self._send_batch(fields, body),
            "/eapi/status_reports/get_report/2/2.0": self._get_report,
            "/eapi/user/get_credits/1/1.1": self._get_credits,
            "/eapi/submission/quote_sms/2/2.0": self._quote_sms,
        }

    def _send_batch(self, fields: dict[str, str], body: bytes) -> None:
        if self._breaks_before():
            return
        try:
            gateway = self.site.login(fields)
            with self.site.only_one(gateway.account, self.connection):
                sha256 = hashlib.sha256(without_login(body)).hexdigest()
                answer = gateway.submit(fields, datetime.now(UTC), sha256)
        except Failed as trouble:
            answer = Answer(trouble.code, trouble.description)
        if not self._breaks_after(answer):
            self._say(answer.line())

    def _breaks_before(self) -> bool:
        for status, words in ((500, "Internal server error."), (401, "Who is there?"), (404, "Not found.")):
            if self._fault(f"http-{status}"):
                self._answer(status, words)
                return True
        if self._fault("http-302"):
            self._answer(302, "Moved.", Location="/login")
        elif self._fault("hangs-before-processing"):
            self._hang()
        elif self._fault("drop-before-processing"):
            self._drop()
        else:
            return False
        return True

    def _breaks_after(self, answer: Answer) -> bool:
        if self._fault("http-502"):
            self._answer(502, "Bad gateway.")
        elif self._fault("drop-before-answer"):
            self._drop()
        elif self._fault("hangs"):
            self._hang()
        elif self._fault("empty-answer"):
            self._say("")
        elif self._fault("html-answer"):
            self._answer(200, "<html><body><h1>Please log in to the network</h1></body></html>", "text/html")
        elif self._fault("truncated-answer"):
            self._answer(200, answer.line(), is_cut=True)
        elif self._fault("no-batch-id"):
            self._say(f"{answer.code}|{answer.description}")
        elif self._fault("trailing-pipe"):
            self._say(f"{answer.line().strip().rstrip('|')}|\n")
        else:
            if self._fault("slow"):
                time.sleep(3)
            return False
        return True

    def _get_report(self, fields: dict[str, str]) -> None:
        if self._fault("report-http-500"):
            self._answer(500, "Internal server error.")
            return
        asked = [name for name in fields.get("optional_fields", "").split(",") if name]
        self._ask(fields, lambda gateway: self._report(gateway.report(fields, datetime.now(UTC)), asked))

    def _report(self, found: list[dict[str, str]], asked: list[str]) -> str:
        if self._fault("report-failed"):
            raise Failed(22)
        if self._fault("report-missing-rows"):
            found = found[::2]
        if self._fault("report-empty"):
            found = []
        for code in (*STATUSES, 99):
            if self._fault(f"report-status:{code}"):
                found = [{**row, "status_code": str(code)} for row in found]
        names = ["msisdn", "status_code", *(name for name in asked if found and name in found[0])]
        words = "Results to follow" if self._fault("report-other-words") else "Returns to follow"
        lines = ["|".join(row[name] for name in names) for row in found]
        return "\n".join([f"0|{words}", "", *lines]) + "\n"

    def _get_credits(self, fields: dict[str, str]) -> None:
        def credits(gateway: Gateway) -> str:
            if self._fault("credits-failed"):
                raise Failed(22)
            return f"0|{gateway.credit()}"

        self._ask(fields, credits)

    def _quote_sms(self, fields: dict[str, str]) -> None:
        def quote(gateway: Gateway) -> str:
            numbers = [number for number in fields.get("msisdn", "").split(",") if _MSISDN.fullmatch(number)]
            message = fields.get("message", "")
            if not numbers or not message:
                raise Failed(24, "mandatory field msisdn or message is missing")
            parts = 1 if fields.get("dca") in ("8bit", "16bit") else cut(seven_bit(message), _most_parts(fields))[1]
            return f"0|Quotation issued|{parts * len(numbers)}.00"

        self._ask(fields, quote)

    def _ask(self, fields: dict[str, str], ask: Callable[[Gateway], str]) -> None:
        try:
            gateway = self.site.login(fields)
            with self.site.only_one(gateway.account, self.connection):
                said = ask(gateway)
        except Failed as trouble:
            said = f"{trouble.code}|{trouble.description}"
        self._say(said)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST_REQUEST:
            self.close_connection = True
            self._answer(413 if length.isdigit() else 411, "Say Content-Length, at most 64 MB.")
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            # The client broke off: there is nobody to answer, and half a request is none.
            self.close_connection = True
            return None
        return body

    def _is_form(self) -> bool:
        return self.headers.get_content_type() == "application/x-www-form-urlencoded"

    def _say(self, text: str) -> None:
        self._answer(200, text)

    def _answer(
        self, status: int, text: str, content_type: str = "text/plain", *, is_cut: bool = False, **headers: str
    ) -> None:
        body = text.encode("latin-1", "replace")
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if is_cut:
            self.wfile.write(body[: len(body) // 2])
            self._drop()
        else:
            self.wfile.write(body)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _hang(self) -> None:
        # Until the client has had enough.
        self.close_connection = True
        select.select([self.connection], [], [], self.timeout)

    def _fault(self, name: str) -> bool:
        return self.site.ground.faults.use(f"{SLUG}:{name}")
