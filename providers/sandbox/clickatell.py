"""A pretend Clickatell FTP: scans an account's folder, judges each file as the document says and writes the log.

Written from Clickatell's document alone ("Clickatell FTP": the page of 2007 and the archived reference), so that it and
the adapter check each other. Where the document is silent the assumption is named; where two readings are possible this
one is the stricter.

assumption: a file is taken whatever it is called, also one that was renamed since; only names that end in ``.log`` are
the gateway's own. A file that is uploaded again under the same name is taken again.

Numbers that cause trouble without any set-up, by how they end:

* ``99901``: cannot be routed (114)
* ``99902``: opted out (122)
* ``99903``: no destination (105)
* ``99904``: neither texted nor named in the log
* ``99905``: texted, but its later status is 007 (see ``clickatell:statuses``)
* ``99906``: blocked (121)
* ``99907``: delisted (128)

``optouts.txt`` in the account's folder holds more opt-outs, one number a line.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from providers.sandbox.account import Account, oldest_first
from providers.sandbox.disk import sync_folder, write_durably
from providers.sandbox.faults import Faults
from providers.sandbox.ftp import FtpServer, Rules, ftp_faults, serve_ftp
from providers.sandbox.gsm import BASIC, EXTENDED, chained, septets
from providers.sandbox.ledger import Ledger
from providers.sandbox.sftp import Uploads
from providers.sandbox.site import HOST, Ground, Site

SLUG = "clickatell"
# using-the-ftp-api: "each line <= 8192 bytes", "up to 100 000 messages per file", deleted 48 hours after the last
# modification.
LONGEST_LINE = 8192
MOST_MESSAGES = 100_000
FILES_KEPT = timedelta(hours=48)
# assumption: the page names no default for a file; an account's is three parts.
CONCAT = 3
MOST_PARTS = 35
LONGEST_DELAY = 10080
# assumption: how many scans later a late log or a status appears.
LATE = 2

# API error codes, the list for FTP.
CODES = {
    "001": "Authentication failed",
    "007": "IP Lockdown violation",
    "100": "Data malformed",
    "101": "Invalid or missing parameters",
    "102": "Invalid user data header",
    "105": "Invalid Destination Address",
    "106": "Invalid Source Address",
    "107": "Empty message",
    "108": "Invalid or missing API ID",
    "109": "Missing message ID",
    "113": "Maximum message parts exceeded",
    "114": "Cannot route message",
    "115": "Message expired",
    "116": "Invalid unicode data",
    "120": "Invalid delivery time",
    "121": "Destination mobile number blocked",
    "122": "Destination mobile opted out",
    "123": "Invalid Sender ID",
    "128": "Number delisted",
    "130": "Maximum MT limit exceeded until 1893456000",
    "201": "Invalid batch ID",
    "202": "No batch template",
    "301": "No credit left",
    "302": "Max allowed credit",
    "901": "Internal error - please retry",
}
_WHOLE_FILE = ("001", "007", "100", "101", "108", "130", "201", "202", "301", "901")
_MAGIC = {"99901": "114", "99902": "122", "99903": "105", "99906": "121", "99907": "128"}
_UNNAMED = "99904"
_UNDELIVERED = "99905"

# API error codes, message statuses: those that say that a message was not delivered, or not yet.
STATUSES = {
    "005": "Error with message",
    "006": "User cancelled message delivery",
    "009": "Routing error",
    "010": "Message expired",
    "011": "Message queued for later delivery",
    "012": "Out of credit",
    "014": "Maximum MT limit exceeded",
}

FAULTS = {
    **{
        f"clickatell:error:{code}": f"Every file is refused with {code}, {words}."
        if code in _WHOLE_FILE
        else f"Every message of a file is refused with {code}, {words}."
        for code, words in CODES.items()
    },
    "clickatell:error:901-halfway": "Every file fails with 901 after half of it was texted and logged.",
    "clickatell:error:999": "Every file is refused with a code that no document knows.",
    "clickatell:silent": "Files are not picked up.",
    "clickatell:eager": "Files are picked up while they are still being written.",
    "clickatell:utf-8": "Files are read as UTF-8 instead of ISO-8859-1.",
    "clickatell:no-log": "No log is written.",
    "clickatell:late-log": "The log appears only two scans later.",
    "clickatell:half-log": "The log names only the first half of the recipients.",
    "clickatell:general-log": "One history.log holds the lines of all files, each under its file's name.",
    "clickatell:bare-log": "Log lines name no recipient where the file has only one, and no time.",
    "clickatell:tab-log": "Log lines are led by the file's name and tabs.",
    "clickatell:pipe-log": "The parts of a log line are parted by bars.",
    "clickatell:statuses": "Two scans later the log also says what became of each message.",
    **{
        f"clickatell:status:{code}": f"Two scans later the log also says {code}, {words}, of each message."
        for code, words in STATUSES.items()
    },
    **ftp_faults(SLUG, {"": "The FTP server"}),
}

_LINE_END = re.compile(rb"\r\n|\r|\n")
_LOGIN = re.compile(rb"\A(?:(?:api_id|user|password):[^\r\n]*(?:\r\n|\r|\n))*")
_FIELD = re.compile(r"#field([1-9][0-9]{0,3})#", re.IGNORECASE)
_MSISDN = re.compile(r"[1-9][0-9]{6,14}")
_SENDER = re.compile(r"[0-9]{1,16}|[A-Za-z0-9]{1,11}")
_UNICODE = re.compile(r"(?:[0-9a-fA-F]{4})*")

_REPEATED = ("to", "text", "csv")
_ONCE = (
    "api_id", "user", "password", "from", "climsgid", "concat", "deliv_time", "validity", "callback", "deliv_ack",
    "escalate", "max_credits", "queue", "req_feat", "mo", "msg_type", "unicode", "delimiter",
)  # fmt: skip
# The whole numbers that a parameter may have.
_BOUNDS = {
    "concat": (1, MOST_PARTS),
    "validity": (1, 99_999),
    "callback": (0, 7),
    "deliv_ack": (0, 1),
    "escalate": (0, 1),
    "max_credits": (0, 99_999),
    "queue": (1, 3),
    "req_feat": (0, 2**31),
    "mo": (0, 1),
    "unicode": (0, 1),
}


@dataclass(frozen=True)
class Login:
    """What a file must say of itself, other than the FTP login."""

    api_id: str
    user: str
    password: str


@dataclass(frozen=True)
class Result:
    """What becomes of one message: texted where ``code`` is empty, else one of CODES. ``parts`` is what it costs."""

    msisdn: str
    text: str
    parts: int
    code: str = ""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a file: ``error`` is one of CODES where it is refused as a whole. ``delay`` is in minutes."""

    error: str = ""
    detail: str = ""
    sender: str = ""
    reference: str = ""
    delay: int = 0
    results: tuple[Result, ...] = ()

    @property
    def texted(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if not result.code)

    @property
    def cost(self) -> int:
        return sum(result.parts for result in self.texted)


