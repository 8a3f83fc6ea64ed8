"""Evidence in: what SMSPortal's folders and fault reports mean for a batch. Pure."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from providers.adapters.smsportal.fault_reports import Fault, is_handed_over_file, parse_report
from providers.adapters.smsportal.words import ABOUT_ONE_RECIPIENT, ERRORS, PROCESSED, SEND, UNKNOWN, WORDS
from providers.base import (
    Attempt,
    Ending,
    Interpretation,
    Observation,
    Outcome,
    Payload,
    ProviderState,
    Result,
)

# A fault report may appear later than the file it is about; a file in Errors waits this long for its report.
_REPORT_PATIENCE = timedelta(seconds=60)


def interpret(payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> Interpretation:
    """Return what the folders mean. The rules are in order of precedence.

    Processed takes precedence over everything else. A file in Errors counts only for the attempt whose zip name it
    has; one with the inner name counts only if there was just one attempt.
    """
    if not observations:
        return Interpretation(ProviderState.UNKNOWN)
    reader = Reader(payload, attempts)
    for observation in observations:
        reader.add(observation)
    return reader.interpret()


def _interpret(evidence: "_Evidence") -> Interpretation:
    if evidence.processed:
        return _accepted(evidence)
    if any(evidence.is_whole(number) for number in evidence.waiting):
        return Interpretation(ProviderState.TAKEN, "waiting", "The file is in Send_SMS, waiting to be picked up.")
    if evidence.waiting:
        return Interpretation(
            ProviderState.UNKNOWN,
            "waiting_after_break",
            "The file is in Send_SMS, but its upload was interrupted and it may be incomplete.",
        )
    if evidence.has_nameless_error:
        return _unclear(
            evidence,
            "errors_by_inner_name",
            "The file is in Errors under its inner name only, and several attempts were made: "
            "there is no way to tell which one failed.",
        )
    if evidence.failures:
        return _failed(evidence)
    return Interpretation(ProviderState.ABSENT)


@dataclass(frozen=True)
class _Evidence:
    """Everything that was observed of a batch, by attempt number; 0 stands for files with only the inner name.

    ``attempts`` are those that may have arrived. ``processed`` and ``failures`` hold the faults reported in Processed
    and Errors, ``waiting`` the attempts in Send_SMS at the last observation. ``truncated`` are reports of which Baton
    read only a part, ``unlisted`` are codes that SMSPortal's document does not list.
    """

    attempts: dict[int, Attempt]
    processed: dict[int, list[Fault]]
    failures: dict[int, list[Fault]]
    failed_since: dict[int, datetime]
    waiting: frozenset[int]
    seen_at: datetime
    truncated: tuple[str, ...]
    unlisted: tuple[str, ...]

    @property
    def has_nameless_error(self) -> bool:
        return 0 in self.failures

    @property
    def all_failures(self) -> list[Fault]:
        """Every fault reported in Errors, for any attempt."""
        return [fault for faults in self.failures.values() for fault in faults]

    def is_whole(self, number: int) -> bool:
        """Whether the server confirmed every byte of this attempt."""
        attempt = self.attempts.get(number)
        return attempt is not None and attempt.ending is Ending.DONE


@dataclass
class _Report:
    """What is known of one file: when it was first seen, its size now, and what its newest content says.

    ``length`` is in bytes; it and ``digest`` are about the newest content that was read. A file that was handed over,
    and one whose content was never read, say nothing (``says_nothing``).
    """

    first_seen_at: datetime
    size: int = 0
    length: int = 0
    digest: str = ""
    says_nothing: bool = True
    faults: list[Fault] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)


class Reader:
    """Reads each content of each report once; see ``providers.base.Reader``."""

    def __init__(self, payload: Payload, attempts: Sequence[Attempt], state: Any = None) -> None:
        self.payload = payload
        # An attempt that was refused, or did not reach the server, left no file.
        self.possible = {attempt.number: attempt for attempt in attempts if attempt.may_have_arrived}
        self.reports = {
            (folder, name): _Report(
                datetime.fromisoformat(first),
                size,
                length,
                digest,
                says_nothing,
                [Fault(*fault) for fault in faults],
                unlisted,
            )
            for folder, name, first, size, length, digest, says_nothing, faults, unlisted in state or []
        }
        self.last = Observation(datetime.min, ())

    def add(self, observation: Observation) -> bool:
        """Take the newest content of each file; a later poll that could not read it does not replace it."""
        self.last = observation
        for file in observation.files:
            if file.folder not in (PROCESSED, ERRORS):
                continue
            report = self.reports.setdefault((file.folder, file.name), _Report(observation.seen_at))
            report.size = file.size
            if file.body is None:
                continue
            digest = hashlib.sha256(file.body).hexdigest()
            if digest != report.digest:
                report.digest, report.length = digest, len(file.body)
                report.says_nothing = is_handed_over_file(file.body)
                report.faults, report.unlisted = [], []
                if not report.says_nothing:
                    report.faults, report.unlisted = parse_report(file, self.payload)
        return True

    def interpret(self) -> Interpretation:
        places: dict[str, dict[int, list[Fault]]] = {PROCESSED: {}, ERRORS: {}}
        failed_since: dict[int, datetime] = {}
        truncated: list[str] = []
        unlisted: list[str] = []
        for (folder, name), report in self.reports.items():
            number = self._attempt_of(name)
            faults = places[folder].setdefault(number, [])
            if folder == ERRORS:
                failed_since[number] = min(report.first_seen_at, failed_since.get(number, report.first_seen_at))
            if report.says_nothing:
                continue
            faults.extend(report.faults)
            unlisted.extend(report.unlisted)
            if report.size > report.length:
                truncated.append(name)
        evidence = _Evidence(
            self.possible,
            places[PROCESSED],
            places[ERRORS],
            failed_since,
            frozenset(self._attempt_of(file.name) for file in self.last.files if file.folder == SEND),
            self.last.seen_at,
            tuple(truncated),
            tuple(unlisted),
        )
        return _interpret(evidence)

    def state(self) -> Any:
        return [
            [folder, name, report.first_seen_at.isoformat(), *list(vars(report).values())[1:-2],
             [astuple(fault) for fault in report.faults], report.unlisted]
            for (folder, name), report in self.reports.items()
        ]  # fmt: skip

    def _attempt_of(self, name: str) -> int:
        return _attempt_of(name, self.payload.stem, self.possible)


def _attempt_of(name: str, stem: str, possible: dict[int, Attempt]) -> int:
    match = re.search(re.escape(stem) + r"-a(\d{1,6})(?!\d)", name)
    if match:
        return int(match[1])
    return next(iter(possible)) if len(possible) == 1 else 0


def _accepted(evidence: _Evidence) -> Interpretation:
    numbers = sorted(evidence.processed)
    faults = [fault for number in numbers for fault in evidence.processed[number]]
    # A report on the same attempt may be in Errors; one with only the inner name cannot be about another file.
    faults += [fault for number in {*numbers, 0} for fault in evidence.failures.get(number, [])]
    alarms = []
    if len([number for number in numbers if number]) > 1:
        alarms.append("SMSPortal processed this file more than once: people may have been texted twice.")
    harmless = {"File.ParseError", "File.DuplicateFound"}
    contradicting = {fault.code for fault in faults if not fault.msisdn} - harmless
    if contradicting:
        codes = ", ".join(sorted(contradicting))
        alarms.append(f"The file is in Processed, yet a report about it says {codes}.")
    alarms += _report_alarms(evidence)
    return Interpretation(
        ProviderState.ACCEPTED,
        "processed",
        "SMSPortal put the file into Processed.",
        _outcomes(faults),
        alarm=" ".join(alarms),
    )


def _failed(evidence: _Evidence) -> Interpretation:
    codes = {number: _code_of(evidence, number) for number in evidence.failures}
    # The gateway may read a zip before its upload has ended, also where the upload then ends well.
    dropped = {number for number, code in codes.items() if code == "File.Corrupt"}
    alarm = " ".join(_report_alarms(evidence))
    return (
        _undecided(evidence, set(codes.values()), alarm)
        or _awaited(evidence, codes, dropped)
        or _decided(evidence, codes, dropped, alarm)
    )


def _undecided(evidence: _Evidence, codes: set[str], alarm: str) -> Interpretation | None:
    """The interpretation where what SMSPortal reports leaves open who was texted, else None."""
    if "InternalServerError" in codes:
        return _unclear(evidence, "InternalServerError", WORDS["InternalServerError"], alarm)
    if "File.ParseError" in codes:
        sentence = (
            "SMSPortal could not read some fields of the file, and it is not in Processed: "
            "whether the other recipients were texted is not known."
        )
        return _unclear(evidence, "File.ParseError", sentence, alarm)
    if UNKNOWN in codes:
        sentence = "SMSPortal put the file into Errors, and no report gives a reason that Baton knows."
        return _unclear(evidence, UNKNOWN, sentence, alarm)
    if about_one := sorted(codes & ABOUT_ONE_RECIPIENT):
        sentence = (
            "SMSPortal put the file into Errors, and the report mentions only single recipients "
            f"({', '.join(about_one)}): what happened to the others is not known."
        )
        if any(fault.code in ABOUT_ONE_RECIPIENT and not fault.msisdn for fault in evidence.all_failures):
            sentence += " Baton does not recognise at least one of them."
        return _unclear(evidence, about_one[0], sentence, alarm)
    return None


def _awaited(evidence: _Evidence, codes: dict[int, str], dropped: set[int]) -> Interpretation | None:
    """The interpretation while a report, or the result of another attempt, may still come, else None."""
    sentence = "SMSPortal put the file into Errors; its report has not arrived yet."
    has_open_report = "" in codes.values()
    if has_open_report and not any(evidence.is_whole(number) for number in evidence.attempts):
        # The report may show that an interrupted upload was dropped, which allows another attempt; wait for it.
        return Interpretation(ProviderState.UNKNOWN, "errors_waiting", sentence, waits=True)
    unexplained = set(evidence.attempts) - set(codes)
    if has_open_report or (unexplained and len(dropped) < len(codes)):
        return Interpretation(ProviderState.PROCESSING, "errors_waiting", sentence)
    return None


def _decided(evidence: _Evidence, codes: dict[int, str], dropped: set[int], alarm: str) -> Interpretation:
    """The interpretation where every attempt in Errors has its reason."""
    reasons = {
        number: code for number, code in codes.items() if number not in dropped and code != "File.DuplicateFound"
    }
    if reasons:
        code = reasons[max(reasons)]
        # SMSPortal would refuse the next file for the same reason.
        is_account = code == "InsufficientCredits"
        return Interpretation(
            ProviderState.REJECTED, code, WORDS[code], _outcomes(evidence.all_failures), alarm=alarm, account=is_account
        )
    if "File.DuplicateFound" in codes.values():
        return _duplicate(evidence)
    if any(evidence.is_whole(number) for number in dropped):
        sentence = "SMSPortal read the file before its upload had ended, and dropped it."
    else:
        sentence = "The interrupted upload arrived incomplete and SMSPortal dropped it."
    is_all = set(evidence.attempts) <= dropped
    return Interpretation(ProviderState.ABSENT, "File.Corrupt", sentence, dropped=is_all)


def _code_of(evidence: _Evidence, number: int) -> str:
    """Return the one reason for an attempt in Errors: a code, UNKNOWN, or ``""`` while its report may still come.

    A code of ``ABOUT_ONE_RECIPIENT`` means that the wait for a report is over and only single recipients were
    mentioned, with or without their numbers: that says nothing about the file as a whole.
    """
    faults = evidence.failures[number]
    codes = [fault.code for fault in faults if not fault.msisdn and fault.code not in ABOUT_ONE_RECIPIENT]
    for grave in ("InternalServerError", "File.ParseError", UNKNOWN):
        if grave in codes:
            return grave
    if codes:
        # The least telling reason last: that a file is a duplicate or corrupt says nothing about other faults.
        return sorted(codes, key=lambda code: code in ("File.DuplicateFound", "File.Corrupt"))[0]
    if evidence.seen_at - evidence.failed_since[number] < _REPORT_PATIENCE:
        return ""
    return next((fault.code for fault in faults if fault.code in ABOUT_ONE_RECIPIENT), UNKNOWN)


def _duplicate(evidence: _Evidence) -> Interpretation:
    if len(evidence.attempts) <= 1:
        return _unclear(
            evidence,
            "File.DuplicateFound",
            "SMSPortal reports that it has already processed a file with this name, yet Baton handed over only one.",
            "SMSPortal has received a file with this name from somewhere else.",
        )
    return _unclear(
        evidence,
        "File.DuplicateFound",
        "SMSPortal reports that it has already processed a file with this name, yet no attempt is in Processed.",
    )


def _certain(evidence: _Evidence) -> tuple[Outcome, ...]:
    """Return the outcomes that hold whatever happened to the file: these recipients were not texted.

    SMSPortal SFTP: "could not be completed", "will not be sent to this address". Any other code next to a number, such
    as InternalServerError or one that Baton does not know, leaves open whether that number was texted, so it gives no
    outcome.
    """
    return _outcomes([fault for fault in evidence.all_failures if fault.code in ABOUT_ONE_RECIPIENT])


def _unclear(evidence: _Evidence, reason: str, sentence: str, alarm: str = "") -> Interpretation:
    return Interpretation(ProviderState.UNKNOWN, reason, sentence, _certain(evidence), unclear=True, alarm=alarm)


def _report_alarms(evidence: _Evidence) -> list[str]:
    alarms = []
    if evidence.truncated:
        alarms.append("A fault report is longer than Baton reads: some faults may be missing from the results.")
    if evidence.unlisted:
        shown = ", ".join(sorted(set(evidence.unlisted))[:5])
        alarms.append(f"A fault report uses codes that Baton does not know: {shown}.")
    return alarms


def _outcomes(faults: Sequence[Fault]) -> tuple[Outcome, ...]:
    """Return one outcome for each number; a known code takes precedence over UNKNOWN, the first over later ones."""
    best: dict[str, Fault] = {}
    for fault in faults:
        known = best.get(fault.msisdn)
        if fault.msisdn and (known is None or (known.code == UNKNOWN and fault.code != UNKNOWN)):
            best[fault.msisdn] = fault
    return tuple(
        Outcome(
            msisdn=fault.msisdn,
            result=Result.ROW_ERROR,
            code=fault.code,
            sentence=WORDS.get(
                fault.code, f"SMSPortal reports this number with a code that Baton does not know: {fault.raw}"
            ),
            opted_out=fault.code == "MSISDN.Optout",
            source=fault.source,
            line=fault.line,
        )
        for fault in best.values()
    )
