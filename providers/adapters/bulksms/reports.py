"""Fetches and reads BulkSMS's report per recipient."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

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


#: A status code and its line number. A plain tuple, because there are up to 30,000 in each of many reports.
_Row = tuple[int, int]


@dataclass
class Reports:
    """What all readable reports of a batch say together. ``latest`` has the newest statuses of each of its numbers.

    ``missing`` are numbers that a complete report lacked, ``came_late`` those of them that a later report has.
    ``foreign`` are numbers in a report that are not in the batch.
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
