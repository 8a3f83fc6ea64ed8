"""One account of the sandbox's Clickatell: folder, stored state and credit."""

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from providers.sandbox.account import CREDIT, FolderAccount, oldest_first
from providers.sandbox.clickatell.codes import CODES, SLUG, STATUSES, UNDELIVERED, UNNAMED, WHOLE_FILE
from providers.sandbox.clickatell.files import FileResult, Login, check_file, first_part, without_login
from providers.sandbox.clickatell.log import LogStyle, log_of
from providers.sandbox.disk import sync_folder, write_durably
from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger

FILES_KEPT = timedelta(hours=48)
# assumption: a late log, or a status, appears this many scans later.
SCANS_LATE = 2
# The version of a file that is not read again, however much of it arrives later.
_NOT_AGAIN = "read while it was being uploaded"


class Gateway(FolderAccount):
    """One account's folder, stored state and credit under ``folder``. Not thread-safe."""

    slug = SLUG
    first_state = {"taken": {}, "late": []}

    def __init__(
        self,
        folder: Path,
        account: str,
        login: Login,
        ledger: Ledger,
        faults: Faults,
        being_written: Callable[[Path], bool],
        credit: int = CREDIT,
    ) -> None:
        super().__init__(folder, account, ledger, faults, being_written, credit)
        self.login = login

    def _prepare(self) -> None:
        self.opt_outs_path = self.folder / "optouts.txt"
        self.opt_outs_path.touch()

    def scan(self, now: datetime) -> int:
        """Process the files in the folder at ``now`` (UTC), oldest first; return how many were processed."""
        self._delete_old(now)
        self._write_late_logs()
        if self._faults.use("clickatell:silent"):
            return 0
        taken = 0
        for path in oldest_first(self.home):
            # assumption: a file that a client is still writing is left for the next scan. If the connection broke, the
            # file is no longer open and is processed half-written.
            if path.name.endswith(".log") or (self._being_written(path) and not self._faults.use("clickatell:eager")):
                continue
            try:
                version = _version(path)
                body = path.read_bytes()
                is_quiet = version == _version(path)
            except FileNotFoundError:
                # The client has deleted it.
                continue
            if is_quiet and self._load_state()["taken"].get(path.name) not in (version, _NOT_AGAIN):
                if self._faults.use("clickatell:read-while-uploading"):
                    version, body = _NOT_AGAIN, first_part(body)
                self._process(path, version, body, now)
                taken += 1
        return taken

    def state(self) -> dict[str, Any]:
        """Return the credit, the number of files processed and the files in the folder."""
        kept = self._load_state()
        return {
            "username": self.account,
            "credit": kept["credit"],
            "taken": len(kept["taken"]),
            "files": {"/": sorted(path.name for path in self.home.iterdir())},
        }

    def _process(self, path: Path, version: str, body: bytes, now: datetime) -> None:
        kept = self._load_state()
        opted_out = {line.strip() for line in self.opt_outs_path.read_text(encoding="utf-8").splitlines()}
        charset = "utf-8" if self._faults.use("clickatell:utf-8") else "latin-1"
        file_result = check_file(body, self.login, opted_out=opted_out, credit=kept["credit"], charset=charset)
        file_result = self._with_faults(file_result)
        named = replace(
            file_result, results=tuple(result for result in file_result.results if not result.msisdn.endswith(UNNAMED))
        )
        identities = [uuid4().hex for _ in named.results]
        log_name, log, late = self._logs(path.name, named, identities, now)
        kept["credit"] -= named.cost
        kept["taken"][path.name] = version
        kept["late"] += late
        # assumption: a delayed message is added to the ledger at once, with the time at which it would be texted.
        texted_at = (now + timedelta(minutes=file_result.delay)).isoformat()
        sha256 = hashlib.sha256(without_login(body)).hexdigest()
        self._carry_out(
            [
                self._line(
                    texted_at, path.name, result.msisdn, file_result.sender, result.text, file_result.reference, sha256
                )
                for result in named.texted
            ],
            kept,
            log_name=log_name,
            log=log,
        )

    def _with_faults(self, file_result: FileResult) -> FileResult:
        for code in CODES:
            if not self._faults.use(f"clickatell:error:{code}"):
                continue
            if code in WHOLE_FILE or file_result.error:
                return FileResult(code)
            return replace(file_result, results=tuple(replace(result, code=code) for result in file_result.results))
        if self._faults.use("clickatell:error:999"):
            return FileResult("999")
        if self._faults.use("clickatell:error:901-halfway"):
            return replace(file_result, error="901", results=file_result.results[: len(file_result.results) // 2])
        return file_result

    def _logs(
        self, upload: str, file_result: FileResult, identities: Sequence[str], now: datetime
    ) -> tuple[str, str, list[dict[str, Any]]]:
        style = self._style(upload)
        lines = log_of(replace(file_result, error=""), identities, now, style)
        if file_result.error:
            lines += log_of(file_result, identities, now, style)
        if self._faults.use("clickatell:half-log"):
            lines = lines[: len(lines) // 2]
        name, log = f"{upload}.log", "".join(lines)
        if self._faults.use("clickatell:general-log"):
            name, log = "history.log", f"--- {upload} ---\n{log}\n"
        late = []
        if self._faults.use("clickatell:late-log"):
            late.append({"name": name, "log": log, "scans": SCANS_LATE})
            log = ""
        status_of = self._status_of()
        if status_of:
            statuses = "".join(
                style.line(now, f"ID: {identity} Status: {status_of(result.msisdn)}", result.msisdn)
                for result, identity in zip(file_result.results, identities, strict=True)
                if not result.code
            )
            late.append({"name": name, "log": statuses, "scans": SCANS_LATE})
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

    def _apply(self, action: Mapping[str, Any]) -> None:
        self._append(action["log_name"], action["log"])

    def _append(self, name: str, log: str) -> None:
        path, body = self.home / name, log.encode()
        before = path.read_bytes() if path.exists() else b""
        if not body or before.endswith(body):
            return
        # Written outside the client's folder first, so that no client ever reads half a log.
        outside = self.folder / "log.new"
        write_durably(outside, before + body)
        outside.replace(path)
        sync_folder(self.home)

    def _write_late_logs(self) -> None:
        kept = self._load_state()
        if not kept["late"]:
            return
        for late in kept["late"]:
            late["scans"] -= 1
            if late["scans"] <= 0:
                self._append(late["name"], late["log"])
        kept["late"] = [late for late in kept["late"] if late["scans"] > 0]
        self._save_state(kept)

    def _delete_old(self, now: datetime) -> None:
        oldest = (now - FILES_KEPT).timestamp() * 1e9
        for path in oldest_first(self.home):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime_ns <= oldest and not self._being_written(path):
                    path.unlink()
        kept = self._load_state()
        there = {name: version for name, version in kept["taken"].items() if (self.home / name).exists()}
        if there != kept["taken"]:
            self._save_state({**kept, "taken": there})


def _status(msisdn: str) -> str:
    return "007 Error delivering message" if msisdn.endswith(UNDELIVERED) else "004 Received by recipient"


def _version(path: Path) -> str:
    """Return what distinguishes one upload under a name from the next: its time and size."""
    stat = path.stat()
    return f"{stat.st_mtime_ns}/{stat.st_size}"