class _WholeFile(Exception):
    """The file as a whole is refused with one of CODES."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


class _OneMessage(Exception):
    """One message is refused with one of CODES."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


# -- one file --------------------------------------------------------------------------------------------------------


def judge(body: bytes, login: Login, *, opted_out: Collection[str], credit: int, charset: str = "latin-1") -> Verdict:
    """Decide about one file. Pure. ``credit`` is the balance in parts, ``opted_out`` the msisdns nobody may text.

    assumption: the document names no charset; this gateway reads ISO-8859-1.
    """
    try:
        lines = _lines(body, charset)
        once = _once(lines)
        _check_login(once, login)
        _check_values(once)
        wanted = _wanted(lines, once)
    except _WholeFile as trouble:
        return Verdict(trouble.code, trouble.detail)
    results, left = [], credit
    for msisdn, text in wanted:
        result = _result(msisdn, text, once, opted_out, left)
        if not result.code:
            left -= result.parts
        results.append(result)
    return Verdict(
        sender=once.get("from", ""),
        reference=once.get("climsgid", ""),
        delay=int(once.get("deliv_time", "0")),
        results=tuple(results),
    )


def _lines(body: bytes, charset: str) -> list[tuple[str, str]]:
    found = []
    for line in _LINE_END.split(body):
        if len(line) > LONGEST_LINE:
            raise _WholeFile("100", "a line is longer than 8192 bytes")
        if not line.strip():
            continue
        key, colon, value = line.decode(charset, "replace").partition(":")
        # assumption: a line that is no parameter is bad data, as is one whose key nobody knows.
        if not colon:
            raise _WholeFile("100", "a line has no colon")
        name = key.strip().lower()
        if name not in _REPEATED and name not in _ONCE:
            raise _WholeFile("101", "a parameter is unknown")
        # The page of 2007 shows a space after the colon, the reference none: one is not part of the value.
        found.append((name, value.removeprefix(" ")))
    return found


