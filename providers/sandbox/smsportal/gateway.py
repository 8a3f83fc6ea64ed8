"""One account of the sandbox's SMSPortal: folders, stored state, credit and opt-outs."""

import hashlib
import itertools
import json
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from providers.sandbox.account import FolderAccount, oldest_first
from providers.sandbox.disk import sync_folder, write_durably
from providers.sandbox.smsportal.codes import CODES, CONTACT_ERRORS, FILE_ERRORS, SLUG
from providers.sandbox.smsportal.files import Fault, FileResult, check_file

FOLDERS = ("Send_SMS", "Processed", "Errors")
# "File name uniqueness is only checked for 48 hours."
NAMES_KEPT = timedelta(hours=48)


class Gateway(FolderAccount):
    """One account's folders, stored state and opt-outs under ``folder``. Not thread-safe."""

    slug = SLUG
    folders = FOLDERS
    first_state = {"names": {}}

    def _prepare(self) -> None:
        self.opt_outs_path = self.folder / "optouts.txt"
        self.opt_outs_path.touch()

    def scan(self, now: datetime) -> int:
        """Process the files in Send_SMS at ``now`` (UTC), oldest first; return how many were processed."""
        if self._faults.use("smsportal:silent"):
            return 0
        taken = 0
        for path in oldest_first(self.home / "Send_SMS"):
            # assumption: a file that a client is still writing is left for the next scan, as if it were locked. If the
            # connection broke, the file is no longer open and is processed half-written.
            if self._being_written(path) and not self._faults.use("smsportal:eager"):
                continue
            try:
                body = path.read_bytes()
            except FileNotFoundError:
                # The client has deleted it.
                continue
            self._process(path, body, now)
            taken += 1
        return taken

    def state(self) -> dict[str, Any]:
        """Return the credit, the number of remembered names and the files in each folder."""
        kept = self._load_state()
        files = {name: sorted(path.name for path in (self.home / name).iterdir()) for name in FOLDERS}
        return {"username": self.account, "credit": kept["credit"], "names": len(kept["names"]), "files": files}

    def _process(self, path: Path, body: bytes, now: datetime) -> None:
        kept = self._load_state()
        names = {name: at for name, at in kept["names"].items() if now - datetime.fromisoformat(at) < NAMES_KEPT}
        opted_out = {line.strip() for line in self.opt_outs_path.read_text(encoding="utf-8").splitlines()}
        result = check_file(path.name, body, now=now, remembered=names, opted_out=opted_out, credit=kept["credit"])
        result = self._with_faults(result)
        is_bad_name = not result.name or result.error in ("File.Corrupt", "File.DuplicateFound")
        # "Processed: files that have been successfully processed": the name of a file that failed is not remembered.
        if not result.error or (not is_bad_name and self._faults.use("smsportal:remember-errors")):
            names[result.name.lower()] = now.isoformat()
        credit = kept["credit"] - result.cost
        into = self.home / ("Errors" if result.error else "Processed")
        target = _free_name(into, path.name)
        report_name, report = self._report(target, result, credit)
        sha256 = hashlib.sha256(body).hexdigest()
        self._carry_out(
            [
                self._line(now.isoformat(), result.name, text.msisdn, text.sender, text.text, text.reference, sha256)
                for text in result.texts
            ],
            {"credit": credit, "names": names},
            upload=path.name,
            into=into.name,
            target=target,
            report_name=report_name,
            report=report,
        )

    def _with_faults(self, result: FileResult) -> FileResult:
        if self._faults.use("smsportal:corrupt"):
            return FileResult("", "File.Corrupt", CODES["File.Corrupt"])
        if result.error:
            return result
        if self._faults.use("smsportal:insufficient-credits"):
            return FileResult(result.name, "InsufficientCredits", CODES["InsufficientCredits"])
        for name, code in FILE_ERRORS.items():
            if self._faults.use(f"smsportal:error:{name}"):
                return FileResult(result.name, code, CODES[code])
        for name, code in CONTACT_ERRORS.items():
            if self._faults.use(f"smsportal:error:{name}"):
                return _emptied(result, code)
        if self._faults.use("smsportal:internal-error"):
            return FileResult(result.name, "InternalServerError", CODES["InternalServerError"])
        if self._faults.use("smsportal:internal-error-halfway"):
            half = result.texts[: len(result.texts) // 2]
            return FileResult(result.name, "InternalServerError", CODES["InternalServerError"], texts=half)
        return result

    def _apply(self, action: Mapping[str, Any]) -> None:
        upload, into = self.home / "Send_SMS" / action["upload"], self.home / action["into"]
        if action["report_name"]:
            # Written outside the client's folder first, so that no client ever reads half a report.
            outside = self.folder / "report.new"
            write_durably(outside, action["report"].encode())
            outside.replace(into / action["report_name"])
        if upload.exists():
            upload.replace(into / action["target"])
        sync_folder(into)
        sync_folder(upload.parent)

    def _report(self, target: str, result: FileResult, credit: int) -> tuple[str, str]:
        # assumption: the document mentions a fault report but not its format; these are the keys of the same company's
        # REST error report, and a file without faults gets no report.
        if (not result.error and not result.faults) or self._faults.use("smsportal:no-report"):
            return "", ""
        if self._faults.use("smsportal:text-report"):
            head = f"{result.error}: {result.detail}" if result.error else f"{result.name}: processed with faults"
            rows = [f"{fault.msisdn}\t{fault.customer_id}\t{fault.code}\t{fault.detail}" for fault in result.faults]
            return f"{target}.report.txt", "\r\n".join([head, *rows]) + "\r\n"
        codes = [fault.code for fault in result.faults]
        document = {
            "fileName": result.name or target,
            "status": "Failed" if result.error else "Processed",
            "errorCode": result.error or None,
            "errorMessage": CODES[result.error] if result.error else None,
            "errorDetail": result.detail or None,
            "messages": len(result.texts),
            "cost": result.cost,
            "remainingBalance": credit,
            "errorReport": {
                "noNetwork": codes.count("MSISDN.NoNetworkFound"),
                "optedOuts": codes.count("MSISDN.Optout"),
                "faults": [
                    {
                        "rawDestination": fault.msisdn,
                        "customerId": fault.customer_id,
                        "position": fault.position,
                        "status": fault.code,
                        "errorMessage": fault.detail,
                    }
                    for fault in result.faults
                ],
            },
        }
        return f"{target}.report.json", json.dumps(document, indent=2, ensure_ascii=False)


def _emptied(result: FileResult, code: str) -> FileResult:
    """Return the result with every contact that would be texted refused with ``code``."""
    taken = {fault.position for fault in result.faults}
    free = (position for position in itertools.count(1) if position not in taken)
    refused = [
        Fault(position, text.msisdn, text.reference, code, CODES[code])
        for position, text in zip(free, result.texts, strict=False)
    ]
    faults = tuple(sorted([*result.faults, *refused], key=lambda fault: fault.position))
    return FileResult(result.name, "EmptySend.NoValidMessages", CODES["EmptySend.NoValidMessages"], faults=faults)


def _free_name(folder: Path, name: str) -> str:
    # "The .zip file names don't need to be unique": a second file must not overwrite the first.
    stem, ending = os.path.splitext(name)
    free, number = name, 2
    while (folder / free).exists():
        free, number = f"{stem}-{number}{ending}", number + 1
    return free
