"""Evidence in: what SMSPortal's folders and fault reports mean for a batch. Pure."""

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from providers import reports
from providers.adapters.smsportal import words
from providers.adapters.smsportal.words import ABOUT_ONE_RECIPIENT, ERRORS, PROCESSED, SEND, UNKNOWN, WORDS
from providers.base import (
    Attempt,
    Ending,
    Interpretation,
    Observation,
    ObservedFile,
    Outcome,
    Payload,
    ProviderState,
)

# A fault report may appear after the file it speaks of: this long an unexplained entry in Errors is waited for.
_REPORT_PATIENCE = timedelta(seconds=60)
_NUMBER = re.compile(r"(?<!\d)(?:\+|00)?(\d{7,15})(?!\d)")


def interpret(payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> Interpretation:
    """What the folders mean; the rules stand in the order in which they win.

    Processed wins. An entry in Errors speaks only for the attempt whose zip name it bears; one with the inner name
    only for an only attempt.
    """
    if not observations:
        return Interpretation(ProviderState.UNKNOWN)
    evidence = _Evidence.of(payload, attempts, observations)
    if evidence.processed:
        return _accepted(evidence)
    if any(evidence.is_whole(number) for number in evidence.waiting):
        return Interpretation(ProviderState.TAKEN, "waiting", "The file lies in Send_SMS and waits to be picked up.")
    if evidence.waiting:
        return Interpretation(
            ProviderState.UNKNOWN,
            "waiting_after_break",
            "The file lies in Send_SMS, but its upload was interrupted and it may be incomplete.",
        )
    if evidence.has_nameless_error:
        return _unclear(
            evidence,
            "errors_by_inner_name",
            "Errors holds the file under its inner name only, and several attempts were made: "
            "it cannot be told which one failed.",
        )
    if evidence.failures:
        return _failed(evidence)
    return Interpretation(ProviderState.ABSENT)


@dataclass(frozen=True)
class _Fault:
    """A word found in a report: about one of our numbers, or about none of them (``msisdn`` is ``""``).

    One about none is about the whole file, unless it is in ``ABOUT_ONE_RECIPIENT``: then it does not tell whom.
    """

    code: str
    raw: str
    msisdn: str
    source: str
    line: int


@dataclass(frozen=True)
class _Evidence:
    """All that was ever seen of a batch, by attempt; attempt 0 stands for entries that bear only the inner name."""

    attempts: dict[int, Attempt]
    processed: dict[int, list[_Fault]]
    failures: dict[int, list[_Fault]]
    failed_since: dict[int, datetime]
    waiting: frozenset[int]
    seen_at: datetime
    cut_short: tuple[str, ...]
    strange: tuple[str, ...]

    @property
    def has_nameless_error(self) -> bool:
        return 0 in self.failures

    @property
    def all_failures(self) -> list[_Fault]:
        """What was said in Errors, of whichever attempt."""
        return [fault for faults in self.failures.values() for fault in faults]

    def is_whole(self, number: int) -> bool:
        """Whether the server confirmed every byte of this attempt."""
        attempt = self.attempts.get(number)
        return attempt is not None and attempt.ending is Ending.DONE

    @classmethod
    def of(cls, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> "_Evidence":
        # What was refused, or never got as far as a file, left nothing behind.
        possible = {attempt.number: attempt for attempt in attempts if attempt.may_have_arrived}
        places: dict[str, dict[int, list[_Fault]]] = {PROCESSED: {}, ERRORS: {}}
        failed_since: dict[int, datetime] = {}
        cut_short, strange = [], []
        for observation, file in _newest_first(observations):
            if file.folder not in places:
                continue
            number = _attempt_of(file.name, payload.stem, possible)
            faults = places[file.folder].setdefault(number, [])
            if file.folder == ERRORS:
                failed_since[number] = min(observation.seen_at, failed_since.get(number, observation.seen_at))
            if file.body is None or _is_our_own(file.body):
                continue
            found, unknown = _parse_report(file, payload)
            faults.extend(found)
            strange.extend(unknown)
            if file.size > len(file.body):
                cut_short.append(file.name)
        last = observations[-1]
        waiting = [_attempt_of(file.name, payload.stem, possible) for file in last.files if file.folder == SEND]
        return cls(
            possible,
            places[PROCESSED],
            places[ERRORS],
            failed_since,
            frozenset(waiting),
            last.seen_at,
            tuple(cut_short),
            tuple(strange),
        )


def _newest_first(observations: Sequence[Observation]) -> Iterator[tuple[Observation, ObservedFile]]:
    """Each entry once, with its newest content, and with the time it was first seen."""
    newest: dict[tuple[str, str], ObservedFile] = {}
    first: dict[tuple[str, str], Observation] = {}
    for observation in observations:
        for file in observation.files:
            place = (file.folder, file.name)
            first.setdefault(place, observation)
            known = newest.get(place)
            newest[place] = replace(file, body=known.body) if known and file.body is None else file
    for place, file in newest.items():
        yield first[place], file


def _attempt_of(name: str, stem: str, possible: dict[int, Attempt]) -> int:
    match = re.search(re.escape(stem) + r"-a(\d{1,6})(?!\d)", name)
    if match:
        return int(match[1])
    return next(iter(possible)) if len(possible) == 1 else 0


def _accepted(evidence: _Evidence) -> Interpretation:
    numbers = sorted(evidence.processed)
    faults = [fault for number in numbers for fault in evidence.processed[number]]
    # A report on the same attempt may lie in Errors; one that bears only the inner name can speak of no other file.
    faults += [fault for number in {*numbers, 0} for fault in evidence.failures.get(number, [])]
    alarms = []
    if len([number for number in numbers if number]) > 1:
        alarms.append("SMSPortal processed this file more than once: people may have been texted twice.")
    harmless = {"File.ParseError", "File.DuplicateFound"}
    contradicting = {fault.code for fault in faults if not fault.msisdn} - harmless
    if contradicting:
        words = ", ".join(sorted(contradicting))
        alarms.append(f"The file is in Processed, yet a report about it says {words}.")
    alarms += _report_alarms(evidence)
    return Interpretation(
        ProviderState.ACCEPTED,
        "processed",
        "SMSPortal put the file into Processed.",
        _outcomes(faults),
        alarm=" ".join(alarms),
    )


def _failed(evidence: _Evidence) -> Interpretation:
    verdicts = {number: _verdict(evidence, number) for number in evidence.failures}
    codes = set(verdicts.values())
    alarm = " ".join(_report_alarms(evidence))
    if "InternalServerError" in codes:
        return _unclear(evidence, "InternalServerError", WORDS["InternalServerError"], alarm)
    if "File.ParseError" in codes:
        return _unclear(
            evidence,
            "File.ParseError",
            "SMSPortal could not read some fields of the file, and it is not in Processed: "
            "whether the others were texted is not known.",
            alarm,
        )
    if UNKNOWN in codes:
        return _unclear(
            evidence,
            UNKNOWN,
            "SMSPortal put the file into Errors, and no report says why in words that Baton knows.",
            alarm,
        )
    if about_one := sorted(codes & ABOUT_ONE_RECIPIENT):
        sentence = (
            "SMSPortal put the file into Errors, and the report speaks only of single recipients "
            f"({', '.join(about_one)}): what became of the others is not known."
        )
        if any(fault.code in ABOUT_ONE_RECIPIENT and not fault.msisdn for fault in evidence.all_failures):
            sentence += " At least one of them Baton does not recognise."
        return _unclear(evidence, about_one[0], sentence, alarm)
    interrupted = {number for number, code in verdicts.items() if _is_interruption(evidence, number, code)}
    unexplained = set(evidence.attempts) - set(verdicts)
    if "" in codes and not any(evidence.is_whole(number) for number in evidence.attempts):
        # An interrupted upload may turn out to have been dropped, which permits another; until that is told, none.
        return Interpretation(
            ProviderState.UNKNOWN,
            "errors_waiting",
            "SMSPortal put the file into Errors; its report is awaited.",
            waits=True,
        )
    if "" in codes or (unexplained and len(interrupted) < len(verdicts)):
        return Interpretation(
            ProviderState.PROCESSING, "errors_waiting", "SMSPortal put the file into Errors; its report is awaited."
        )
    reasons = {
        number: code for number, code in verdicts.items() if number not in interrupted and code != "File.DuplicateFound"
    }
    if "File.DuplicateFound" in codes:
        reasons = {number: code for number, code in reasons.items() if code != "File.Corrupt"}
    if reasons:
        code = reasons[max(reasons)]
        # The next file would be refused alike.
        is_account = code == "InsufficientCredits"
        return Interpretation(
            ProviderState.REJECTED, code, WORDS[code], _outcomes(evidence.all_failures), alarm=alarm, account=is_account
        )
    if "File.DuplicateFound" in codes:
        return _duplicate(evidence)
    return Interpretation(
        ProviderState.ABSENT, "File.Corrupt", "The interrupted upload arrived incomplete and SMSPortal dropped it."
    )


def _verdict(evidence: _Evidence, number: int) -> str:
    """The one word on an attempt in Errors: a code, UNKNOWN, or ``""`` while its report may still come.

    One of ``ABOUT_ONE_RECIPIENT`` when, for as long as a report is waited for, nothing was said but of single
    recipients: that is no word on the file, whether it named them or not.
    """
    faults = evidence.failures[number]
    words = [fault.code for fault in faults if not fault.msisdn and fault.code not in ABOUT_ONE_RECIPIENT]
    for grave in ("InternalServerError", "File.ParseError", UNKNOWN):
        if grave in words:
            return grave
    if words:
        # The plainest cause last: a duplicate or corrupt file says nothing about what else may be wrong.
        return sorted(words, key=lambda code: code in ("File.DuplicateFound", "File.Corrupt"))[0]
    if evidence.seen_at - evidence.failed_since[number] < _REPORT_PATIENCE:
        return ""
    return next((fault.code for fault in faults if fault.code in ABOUT_ONE_RECIPIENT), UNKNOWN)


def _is_interruption(evidence: _Evidence, number: int, code: str) -> bool:
    attempt = evidence.attempts.get(number)
    return code == "File.Corrupt" and (attempt is None or attempt.ending is not Ending.DONE)


def _duplicate(evidence: _Evidence) -> Interpretation:
    if len(evidence.attempts) <= 1:
        return _unclear(
            evidence,
            "File.DuplicateFound",
            "SMSPortal says it has processed a file of this name already, yet Baton handed it over only once.",
            "SMSPortal knows a file of this name from somewhere else.",
        )
    return _unclear(
        evidence,
        "File.DuplicateFound",
        "SMSPortal says it has processed a file of this name already, yet none of the attempts is in Processed.",
    )


def _certain(evidence: _Evidence) -> tuple[Outcome, ...]:
    """What holds for a recipient whatever became of the file: they were not texted, and may have opted out.

    SMSPortal SFTP: "could not be completed", "will not be sent to this address". Any other word beside a number, such
    as InternalServerError or one that Baton does not know, leaves open whether it was texted, and settles nobody.
    """
    return _outcomes([fault for fault in evidence.all_failures if fault.code in ABOUT_ONE_RECIPIENT])


def _unclear(evidence: _Evidence, reason: str, sentence: str, alarm: str = "") -> Interpretation:
    return Interpretation(ProviderState.UNKNOWN, reason, sentence, _certain(evidence), unclear=True, alarm=alarm)


def _report_alarms(evidence: _Evidence) -> list[str]:
    alarms = []
    if evidence.cut_short:
        alarms.append("A fault report is longer than Baton reads: some faults may be missing from the results.")
    if evidence.strange:
        words = ", ".join(sorted(set(evidence.strange))[:5])
        alarms.append(f"A fault report uses words that Baton does not know: {words}.")
    return alarms


def _outcomes(faults: Sequence[_Fault]) -> tuple[Outcome, ...]:
    """One outcome for each number; the first known word wins over UNKNOWN."""
    best: dict[str, _Fault] = {}
    for fault in faults:
        known = best.get(fault.msisdn)
        if fault.msisdn and (known is None or (known.code == UNKNOWN and fault.code != UNKNOWN)):
            best[fault.msisdn] = fault
    return tuple(
        Outcome(
            msisdn=fault.msisdn,
            result="row_error",
            code=fault.code,
            sentence=WORDS.get(
                fault.code, f"SMSPortal reports this number with a word Baton does not know: {fault.raw}"
            ),
            opted_out=fault.code == "MSISDN.Optout",
            source=fault.source,
            line=fault.line,
        )
        for fault in best.values()
    )


def _is_our_own(body: bytes) -> bool:
    """Whether this is the file that was handed over, unpacked, and no report: it holds all our numbers."""
    start = body[:20_000].decode("utf-8-sig", "replace").lower()
    return start.lstrip().startswith("version") and '"contacts"' in start


@lru_cache(maxsize=1)
def _spellings(body: bytes) -> dict[str, str]:
    """The numbers that were handed over by how a report may spell them.

    assumption: the document does not show how a report writes numbers: as they were handed over, or with 0 in place of
    the country code where only one of them ends so (South African numbers have nine digits after it).
    """
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        content = archive.read(archive.namelist()[0])
    document = json.loads(content.partition(b"\n")[2])
    numbers = {contact["msisdn"] for contact in document["contacts"]}
    endings = Counter(number[-9:] for number in numbers)
    national = {f"0{number[-9:]}": number for number in numbers if endings[number[-9:]] == 1}
    return national | {number: number for number in numbers}


def _parse_report(file: ObservedFile, payload: Payload) -> tuple[list[_Fault], list[str]]:
    """Return the faults of a report and the words in it that look like codes and are none.

    assumption: the shape of the fault report is not documented. A known code beside a number of ours is that number's
    fault, one without a number is the file's unless it is about one recipient.
    """
    spellings = _spellings(payload.body)
    faults: list[_Fault] = []
    strange: list[str] = []
    for piece in reports.pieces(file.body or b""):
        found_numbers = _NUMBER.findall(piece.number_words)
        msisdn = next((spellings[found] for found in found_numbers if found in spellings), "")
        codes = words.listed(piece.words)
        unlisted = words.unlisted(piece.words)
        if unlisted or (piece.is_fault and msisdn and not codes):
            strange += unlisted or [piece.words[:60]]
            codes.append(UNKNOWN)
        # One number has one fate: its first known word.
        for code in codes[:1] if msisdn else codes:
            faults.append(_Fault(code, piece.words.strip()[:200], msisdn, file.name, piece.line))
    return faults, strange