def without_login(body: bytes) -> bytes:
    """A file without the lines at its top that say whose it is."""
    return _LOGIN.sub(b"", body, count=1)


def _once(lines: Sequence[tuple[str, str]]) -> dict[str, str]:
    once: dict[str, str] = {}
    for name, value in lines:
        if name in _REPEATED:
            continue
        # assumption: two values for one parameter are none.
        if name in once:
            raise _WholeFile("101", f"{name} is given twice")
        once[name] = value if name == "delimiter" else value.strip()
    return once


def _check_login(once: Mapping[str, str], login: Login) -> None:
    if once.get("api_id") != login.api_id:
        raise _WholeFile("108")
    if (once.get("user"), once.get("password")) != (login.user, login.password):
        raise _WholeFile("001")


def _check_values(once: Mapping[str, str]) -> None:
    for name, (least, most) in _BOUNDS.items():
        if name in once and not _is_whole(once[name], least, most):
            raise _WholeFile("101", f"{name} must be a number from {least} to {most}")
    if not _is_whole(once.get("deliv_time", "0"), 0, LONGEST_DELAY):
        raise _WholeFile("120")
    if once.get("msg_type", "SMS_TEXT") not in ("SMS_TEXT", "SMS_FLASH"):
        raise _WholeFile("101", "msg_type is unknown")
    # climsgid: "alphanumeric <=32".
    if not re.fullmatch(r"[A-Za-z0-9]{0,32}", once.get("climsgid", "")):
        raise _WholeFile("101", "climsgid must be at most 32 letters and digits")
    if not _SENDER.fullmatch(once.get("from", "1")):
        raise _WholeFile("106")


def _is_whole(text: str, least: int, most: int) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,10}", text)) and least <= int(text) <= most


def _wanted(lines: Sequence[tuple[str, str]], once: Mapping[str, str]) -> list[tuple[str, str]]:
    """Number and text of each message, the text as written."""
    numbers = [value.strip() for name, value in lines if name == "to"]
    rows = [value for name, value in lines if name == "csv"]
    texts = [value for name, value in lines if name == "text"]
    # assumption: the two forms do not mix.
    if bool(numbers) == bool(rows):
        raise _WholeFile("101", "a file has either to or csv lines")
    if len(numbers) + len(rows) > MOST_MESSAGES:
        raise _WholeFile("100", "a file has at most 100 000 messages")
    if not texts:
        raise _WholeFile("107")
    # "Several text: lines = a newline between them".
    text = "\n".join(texts)
    if numbers:
        return [(number, text) for number in numbers]
    delimiter = once.get("delimiter", ",")
    if len(delimiter) != 1:
        raise _WholeFile("101", "delimiter must be one character")
    wanted = []
    for row in rows:
        number, *values = row.split(delimiter)
        wanted.append((number.strip(), _filled(text, values)))
    return wanted


def _filled(template: str, values: Sequence[str]) -> str:
    # assumption: a field without a value is empty.
    def value(field: re.Match[str]) -> str:
        number = int(field[1])
        return values[number - 1] if number <= len(values) else ""

    return _FIELD.sub(value, template)


