"""One account of the sandbox's BulkSMS: credit, memory, batches and reports."""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from providers.sandbox.account import CREDIT, Account
from providers.sandbox.bulksms.codes import CODES, NEVER_TEXTED, SLUG, Answer, Failed
from providers.sandbox.bulksms.submission import Submission, Text, read_submission, whole_number
from providers.sandbox.disk import write_durably
from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger, Line

# "recently (within the past few hours)"; assumption: few is three.
IDS_KEPT = timedelta(hours=3)
# assumption: the document gives no number; a new account may text this many parts a day.
DAILY_QUOTA = 10_000_000
# assumption: how soon after it was accepted a text is with the network, and how soon on the phone.
WITH_THE_NETWORK_AFTER = timedelta(seconds=1)
WITH_THE_PHONE_AFTER = timedelta(seconds=3)
FIRST_BATCH_ID = 30430


class Gateway(Account):
    """One account's credit, stored state and batches under ``folder``. Thread-safe.

    The answer to a batch is stored together with the batch, so that the same stop_dup_id gets the same answer again if
    the first answer was lost.
    """

    slug = SLUG

    def __init__(
        self,
        folder: Path,
        account: str,
        ledger: Ledger,
        faults: Faults,
        credit: int = CREDIT,
        daily_quota: int = DAILY_QUOTA,
    ) -> None:
        super().__init__(folder, account, ledger, faults)
        self._daily_quota = daily_quota
        self._lock = threading.RLock()
        self._batches = folder / "batches"
        self._batches.mkdir(parents=True, exist_ok=True)
        self._begin({"credit": credit, "batches": 0, "remembered": {}, "scheduled": {}, "day": "", "used": 0})

    def submit(self, fields: Mapping[str, str], now: datetime, sha256: str = "") -> Answer:
        """Accept one batch at ``now`` (UTC), or repeat the answer to its stop_dup_id. Raises Failed.

        ``sha256`` is of the request that contained ``fields``, without its login.
        """
        with self._lock:
            for code in CODES:
                if code > 1 and self._faults.use(f"bulksms:status:{code}"):
                    raise Failed(code)
            if self._faults.use("bulksms:status:99"):
                raise Failed(99, "MYSTERY")
            submission = read_submission(fields, now)
            kept = self._load_state()
            if (before := self._remembered(kept, submission.stop_dup_id, now)) is not None:
                return before
            # "basic validation (username, password, etc)", then "always returns a failure code"; it does not say which.
            if submission.fails:
                raise Failed(22)
            halfway = self._faults.use("bulksms:status:22-halfway")
            if halfway:
                submission = replace(submission, texts=submission.texts[: len(submission.texts) // 2], stop_dup_id=0)
            answer = self._process(kept, submission, now, fields, sha256)
            if halfway:
                raise Failed(22)
            return answer

    def scan(self, now: datetime) -> int:
        """Text the scheduled batches that are due at ``now`` (UTC); return how many there were."""
        with self._lock:
            scheduled = self._load_state()["scheduled"]
            due = [int(number) for number, at in scheduled.items() if datetime.fromisoformat(at) <= now]
            for batch_id in due:
                record = self._record(batch_id)
                texts = [Text(**text) for text in record["texts"]]
                # A batch that an older sandbox scheduled has no sha256.
                sha256 = record.get("sha256", "")
                if lines := self._lines(record["due_at"], batch_id, texts, sha256):
                    # Each batch is its own writer, so that a repeated release adds nothing, whatever came in between.
                    self._ledger.add(f"{SLUG}/{self.account}/{batch_id}", "due", lines)
                self._apply({**record, "texted_at": record["due_at"]})
                kept = self._load_state()
                del kept["scheduled"][str(batch_id)]
                self._save_state(kept)
            return len(due)

    def report(self, fields: Mapping[str, str], now: datetime) -> list[dict[str, str]]:
        """Return the rows of get_report at ``now`` (UTC), each a dictionary by column name. Raises Failed."""
        with self._lock:
            batch_id = whole_number(fields.get("batch_id", ""), 1, 2**40)
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
            return int(self._load_state()["credit"])

    def state(self) -> dict[str, Any]:
        """Return the credit, the number of remembered ids and the latest batches."""
        with self._lock:
            kept = self._load_state()
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

    def _process(
        self, kept: Mapping[str, Any], submission: Submission, now: datetime, fields: Mapping[str, str], sha256: str
    ) -> Answer:
        used = kept["used"] if kept["day"] == now.date().isoformat() else 0
        # "if set to 1, does basic validation [...] but stops short of actually submitting": a test costs nothing.
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
        # assumption: a test batch is not remembered; the real batch may follow with the same id.
        if submission.stop_dup_id and not submission.is_test:
            remembered[str(submission.stop_dup_id)] = {"at": now.isoformat(), "answer": asdict(answer)}
        return remembered

    def _lines(self, at: str, batch_id: int, texts: Iterable[Text], sha256: str) -> list[Line]:
        return [
            self._line(at, str(batch_id), text.msisdn, text.sender, text.text, text.source_id, sha256)
            for text in texts
            if text.status not in NEVER_TEXTED
        ]

    def _apply(self, action: Mapping[str, Any]) -> None:
        """Store the batch's record, from which reports are made."""
        write_durably(self._batch_path(action["batch_id"]), json.dumps(action).encode())

    def _batch_path(self, batch_id: int) -> Path:
        return self._batches / f"{batch_id}.json"

    def _record(self, batch_id: int) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self._batch_path(batch_id).read_bytes())
        return record


def status_after(age: timedelta, final: int, is_wanted: bool = True) -> int:
    """Return the status of a text accepted ``age`` ago: in progress, delivered upstream, then ``final``.

    assumption: with ``want_report`` 0 no status comes back from the network.
    """
    if final in NEVER_TEXTED or not final:
        return final
    if age < WITH_THE_NETWORK_AFTER:
        return 0
    return final if is_wanted and age >= WITH_THE_PHONE_AFTER else 10
