"""What all answers and reports mean for a batch."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from providers.adapters.bulksms.answers import NO_ANSWER, Answer, batch_ids_of
from providers.adapters.bulksms.reports import Reports, report_alarms, report_outcomes
from providers.adapters.bulksms.wire import ParsedPayload
from providers.adapters.bulksms.words import ACCOUNT_FAILURES, FAILURES, REJECTIONS, SCHEDULED, UNKNOWN
from providers.base import (
    Attempt,
    Interpretation,
    Observation,
    Outcome,
    ProviderState,
)

# How long BulkSMS may take to list a batch in a report before its own word at the hand-over counts alone.
REPORT_PATIENCE = timedelta(minutes=30)


def interpret_refusal(
    batch: ParsedPayload, attempts: Sequence[Attempt], answers: Mapping[int, Answer]
) -> Interpretation:
    """No attempt was answered with 0 or 1. Where no answer can be read either, the guard permits a repeat."""
    if answers and batch.rehearsal:
        answer = next(iter(answers.values()))
        said = f"Rehearsal: BulkSMS said no (status {answer.code}), and nobody was texted."
        return Interpretation(ProviderState.REJECTED, "rehearsal", said)
    fatal = [answer for answer in answers.values() if answer.code not in REJECTIONS]
    if fatal:
        unknown = UNKNOWN, f"BulkSMS answered with status {fatal[0].code}, which Baton does not know."
        return Interpretation(ProviderState.UNKNOWN, *FAILURES.get(fatal[0].code, unknown), unclear=True)
    if not answers:
        return Interpretation(ProviderState.ABSENT)
    word, sentence = FAILURES[next(iter(answers.values())).code]
    if sum(attempt.may_have_arrived for attempt in attempts) > len(answers):
        said = f"{sentence} Another attempt got no answer, and may have been taken."
        return Interpretation(ProviderState.UNKNOWN, word, said, unclear=True)
    return Interpretation(ProviderState.REJECTED, word, sentence)


def rehearsal_outcomes(batch: ParsedPayload) -> Iterator[Outcome]:
    """So that each recipient's own page says what "accepted" was worth."""
    for msisdn in sorted(batch.numbers):
        yield Outcome(msisdn, "accepted", "rehearsal", "Rehearsal: nobody was texted.")


def interpret_acceptance(
    batch: ParsedPayload,
    attempts: Sequence[Attempt],
    answers: Mapping[int, Answer],
    observations: Sequence[Observation],
) -> Interpretation:
    """An attempt was answered with 0 or 1: BulkSMS has the batch, and its reports say the rest."""
    taken_at = min(
        attempt.ended_at or attempt.started_at
        for attempt in attempts
        if answers.get(attempt.number, NO_ANSWER).is_taken
    )
    is_scheduled = any(answer.code == SCHEDULED for answer in answers.values())
    ids = batch_ids_of(attempts)
    reports = Reports.of(batch, observations)
    alarms = list(report_alarms(reports))
    if len(ids) > 1:
        alarms.append("BulkSMS took this batch twice, under different numbers: people may have been texted twice.")
    if batch.start_at and taken_at < batch.start_at and not is_scheduled:
        alarms.append("BulkSMS did not wait for the start: it began with this batch at once.")
    alarm = " ".join(alarms)
    if not ids:
        said = "BulkSMS accepted the batch but gave it no number: no report per recipient can be fetched."
        return Interpretation(ProviderState.ACCEPTED, "no_batch_id", said, alarm=alarm)
    since = max(taken_at, batch.start_at) if batch.start_at else taken_at
    is_late = observations[-1].seen_at - since >= REPORT_PATIENCE
    return _reported(batch, reports, is_scheduled, is_late, alarm)


def _reported(batch: ParsedPayload, reports: Reports, is_scheduled: bool, is_late: bool, alarm: str) -> Interpretation:
    """What a taken batch stands at by its reports; ``is_late`` when they have been waited for long enough."""
    if not reports.latest:
        return _without_report(batch, reports, is_scheduled, is_late, alarm)
    outcomes = tuple(report_outcomes(reports))
    if len(reports.latest) + len(reports.missing) < len(batch.numbers) and not is_late:
        said = "BulkSMS accepted the batch; its report does not name everybody yet."
        return Interpretation(ProviderState.PROCESSING, "report_filling", said, outcomes, alarm=alarm)
    refused = next((code for code in ACCOUNT_FAILURES if str(code) in {outcome.code for outcome in outcomes}), None)
    if refused:
        # Every batch after this one would meet the same.
        said = f"BulkSMS accepted the batch and refused messages in it. {FAILURES[refused][1]}"
        return Interpretation(ProviderState.ACCEPTED, FAILURES[refused][0], said, outcomes, alarm=alarm, account=True)
    return Interpretation(ProviderState.ACCEPTED, "reported", "BulkSMS accepted the batch.", outcomes, alarm=alarm)


def _without_report(
    batch: ParsedPayload, reports: Reports, is_scheduled: bool, is_late: bool, alarm: str
) -> Interpretation:
    if reports.foreign:
        said = "BulkSMS's report of this batch names only numbers that are not in it: what it took is not known."
        return Interpretation(ProviderState.UNKNOWN, "report_of_others", said, unclear=True, alarm=alarm)
    if not is_late:
        if is_scheduled:
            said = "BulkSMS scheduled the batch; it gives a report after the start."
            return Interpretation(ProviderState.TAKEN, "scheduled", said, alarm=alarm)
        return Interpretation(
            ProviderState.TAKEN, "in_progress", "BulkSMS took the batch; its report is awaited.", alarm=alarm
        )
    if reports.has_any and batch.wants_reports:
        said = "BulkSMS took the batch, but its report names nobody in it: it may have dropped every line."
        return Interpretation(ProviderState.UNKNOWN, "report_empty", said, unclear=True, alarm=alarm)
    said = "BulkSMS accepted the batch but gives no report per recipient; whether texts arrived is not known."
    return Interpretation(ProviderState.ACCEPTED, "no_report", said, alarm=alarm)
