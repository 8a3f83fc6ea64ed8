"""Fetches and reads BulkSMS's report per recipient."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from providers.adapters.bulksms.answers import Answer, kept_bytes
from providers.adapters.bulksms.wire import REPORT, ParsedPayload, encode_credentials, encode_form
from providers.adapters.bulksms.words import FAILURES, LOGIN_REFUSED, MISSING, STATUSES, UNKNOWN
from providers.base import (
    Observation,
    Outcome,
)
from providers.errors import Refused
from providers.transports.http import HttpRemote

# A report may still be filling: only one that names the same numbers for this long is complete.
_REPORT_SETTLED = timedelta(seconds=60)


def fetch_report(remote: HttpRemote, batch_id: str) -> bytes:
    form = encode_credentials(remote) + b"&" + encode_form([("batch_id", batch_id.encode("ascii"))])
    status, body = remote.post(REPORT, form)
    answer = Answer.of(body) if status == 200 else None
    if answer and answer.code == LOGIN_REFUSED:
        raise Refused(*FAILURES[LOGIN_REFUSED], account=True)
    return body if answer else kept_bytes(status, body)


#: A status code and the line it stands in: a plain tuple, as there are up to 30,000 in each of many reports.
_Row = tuple[int, int]


@dataclass
class Reports:
    """What all good reports say together. ``latest`` has the newest statuses of each of our numbers.

    ``missing`` are numbers that a complete report lacked, ``came_late`` those of them that a later one has.
    """

    has_any: bool = False
    latest: dict[str, list[_Row]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    came_late: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    has_unreadable: bool = False

    @classmethod
    def of(cls, batch: ParsedPayload, observations: Sequence[Observation]) -> "Reports":
        found = cls()
        named: frozenset[str] = frozenset()
        replies: tuple[bytes, ...] = ()
        before, since = named, observations[0].seen_at
        for observation in observations:
            if observation.replies != replies:
                replies = observation.replies
                named = found._add(batch, replies)
            if not named:
                continue
            if named != before:
                before, since = named, observation.seen_at
            elif observation.seen_at - since >= _REPORT_SETTLED:
                found.missing |= batch.numbers - named
        found.came_late = found.missing & found.latest.keys()
        found.missing -= found.latest.keys()
        return found

    def _add(self, batch: ParsedPayload, replies: Sequence[bytes]) -> frozenset[str]:
        """Take in what one look brought; return which of our numbers it names."""
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
    """get_report: a status line, a blank line, and ``msisdn|status_code`` with further fields where asked for.

    A line that cannot be read has ``""`` for its number.
    """
    lines = reply.removeprefix(b"\xef\xbb\xbf").decode("latin-1").splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip())
    for number, line in enumerate(lines[first + 1 :], start=first + 2):
        msisdn, _, status = line.partition("|")
        if msisdn.isdecimal() and status in _PLAIN_STATUSES:
            # Nearly all lines: the pattern below would take longer.
            yield msisdn, (_PLAIN_STATUSES[status], number)
        elif line.strip():
            match = _ROW.match(line)
            yield (match[1], (int(match[2]), number)) if match else ("", (0, number))


def report_alarms(reports: Reports) -> Iterator[str]:
    if reports.foreign:
        yield f"BulkSMS's report names {len(reports.foreign)} numbers that are not in the batch."
    if reports.came_late:
        yield (
            f"BulkSMS's report now names {len(reports.came_late)} numbers that it had left out: "
            "they were texted after all."
        )
    unknown = sorted({code for rows in reports.latest.values() for code, _ in rows if code not in STATUSES})
    if unknown:
        words = ", ".join(str(code) for code in unknown[:5])
        yield f"BulkSMS's report uses status codes that Baton does not know: {words}."
    if reports.has_unreadable:
        yield "BulkSMS's report has lines that Baton cannot read."


def report_outcomes(reports: Reports) -> Iterator[Outcome]:
    """One outcome for each recipient whose status is final, and for each that a complete report lacks."""
    for msisdn, rows in reports.latest.items():
        code, line = _deciding_row(rows)
        fate = STATUSES.get(code)
        if fate is None:
            said = f"BulkSMS reports this number with status {code}, which Baton does not know."
            yield Outcome(msisdn, "accepted", UNKNOWN, said, source=REPORT, line=line)
        elif fate.result:
            # Where one part of a text was taken, the others' refusal makes it undelivered, not refused.
            is_split = fate.result == "row_error" and len({STATUSES.get(each) for each, _ in rows}) > 1
            yield Outcome(
                msisdn,
                "accepted" if is_split else fate.result,
                str(code),
                fate.sentence,
                opted_out=fate.opted_out,
                source=REPORT,
                line=line,
                delivery="undelivered" if is_split else fate.delivery,
            )
    for msisdn in sorted(reports.missing):
        said = "BulkSMS dropped this line of the batch without a word: its report does not name the number."
        yield Outcome(msisdn, "row_error", MISSING, said, source=REPORT)


def _deciding_row(rows: Sequence[_Row]) -> _Row:
    """Of a number's rows the one that decides: first what is unknown, then what is open, failed, delivered.

    assumption: whether a text of several parts has one row or several is not documented.
    """

    def rank(row: _Row) -> int:
        fate = STATUSES.get(row[0])
        if fate is None:
            return 0
        if not fate.result:
            return 1
        return 3 if fate.delivery == "delivered" else 2

    return min(rows, key=rank)
