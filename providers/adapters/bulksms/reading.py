"""What all answers and reports mean for a batch."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from providers.adapters.bulksms.answers import NO_ANSWER, Answer, answers_by_attempt, batch_ids_of
from providers.adapters.bulksms.reports import Reports, report_alarms, report_outcomes
from providers.adapters.bulksms.wire import ParsedPayload
from providers.adapters.bulksms.words import ACCOUNT_FAILURES, FAILURES, REJECTIONS, SCHEDULED, UNKNOWN
from providers.base import Attempt, Interpretation, Observation, Outcome, Payload, ProviderState, Result

# How long to wait for a report before BulkSMS's answer to the hand-over counts alone.
REPORT_PATIENCE = timedelta(minutes=30)


class Reader:
    """Reads each report once; see ``providers.base.Reader``."""

    def __init__(self, payload: Payload, attempts: Sequence[Attempt], state: Any = None) -> None:
        self.batch = ParsedPayload.of(payload.body)
        self.attempts = attempts
        self.answers = answers_by_attempt(attempts)
        self.is_taken = any(answer.is_taken for answer in self.answers.values())
        self.reports = Reports.of_state(state) if state else Reports()
        self.seen_at = datetime.min

    def add(self, observation: Observation) -> bool:
        self.seen_at = observation.seen_at
        if self.is_taken and not self.batch.rehearsal:
            self.reports.add(self.batch, observation)
        return True

    def interpret(self) -> Interpretation:
        if not self.is_taken:
            return interpret_refusal(self.batch, self.attempts, self.answers)
        if self.batch.rehearsal:
            sentence = "Rehearsal: BulkSMS checked the file and nobody was texted."
            outcomes = tuple(rehearsal_outcomes(self.batch))
            return Interpretation(ProviderState.ACCEPTED, "rehearsal", sentence, outcomes)
        return interpret_acceptance(self.batch, self.attempts, self.answers, self.reports, self.seen_at)

    def state(self) -> Any:
        return self.reports.state()


def interpret_refusal(
    batch: ParsedPayload, attempts: Sequence[Attempt], answers: Mapping[int, Answer]
) -> Interpretation:
    """Interpret a batch none of whose attempts was answered with 0 or 1.

    If there is no readable answer at all, the guard permits a repeat.
    """
    if answers and batch.rehearsal:
        answer = next(iter(answers.values()))
        sentence = f"Rehearsal: BulkSMS rejected the batch (status {answer.code}), and nobody was texted."
        return Interpretation(ProviderState.REJECTED, "rehearsal", sentence)
    fatal = [answer for answer in answers.values() if answer.code not in REJECTIONS]
    if fatal:
        unknown = UNKNOWN, f"BulkSMS answered with the unknown status {fatal[0].code}."
        return Interpretation(ProviderState.UNKNOWN, *FAILURES.get(fatal[0].code, unknown), unclear=True)
    if not answers:
        return Interpretation(ProviderState.ABSENT)
    word, sentence = FAILURES[next(iter(answers.values())).code]
    if sum(attempt.may_have_arrived for attempt in attempts) > len(answers):
        sentence = f"{sentence} Another attempt got no answer and may have been accepted."
        return Interpretation(ProviderState.UNKNOWN, word, sentence, unclear=True)
    return Interpretation(ProviderState.REJECTED, word, sentence)


def rehearsal_outcomes(batch: ParsedPayload) -> Iterator[Outcome]:
    """Yield an outcome for each recipient, whose page then says that it was only a rehearsal."""
    for msisdn in sorted(batch.numbers):
        yield Outcome(msisdn, Result.ACCEPTED, "rehearsal", "Rehearsal: nobody was texted.")


def interpret_acceptance(
    batch: ParsedPayload,
    attempts: Sequence[Attempt],
    answers: Mapping[int, Answer],
    reports: Reports,
    now: datetime,
) -> Interpretation:
    """Interpret the reports of a batch of which an attempt was answered with 0 or 1: BulkSMS has it.

    ``now`` is the time of the last poll, in UTC.
    """
    taken_at = min(
        attempt.ended_at or attempt.started_at
        for attempt in attempts
        if answers.get(attempt.number, NO_ANSWER).is_taken
    )
    is_scheduled = any(answer.code == SCHEDULED for answer in answers.values())
    ids = batch_ids_of(attempts)
    alarms = list(report_alarms(reports))
    if len(ids) > 1:
        alarms.append("BulkSMS accepted this batch twice, under different ids: people may have been texted twice.")
    if batch.start_at and taken_at < batch.start_at and not is_scheduled:
        alarms.append("BulkSMS did not wait for the start: it processed this batch at once.")
    alarm = " ".join(alarms)
    if not ids:
        sentence = "BulkSMS accepted the batch without a batch id, so no report per recipient can be fetched."
        return Interpretation(ProviderState.ACCEPTED, "no_batch_id", sentence, alarm=alarm)
    since = max(taken_at, batch.start_at) if batch.start_at else taken_at
    is_late = now - since >= REPORT_PATIENCE
    return _reported(batch, reports, is_scheduled, is_late, alarm)


def _reported(batch: ParsedPayload, reports: Reports, is_scheduled: bool, is_late: bool, alarm: str) -> Interpretation:
    """Interpret the reports of a batch that BulkSMS has; ``is_late`` is true after ``REPORT_PATIENCE``."""
    if not reports.latest:
        return _without_report(batch, reports, is_scheduled, is_late, alarm)
    outcomes = tuple(report_outcomes(reports))
    if len(reports.latest) + len(reports.missing) < len(batch.numbers) and not is_late:
        sentence = "BulkSMS accepted the batch; its report does not list every recipient yet."
        return Interpretation(ProviderState.PROCESSING, "report_filling", sentence, outcomes, alarm=alarm)
    refused = next((code for code in ACCOUNT_FAILURES if str(code) in {outcome.code for outcome in outcomes}), None)
    if refused:
        # Every later batch would fail in the same way.
        sentence = f"BulkSMS accepted the batch and refused messages in it. {FAILURES[refused][1]}"
        return Interpretation(
            ProviderState.ACCEPTED, FAILURES[refused][0], sentence, outcomes, alarm=alarm, account=True
        )
    return Interpretation(ProviderState.ACCEPTED, "reported", "BulkSMS accepted the batch.", outcomes, alarm=alarm)


def _without_report(
    batch: ParsedPayload, reports: Reports, is_scheduled: bool, is_late: bool, alarm: str
) -> Interpretation:
    if reports.foreign:
        sentence = "BulkSMS's report lists only numbers that are not in this batch, so what it accepted is not known."
        return Interpretation(ProviderState.UNKNOWN, "report_of_others", sentence, unclear=True, alarm=alarm)
    if not is_late:
        if is_scheduled:
            sentence = "BulkSMS scheduled the batch; its report is available after the start."
            return Interpretation(ProviderState.TAKEN, "scheduled", sentence, alarm=alarm)
        return Interpretation(
            ProviderState.TAKEN, "in_progress", "BulkSMS has the batch; Baton is waiting for its report.", alarm=alarm
        )
    if reports.has_any and batch.wants_reports:
        sentence = "BulkSMS has the batch, but its report lists no recipient of it: it may have dropped every line."
        return Interpretation(ProviderState.UNKNOWN, "report_empty", sentence, unclear=True, alarm=alarm)
    sentence = "BulkSMS accepted the batch but gives no report per recipient, so whether texts arrived is not known."
    return Interpretation(ProviderState.ACCEPTED, "no_report", sentence, alarm=alarm)