def _result(msisdn: str, written: str, once: Mapping[str, str], opted_out: Collection[str], credit: int) -> Result:
    is_unicode = once.get("unicode") == "1"
    try:
        if not _MSISDN.fullmatch(msisdn):
            raise _OneMessage("105")
        for ending, code in _MAGIC.items():
            if msisdn.endswith(ending):
                raise _OneMessage(code)
        if msisdn in opted_out:
            raise _OneMessage("122")
        text = _from_unicode(written) if is_unicode else _shown(written)
        if not text.strip("\n"):
            raise _OneMessage("107")
        parts = parts_of(text, is_unicode)
        if parts > int(once.get("concat", CONCAT)):
            raise _OneMessage("113")
        # assumption: what the credit still pays for is texted, the rest is not.
        if parts > credit:
            raise _OneMessage("301")
    except _OneMessage as trouble:
        return Result(msisdn, "", 0, trouble.code)
    return Result(msisdn, text, parts)


def _from_unicode(written: str) -> str:
    try:
        lines = [line.strip() for line in written.split("\n")]
        if not all(_UNICODE.fullmatch(line) for line in lines):
            raise _OneMessage("116")
        return "\n".join(bytes.fromhex(line).decode("utf-16-be") for line in lines)
    except UnicodeDecodeError:
        raise _OneMessage("116") from None


def _shown(text: str) -> str:
    # assumption: what GSM lacks arrives as a question mark; the ledger shows the damage.
    return "".join(character if character in BASIC or character in EXTENDED else "?" for character in text)


