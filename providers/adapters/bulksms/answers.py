"""Reads BulkSMS's one-line answers, and says what an answer to a hand-over means."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from providers.adapters.bulksms.wire import ParsedPayload
from providers.adapters.bulksms.words import (
    ACCOUNT_FAILURES,
    FAILURES,
    IN_PROGRESS,
    SCHEDULED,
    UNKNOWN,
    UPSTREAM,
    UPSTREAM_ATTEMPTS,
)
from providers.base import Attempt
from providers.errors import Refused, Trouble, Unclear, Unreachable

_KEPT_BYTES = 2_000


@dataclass(frozen=True)
class Answer:
    """BulkSMS's line ``code|words|third``; ``third`` is ``""`` if there is no third field."""

    code: int
    words: str = ""
    third: str = ""

    @classmethod
    def of(cls, body: bytes) -> "Answer | None":
        """Read an answer, or return None if it is not one: empty, HTML, or cut off before the first ``|``.

        A trailing ``|``, white space, a byte order mark and further lines are accepted.
        """
        text = body.removeprefix(b"\xef\xbb\xbf").decode("latin-1").strip()
        match = re.match(r"(\d{1,6}) *\|([^|\r\n]*)(?:\|([^|\r\n]*))?", text)
        if not match:
            return None
        return cls(int(match[1]), match[2].strip(), (match[3] or "").strip())

    @property
    def is_taken(self) -> bool:
        return self.code in (IN_PROGRESS, SCHEDULED)

    @property
    def batch_id(self) -> str:
        """The batch id or ``""``. send_batch: "guaranteed to be a positive integer > 0, if present"."""
        return self.third if re.fullmatch(r"0*[1-9][0-9]{0,18}", self.third) else ""


NO_ANSWER = Answer(-1)


def kept_bytes(status: int, body: bytes) -> bytes:
    """Return the beginning of an answer as evidence.

    With any HTTP status but 200 it begins with that status, so that it never looks like an answer of BulkSMS.
    """
    head = b"" if status == 200 else b"HTTP %d\n\n" % status
    return head + body[:_KEPT_BYTES]


def commit_error(answer: Answer, batch: ParsedPayload, attempt: Attempt, body: bytes) -> Trouble:
    """Return the exception for an answer that is not an acceptance.

    send_batch: 40 is to be retried, 26 and 28 a few times; "All other errors should be considered fatal".
    """
    word, sentence = FAILURES.get(answer.code, (UNKNOWN, f"BulkSMS answered with the unknown status {answer.code}."))
    if answer.code in ACCOUNT_FAILURES:
        return Refused(word, sentence, account=True, reply=body, holds=True)
    if batch.rehearsal == "fail":
        return Unclear("rehearsal", "Rehearsal: BulkSMS rejected the batch, as it was asked to.", reply=body)
    if answer.code == 40 or (answer.code in UPSTREAM and attempt.number <= UPSTREAM_ATTEMPTS):
        # "Failure statuses are not recorded": the same stop_dup_id can be used again.
        return Unreachable(word, sentence, reply=body)
    if answer.code in UPSTREAM:
        return Refused(word, f"{sentence} It was tried {attempt.number} times.", reply=body, holds=True)
    return Unclear(word, sentence, reply=body)


def answers_by_attempt(attempts: Sequence[Attempt]) -> dict[int, Answer]:
    """Return the readable answers to the attempts that may have arrived, by the attempt's number."""
    found = {}
    for attempt in attempts:
        answer = Answer.of(attempt.receipt.raw) if attempt.may_have_arrived else None
        if answer:
            found[attempt.number] = answer
    return found


def batch_ids_of(attempts: Sequence[Attempt]) -> list[str]:
    """Return BulkSMS's ids of the batch, each once. There is one, unless BulkSMS accepted the batch twice."""
    return list(dict.fromkeys(attempt.receipt.provider_ref for attempt in attempts if attempt.receipt.provider_ref))
