"""Fetches and reads BulkSMS's report per recipient."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from providers.adapters.bulksms.answers import Answer, kept_bytes
from providers.adapters.bulksms.wire import REPORT, ParsedPayload, encode_credentials, encode_form
from providers.adapters.bulksms.words import FAILURES, LOGIN_REFUSED, MISSING, STATUSES, UNKNOWN, WORDS
from providers.base import Observation, Outcome, Result
from providers.errors import Refused
from providers.transports.http import HttpRemote

# A report may still be growing: it counts as complete once it has listed the same numbers for this long.
_REPORT_SETTLED = timedelta(seconds=60)


def fetch_report(remote: HttpRemote, batch_id: str) -> bytes:
    """Return the report of a batch, or what came instead of it. Raises Trouble; Refused if the login is refused."""
    form = encode_credentials(remote) + b"&" + encode_form([("batch_id", batch_id.encode("ascii"))])
    status, body = remote.post(REPORT, form)
    answer = Answer.of(body) if status == 200 else None
    if answer and answer.code == LOGIN_REFUSED:
        raise Refused(*FAILURES[LOGIN_REFUSED], account=True)
    return body if answer else kept_bytes(status, body)


def _digest_of(replies: Sequence[bytes]) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(reply).digest() for reply in replies)).hexdigest()


#: A status code and its line number. A plain tuple, because there are up to 30,000 in each of many reports.
_Row = tuple[int, int]


@dataclass
class Reports:
    """What all readable reports of a batch say together. ``latest`` has the newest statuses of each of its numbers.

    ``lacking`` are numbers that a complete report lacked: ``missing`` those that no report has, ``came_late`` those
    that a later report has. ``foreign`` are numbers in a report that are not in the batch. ``named`` are the numbers
    in the newest reports, whose digest is ``digest``, and ``listed`` those that reports have listed ``since`` then.
    """

    has_any: bool = False
    latest: dict[str, list[_Row]] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    has_unreadable: bool = False
    digest: str = _digest_of(())
    named: frozenset[str] = frozenset()
    listed: frozenset[str] = frozenset()
    since: datetime = datetime.min

    @classmethod
    def of_state(cls, state: Any) -> "Reports":
        has_any, latest, lacking, foreign, has_unreadable, digest, named, listed, since = state
        rows = {msisdn: [(code, line) for code, line in found] for msisdn, found in latest.items()}
        names = frozenset(named)
        return cls(
            has_any,
            rows,
            set(lacking),
            set(foreign),
            has_unreadable,
            digest,
            names,
            names if listed is None else frozenset(listed),
            datetime.fromisoformat(since),
        )

    def state(self) -> Any:
        """All of it, as JSON can store it."""
        return [
            self.has_any,
            self.latest,
            list(self.lacking),
            list(self.foreign),
            self.has_unreadable,
            self.digest,
            list(self.named),
            None if self.listed == self.named else list(self.listed),
            self.since.isoformat(),
        ]

    @property
    def missing(self) -> set[str]:
        return self.lacking - self.latest.keys()

    @property
    def came_late(self) -> set[str]:
        return self.lacking & self.latest.keys()

    def add(self, batch: ParsedPayload, observation: Observation) -> None:
        """Take what the poll after all those before it saw. The same reports as before are not read again."""
        digest = _digest_of(observation.replies)
        if digest != self.digest:
            self.digest, self.named = digest, self._read(batch, observation.replies)
        if not self.named:
            return
        if self.named != self.listed:
            self.listed, self.since = self.named, observation.seen_at
        elif observation.seen_at - self.since >= _REPORT_SETTLED:
            self.lacking |= batch.numbers - self.named

    def _read(self, batch: ParsedPayload, replies: Sequence[bytes]) -> frozenset[str]:
        """Add the replies of one poll; return the numbers of the batch that they list."""
        rows: dict[str, list[_Row]] = {}
        for reply in replies:
            answer = Answer.of(reply)
            if answer is None or answer.code != 0:
                continue
            self.has_any = True
            for msisdn, row in _report_rows(reply):
                rows.setdefault(msisdn, []).append(row)
        if rows.pop("", None):
            self.has_unreadable = True
        named = batch.numbers & rows.keys()
        self.foreign |= rows.keys() - batch.numbers
        self.latest.update((msisdn, found) for msisdn, found in rows.items() if msisdn in named)
        return named


_PLAIN_STATUSES = {str(code): code for code in STATUSES}
_ROW = re.compile(r"\s*\+?(\d{5,20}) *\| *(\d{1,6}) *(?:\||$)")


def _report_rows(reply: bytes) -> Iterator[tuple[str, _Row]]:
    """Yield the number and the row of each line of a report, ``""`` as the number of a line that cannot be read.

    get_report: a status line, a blank line, and lines of ``msisdn|status_code``, with more fields on request.
    """
    lines = reply.removeprefix(b"\xef\xbb\xbf").decode("latin-1").splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip())
    for number, line in enumerate(lines[first + 1 :], start=first + 2):
        msisdn, _, status = line.partition("|")
        if msisdn.isdecimal() and status in _PLAIN_STATUSES:
            # The fast path for nearly all lines; the regular expression below is slower.
            yield msisdn, (_PLAIN_STATUSES[status], number)
        elif line.strip():
            match = _ROW.match(line)
            yield (match[1], (int(match[2]), number)) if match else ("", (0, number))


def report_alarms(reports: Reports) -> Iterator[str]:
    if reports.foreign:
        yield f"BulkSMS's report lists {len(reports.foreign)} numbers that are not in the batch."
    if reports.came_late:
        yield (
            f"BulkSMS's report now lists {len(reports.came_late)} numbers that it had left out: "
            "they were texted after all."
        )
    unknown = sorted({code for rows in reports.latest.values() for code, _ in rows if code not in STATUSES})
    if unknown:
        words = ", ".join(str(code) for code in unknown[:5])
        yield f"BulkSMS's report uses status codes that Baton does not know: {words}."
    if reports.has_unreadable:
        yield "BulkSMS's report has lines that Baton cannot read."


def report_outcomes(reports: Reports) -> Iterator[Outcome]:
    """Yield an outcome for each recipient whose status is final, and for each that a complete report lacks."""
    for msisdn, rows in reports.latest.items():
        code, line = _deciding_row(rows)
        meaning = STATUSES.get(code)
        if meaning is None:
            sentence = f"BulkSMS reports the unknown status {code} for this number."
            yield Outcome(msisdn, Result.ACCEPTED, UNKNOWN, sentence, source=REPORT, line=line)
        elif meaning.result:
            # If one part of a text was accepted and others were refused, the text is undelivered, not refused.
            is_split = meaning.result is Result.ROW_ERROR and len({STATUSES.get(each) for each, _ in rows}) > 1
            yield Outcome(
                msisdn,
                Result.ACCEPTED if is_split else meaning.result,
                str(code),
                meaning.sentence,
                opted_out=meaning.opted_out,
                source=REPORT,
                line=line,
                delivery="undelivered" if is_split else meaning.delivery,
            )
    for msisdn in sorted(reports.missing):
        yield Outcome(msisdn, Result.ROW_ERROR, MISSING, WORDS[MISSING], source=REPORT)


def _deciding_row(rows: Sequence[_Row]) -> _Row:
    """Return the row that decides about a number: an unknown status before an open one, then failed, then delivered.

    assumption: a text of several parts may have several rows; the document does not say.
    """

    def rank(row: _Row) -> int:
        meaning = STATUSES.get(row[0])
        if meaning is None:
            return 0
        if not meaning.result:
            return 1
        return 3 if meaning.delivery == "delivered" else 2

    return min(rows, key=rank)