def parts_of(text: str, is_unicode: bool) -> int:
    """How many SMS a text takes; a line break counts as two characters, as the reference says.

    160 septets alone and 153 in a chain, or 70 and 67 UTF-16 units; what takes two is never parted.
    """
    if is_unicode:
        costs, alone, each = [len(character.encode("utf-16-be")) // 2 for character in text], 70, 67
    else:
        costs, alone, each = septets(text), 160, 153
    return chained([2 if character == "\n" else cost for character, cost in zip(text, costs, strict=True)], alone, each)


# -- the log ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LogStyle:
    """How log lines look. assumption: the document names neither the log's file name nor the shape of its lines; the
    words after the time are those that the error code page says are the same for all interfaces.
    """

    is_bare: bool = False
    lead: str = ""
    between: str = " "

    def line(self, at: datetime, words: str, msisdn: str) -> str:
        time = [] if self.is_bare else [f"{at:%Y-%m-%d %H:%M:%S}"]
        to = [f"To: {msisdn}"] if msisdn else []
        return self.lead + self.between.join([*time, words, *to]) + "\n"


def log_of(verdict: Verdict, identities: Sequence[str], at: datetime, style: LogStyle) -> list[str]:
    """The lines of a file's log; ``identities`` are the 32 hexadecimal digits of each result's message."""
    if verdict.error:
        words = CODES.get(verdict.error, "Mystery")
        return [style.line(at, f"ERR: {verdict.error}, {words}{verdict.detail and f' ({verdict.detail})'}", "")]
    is_lonely = style.is_bare and len(verdict.results) == 1
    lines = []
    for result, identity in zip(verdict.results, identities, strict=True):
        words = f"ERR: {result.code}, {CODES[result.code]}" if result.code else f"ID: {identity}"
        lines.append(style.line(at, words, "" if is_lonely else result.msisdn))
    return lines


# -- an account ------------------------------------------------------------------------------------------------------


class Gateway(Account):
    """One account's folder, memory and credit under ``folder``; not to be shared between threads."""

    slug = SLUG

    def __init__(
        self,
        folder: Path,
        account: str,
        login: Login,
        ledger: Ledger,
        faults: Faults,
        being_written: Callable[[Path], bool],
        credit: int = 1_000_000,
    ) -> None:
        super().__init__(folder, account, ledger, faults)
        self.home = folder / "home"
        self.login = login
        self.opt_outs_path = folder / "optouts.txt"
        self._being_written = being_written
        self.home.mkdir(parents=True, exist_ok=True)
        self.opt_outs_path.touch()
        self._begin({"credit": credit, "taken": {}, "late": []})

    def look(self, now: datetime) -> int:
        """Scan the folder at ``now`` (UTC), oldest file first; returns how many files were taken."""
        self._delete_old(now)
        self._write_late_logs()
        if self._faults.use("clickatell:silent"):
            return 0
        taken = 0
        for path in oldest_first(self.home):
            # assumption: a file whose upload still has it open is left for the next scan. One whose connection broke
            # is not open any more and is taken half-written.
            if path.name.endswith(".log") or (self._being_written(path) and not self._faults.use("clickatell:eager")):
                continue
            try:
                version = _version(path)
                body = path.read_bytes()
                is_quiet = version == _version(path)
            except FileNotFoundError:
                # The client took it back.
                continue
            if is_quiet and self._state()["taken"].get(path.name) != version:
                self._take(path, version, body, now)
                taken += 1
        return taken

    def state(self) -> dict[str, Any]:
        """What a person wants to know of this account: credit, files taken, what lies in the folder."""
        kept = self._state()
        return {
            "username": self.account,
            "credit": kept["credit"],
            "taken": len(kept["taken"]),
            "files": {"/": sorted(path.name for path in self.home.iterdir())},
        }

    def _take(self, path: Path, version: str, body: bytes, now: datetime) -> None:
        kept = self._state()
        opted_out = {line.strip() for line in self.opt_outs_path.read_text(encoding="utf-8").splitlines()}
        charset = "utf-8" if self._faults.use("clickatell:utf-8") else "latin-1"
        verdict = judge(body, self.login, opted_out=opted_out, credit=kept["credit"], charset=charset)
        verdict = self._with_faults(verdict)
        named = replace(
            verdict, results=tuple(result for result in verdict.results if not result.msisdn.endswith(_UNNAMED))
        )
        identities = [uuid4().hex for _ in named.results]
        log_name, log, late = self._logs(path.name, named, identities, now)
        kept["credit"] -= named.cost
        kept["taken"][path.name] = version
        kept["late"] += late
        # assumption: a delayed message is written into the ledger at once, with the time it would be texted at.
        texted_at = (now + timedelta(minutes=verdict.delay)).isoformat()
        sha256 = hashlib.sha256(without_login(body)).hexdigest()
        self._carry_out(
            [
                self._line(texted_at, path.name, result.msisdn, verdict.sender, result.text, verdict.reference, sha256)
                for result in named.texted
            ],
            kept,
            log_name=log_name,
            log=log,
        )

    def _with_faults(self, verdict: Verdict) -> Verdict:
        for code in CODES:
            if not self._faults.use(f"clickatell:error:{code}"):
                continue
            if code in _WHOLE_FILE or verdict.error:
                return Verdict(code)
            return replace(verdict, results=tuple(replace(result, code=code) for result in verdict.results))
        if self._faults.use("clickatell:error:999"):
            return Verdict("999")
        if self._faults.use("clickatell:error:901-halfway"):
            return replace(verdict, error="901", results=verdict.results[: len(verdict.results) // 2])
        return verdict

    def _logs(
        self, upload: str, verdict: Verdict, identities: Sequence[str], now: datetime
    ) -> tuple[str, str, list[dict[str, Any]]]:
        style = self._style(upload)
        lines = log_of(replace(verdict, error=""), identities, now, style)
        if verdict.error:
            lines += log_of(verdict, identities, now, style)
        if self._faults.use("clickatell:half-log"):
            lines = lines[: len(lines) // 2]
        name, log = f"{upload}.log", "".join(lines)
        if self._faults.use("clickatell:general-log"):
            name, log = "history.log", f"--- {upload} ---\n{log}\n"
        late = []
        if self._faults.use("clickatell:late-log"):
            late.append({"name": name, "log": log, "scans": LATE})
            log = ""
        status_of = self._status_of()
        if status_of:
            statuses = "".join(
                style.line(now, f"ID: {identity} Status: {status_of(result.msisdn)}", result.msisdn)
                for result, identity in zip(verdict.results, identities, strict=True)
                if not result.code
            )
            late.append({"name": name, "log": statuses, "scans": LATE})
        if self._faults.use("clickatell:no-log"):
            return name, "", []
        return name, log, late

    def _status_of(self) -> Callable[[str], str] | None:
        for code, words in STATUSES.items():
            if self._faults.use(f"clickatell:status:{code}"):
                said = f"{code} {words}"
                return lambda msisdn: said
        return _status if self._faults.use("clickatell:statuses") else None

    def _style(self, upload: str) -> LogStyle:
        if self._faults.use("clickatell:bare-log"):
            return LogStyle(is_bare=True)
        if self._faults.use("clickatell:tab-log"):
            return LogStyle(lead=f"{upload}\t", between="\t")
        if self._faults.use("clickatell:pipe-log"):
            return LogStyle(between=" | ")
        return LogStyle()

    def _show(self, deed: Mapping[str, Any]) -> None:
        self._append(deed["log_name"], deed["log"])

    def _append(self, name: str, log: str) -> None:
        path, body = self.home / name, log.encode()
        before = path.read_bytes() if path.exists() else b""
        if not body or before.endswith(body):
            return
        # Written outside the client's view, so that nobody ever reads half a log.
        outside = self.folder / "log.new"
        write_durably(outside, before + body)
        outside.replace(path)
        sync_folder(self.home)

    def _write_late_logs(self) -> None:
        kept = self._state()
        if not kept["late"]:
            return
        for late in kept["late"]:
            late["scans"] -= 1
            if late["scans"] <= 0:
                self._append(late["name"], late["log"])
        kept["late"] = [late for late in kept["late"] if late["scans"] > 0]
        self._remember(kept)

    def _delete_old(self, now: datetime) -> None:
        oldest = (now - FILES_KEPT).timestamp() * 1e9
        for path in oldest_first(self.home):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime_ns <= oldest and not self._being_written(path):
                    path.unlink()
        kept = self._state()
        there = {name: version for name, version in kept["taken"].items() if (self.home / name).exists()}
        if there != kept["taken"]:
            self._remember({**kept, "taken": there})


def _status(msisdn: str) -> str:
    return "007 Error delivering message" if msisdn.endswith(_UNDELIVERED) else "004 Received by recipient"


def _version(path: Path) -> str:
    """What tells one upload under a name from the next."""
    stat = path.stat()
    return f"{stat.st_mtime_ns}/{stat.st_size}"


def login_of(username: str, password: str) -> Login:
    """The API credentials of an FTP account, always the same: they differ from its FTP login and password."""
    digest = hashlib.sha256(f"{username}:{password}".encode()).hexdigest()
    return Login(str(1_000_000 + int(digest[:12], 16) % 9_000_000), f"{username}-api", digest[12:28])


class Clickatell(Site):
    """The pretend provider: FTP for every account, and the scan that takes the files."""

    slug = SLUG
    label = "Clickatell"
    faults = FAULTS
    # using-the-ftp-api: the folder is polled once a minute.
    every = 60.0

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self._port = 0
        self._uploads = Uploads()
        self._gateways = {
            name: Gateway(
                ground.folder / name,
                name,
                login_of(name, password),
                ground.ledger,
                ground.faults,
                self._uploads.is_open,
                ground.credit,
            )
            for name, password in ground.passwords.items()
        }

    async def open(self) -> None:
        self._server = self.ground.ports.listen("clickatell-ftp", self._serve)
        self._port = self._server.port
        self.ground.ports.keep("clickatell-ftp", self._port)

    async def close(self) -> None:
        await asyncio.to_thread(self._server.close)

    def look(self, now: datetime) -> None:
        for gateway in self._gateways.values():
            gateway.look(now)

    def account(self, username: str) -> dict[str, Any]:
        login = self._gateways[username].login
        return {
            "host": HOST,
            "port": self._port,
            "username": username,
            "password": self.ground.passwords[username],
            "api_id": login.api_id,
            "api_user": login.user,
            "api_password": login.password,
        }

    def state(self) -> dict[str, Any]:
        accounts = [gateway.state() for gateway in self._gateways.values()]
        return {"label": self.label, "host": HOST, "port": self._port, "accounts": accounts}

    def _serve(self, port: int) -> FtpServer:
        return serve_ftp(
            host=HOST,
            port=port,
            provider=SLUG,
            passwords=self.ground.passwords,
            home_of=lambda username: self._gateways[username].home,
            faults=self.ground.faults,
            uploads=self._uploads,
            # assumption: one flat folder, as the document speaks of "your FTP folder" only.
            rules=Rules(permissions="elradfw"),
        )
