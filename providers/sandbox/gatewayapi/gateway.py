"""One account of the sandbox's GatewayAPI: its folder and credit."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers.sandbox.account import FolderAccount
from providers.sandbox.disk import sync_folder, write_durably
from providers.sandbox.gatewayapi.codes import CAUSES, SLUG
from providers.sandbox.gatewayapi.faults import REJECTIONS
from providers.sandbox.gatewayapi.files import FileResult, check_file

READY = ".ready"
PROCESSING = ".processing"
SUCCESS = ".success"
REJECTED = ".rejected"
# "the file batch will be retried up to 5 times, with 30 minutes between each attempt"; one scan stands for a minute.
RETRIES = 5
SCANS_BETWEEN = 30
_TAKEN = re.compile(r"(?P<name>.*)\.\d{8}T\d{6}\.processing", re.DOTALL)


def allows(permission: str, name: str) -> bool:
    """Return whether the FTP servers allow this: "You can't delete or rename files in the .processing stage"."""
    # assumption: such a file cannot be written or replaced either.
    return permission not in "dfwa" or not name.endswith(PROCESSING)


class Gateway(FolderAccount):
    """One account's folder and credit under ``folder``. Not thread-safe.

    One scan picks a file up, a later scan finishes it.
    """

    slug = SLUG

    def _prepare(self) -> None:
        self._rejected_path = self.folder / "rejected.new"
        # Both by name in processing: internal errors so far, and scans left until the next attempt.
        self._failures: Counter[str] = Counter()
        self._waits: Counter[str] = Counter()

    def scan(self, now: datetime) -> None:
        """Continue the files in processing, then pick up those that are ready, at ``now`` (UTC)."""
        names = sorted(path.name for path in self.home.iterdir())
        for name in names:
            if name.endswith(PROCESSING) and not self._faults.use(f"{SLUG}:stuck-processing"):
                self._continue(name, now)
        for name in names:
            if name.endswith(READY):
                self._pick_up(name, now)

    def state(self) -> dict[str, Any]:
        """Return the credit and the files in each stage."""
        names = sorted(path.name for path in self.home.iterdir())
        endings = {"ready": READY, "processing": PROCESSING, "success": SUCCESS, "rejected": REJECTED}
        files = {stage: [name for name in names if name.endswith(ending)] for stage, ending in endings.items()}
        files["uploaded"] = [name for name in names if not name.endswith(tuple(endings.values()))]
        return {"username": self.account, "credit": self._credit(), "files": files}

    def _pick_up(self, name: str, now: datetime) -> None:
        # assumption: a file uploaded directly under its final name is left until its upload ends. A file that is
        # renamed while a client is still writing it is processed half-written.
        if self._being_written(self.home / name) or self._faults.use(f"{SLUG}:silent"):
            return
        try:
            (self.home / name).replace(self.home / f"{name.removesuffix(READY)}.{now:%Y%m%dT%H%M%S}{PROCESSING}")
        except FileNotFoundError:
            # The client has deleted or renamed it.
            return
        sync_folder(self.home)

    def _continue(self, name: str, now: datetime) -> None:
        if self._waits[name] > 1:
            self._waits[name] -= 1
        elif self._faults.use(f"{SLUG}:internal-error"):
            self._failures[name] += 1
            self._waits[name] = SCANS_BETWEEN
            if self._failures[name] > RETRIES:
                # assumption: after the last attempt the file is rejected.
                self._process(name, FileResult(cause="internal-error"), (self.home / name).read_bytes(), now)
        else:
            body = (self.home / name).read_bytes()
            self._process(name, self._result(_ready_name(name), body), body, now)

    def _result(self, name: str, body: bytes) -> FileResult:
        for cause in REJECTIONS:
            if self._faults.use(f"{SLUG}:reject:{cause}"):
                return FileResult(cause=cause)
        if f"{SLUG}:reject:unexplained" in self._faults.on():
            return FileResult(cause="internal-error")
        result = check_file(name, body)
        if result.cost > self._credit():
            return FileResult(cause="insufficient-credit")
        return result

    def _process(self, name: str, result: FileResult, body: bytes, now: datetime) -> None:
        self._failures.pop(name, None)
        self._waits.pop(name, None)
        if result.cause:
            tail = self._with_tail(body, result)
            # Written outside the client's folder first, so that no client ever reads half of it.
            write_durably(self._rejected_path, tail)
        file, sha256 = _ready_name(name), hashlib.sha256(body).hexdigest()
        self._carry_out(
            [
                self._line(now.isoformat(), file, text.msisdn, text.sender, text.text, text.reference, sha256)
                for text in result.texts
            ],
            {"credit": self._credit() - result.cost},
            name=name,
            is_rejected=bool(result.cause),
        )

    def _apply(self, action: Mapping[str, Any]) -> None:
        name, path = action["name"], self.home / action["name"]
        if action["is_rejected"] and self._rejected_path.exists():
            self._rejected_path.replace(path)
        if path.exists():
            last = REJECTED if action["is_rejected"] else SUCCESS
            path.replace(self.home / f"{name.removesuffix(PROCESSING)}{last}")
        sync_folder(self.home)

    def _with_tail(self, body: bytes, result: FileResult) -> bytes:
        """Return the rejected file. assumption: the cause is one line, a code and words; there is no example."""
        if self._faults.use(f"{SLUG}:reject:unexplained"):
            return body
        code, words = CAUSES[result.cause]
        cause = f"{words}: {result.detail}" if result.detail else words
        if self._faults.use(f"{SLUG}:tail:rewritten"):
            body = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if self._faults.use(f"{SLUG}:tail:glued"):
            return body.rstrip(b"\r\n") + f"{code} {cause}\n".encode()
        if body and not body.endswith(b"\n"):
            body += b"\n"
        if self._faults.use(f"{SLUG}:tail:json"):
            return body + json.dumps({"code": code, "message": cause}).encode() + b"\n"
        if self._faults.use(f"{SLUG}:tail:csv"):
            return body + f'"{code}","{cause}"\n'.encode()
        if self._faults.use(f"{SLUG}:tail:crlf"):
            return body + f"\r\nThe file was rejected.\r\nError code: {code}\r\n{cause}\r\n".encode()
        return body + f"{code} {cause}\n".encode()

    def _credit(self) -> int:
        return int(self._load_state()["credit"])


def _ready_name(name: str) -> str:
    taken = _TAKEN.fullmatch(name)
    return f"{taken['name'] if taken else name.removesuffix(PROCESSING)}{READY}"
