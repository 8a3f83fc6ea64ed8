"""What the logs and the folder mean for a batch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from providers.adapters.clickatell.batch_log import BatchLog
from providers.adapters.clickatell.wire import wire_form
from providers.adapters.clickatell.words import (
    ACCOUNT_ERRORS,
    INTERNAL_ERROR,
    NO_CREDIT,
    OF_ONE_RECIPIENT,
    TRUNCATED,
    UNKNOWN,
    UNTRUE_OF_A_WHOLE_FILE,
    UNTRUE_OF_A_WHOLE_TEXT,
    WORDS,
    WORDS_TRUNCATED,
)
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

# Clickatell scans the folder once a minute, so it has finished with a broken upload after a few minutes.
LOG_PATIENCE = timedelta(minutes=3)


def interpret_log(log: BatchLog, is_over: bool) -> Interpretation:
    """Interpret the logs of a batch; ``is_over`` is true once it is too late for further lines."""
    total, refused = len(log.names.numbers), len(log.refused)
    counts = f"{log.accepted:,} of {total:,} have a message id and {refused:,} an error"
    internal = any(line.error == INTERNAL_ERROR for line in [*log.refused, *log.nameless_errors])
    alarm = log.alarm()
    is_settled = len(log.ids) + refused >= total or (log.accepted + refused >= total and not log.nameless_errors)
    if is_settled and not internal:
        outcomes = log.outcomes(with_accepted=False)
        sentence = f"Clickatell's log answers for every number: {counts}."
        if any(line.error == NO_CREDIT for line in log.refused):
            # Messages were texted until the credit was used up; the next file would be refused.
            sentence = f"{WORDS[NO_CREDIT]} {sentence}"
            return Interpretation(ProviderState.ACCEPTED, NO_CREDIT, sentence, outcomes, alarm=alarm, account=True)
        return Interpretation(ProviderState.ACCEPTED, "logged", sentence, outcomes, alarm=alarm)
    outcomes = log.outcomes(with_accepted=True)
    codes = sorted({line.error for line in log.nameless_errors})
    if internal:
        sentence = f"{WORDS[INTERNAL_ERROR]} In the log {counts}."
        return Interpretation(ProviderState.UNKNOWN, INTERNAL_ERROR, sentence, outcomes, unclear=True, alarm=alarm)
    if whole := [code for code in codes if code not in OF_ONE_RECIPIENT]:
        return _interpret_file_errors(log, whole, counts)
    if is_over or (codes and log.accepted + refused + len(log.nameless_errors) >= total):
        without_number = f", and {len(log.nameless_errors):,} errors have no number" if codes else ""
        sentence = f"Clickatell's log does not answer for every number: {counts}{without_number}."
        return Interpretation(ProviderState.UNKNOWN, "log_incomplete", sentence, outcomes, unclear=True, alarm=alarm)
    sentence = f"Clickatell's log is not complete yet: {counts}."
    return Interpretation(ProviderState.PROCESSING, "log_growing", sentence, outcomes, alarm=alarm)


def _interpret_file_errors(log: BatchLog, whole: Sequence[str], counts: str) -> Interpretation:
    """Interpret errors without a number; ``whole`` holds those of their codes that concern the whole file."""
    outcomes, alarm = log.outcomes(with_accepted=True), log.alarm()
    if whole == [UNKNOWN]:
        sentence = f"Clickatell's log has an unknown error without a number. In the log {counts}."
        return Interpretation(ProviderState.UNKNOWN, UNKNOWN, sentence, outcomes, unclear=True, alarm=alarm)
    if log.accepted:
        codes = sorted({line.error for line in log.nameless_errors})
        sentence = f"The log has an error without a number ({', '.join(codes)}), yet {counts}."
        return Interpretation(
            ProviderState.UNKNOWN,
            whole[0],
            sentence,
            outcomes,
            unclear=True,
            alarm=alarm,
            account=whole[0] in ACCOUNT_ERRORS,
        )
    if log.strays or (log.not_arrived and any(not line.upload for line in log.nameless_errors)):
        sentence = f"The log refuses a file ({', '.join(whole)}), but possibly not its last upload."
        return Interpretation(ProviderState.UNKNOWN, whole[0], sentence, outcomes, unclear=True, alarm=alarm)
    code = next(code for code in whole if code != UNKNOWN)
    return Interpretation(
        ProviderState.REJECTED, code, WORDS[code], outcomes, alarm=alarm, account=code in ACCOUNT_ERRORS
    )


@dataclass(frozen=True)
class History:
    """What the observations of a batch show beside the content of its logs.

    ``uploads`` are the name and size of every file with the name of an attempt that was ever seen. ``answers_before``
    is how many answers the logs had ``LOG_PATIENCE`` before the last poll, None if no poll is so old.
    ``was_logged_before_the_end``: see ``was_logged_before_the_end``.
    """

    last: Observation
    uploads: frozenset[tuple[str, int]]
    answers_before: int | None
    was_logged_before_the_end: bool

    @classmethod
    def of(cls, payload: Payload, attempts: Sequence[Attempt], observations: Sequence[Observation]) -> "History":
        names = {attempt.name for attempt in attempts}
        last = observations[-1]
        before = [each for each in observations if last.seen_at - each.seen_at >= LOG_PATIENCE]
        return cls(
            last,
            frozenset((file.name, file.size) for each in observations for file in each.files if file.name in names),
            BatchLog.of(payload, attempts, before).answers if before else None,
            any(was_logged_before_the_end(payload, attempts, each) for each in observations),
        )


def interpret(payload: Payload, log: BatchLog, history: History, give_up_after: timedelta) -> Interpretation:
    """Interpret the logs and the folder; see ``Adapter.interpret``."""
    if log.has_answers:
        silent_for = history.last.seen_at - log.since
        interpretation = interpret_log(log, silent_for >= give_up_after)
        interpretation = require_whole_upload(interpretation, payload, log, history)
    else:
        interpretation = interpret_folder(payload, log, history)
    return replace(interpretation, note=log.note())


def interpret_folder(payload: Payload, log: BatchLog, history: History) -> Interpretation:
    """Interpret the uploads in the folder while there is no log: a whole one was handed over."""
    by_name = {attempt.name: attempt for attempt in log.attempts.values()}
    last = [_is_whole(file.size, payload, by_name[file.name]) for file in history.last.files if file.name in by_name]
    if any(last):
        return Interpretation(ProviderState.TAKEN, "waiting", "The whole file is in the folder and waits to be read.")
    if any(_is_whole(size, payload, by_name[name]) for name, size in history.uploads if name in by_name):
        return Interpretation(
            ProviderState.TAKEN, "picked_up", "The whole file was in the folder and has been picked up."
        )
    if last:
        return Interpretation(
            ProviderState.UNKNOWN,
            "waiting_after_break",
            "A file of this batch is in the folder, but its size does not show that all of it arrived.",
        )
    return Interpretation(ProviderState.ABSENT)


def require_whole_upload(
    interpretation: Interpretation,
    payload: Payload,
    log: BatchLog,
    history: History,
) -> Interpretation:
    """Return the log's interpretation, or unclear if the upload it answers for is not known to have arrived whole.

    While the log is still growing Baton waits, so that a person decides about all the numbers it will name.
    """
    if interpretation.account and not _arrival(payload, log, history)[0]:
        # A login that was cut off says nothing about the account.
        interpretation = replace(interpretation, account=False)
    is_settled = interpretation.state is ProviderState.ACCEPTED
    is_decided = interpretation.unclear and interpretation.reason != "log_incomplete"
    is_whole, has_part = _arrival(payload, log, history)
    if interpretation.state is ProviderState.REJECTED and not is_whole:
        return replace(interpretation, sentence=f"{_interruption_sentence(has_part)} {interpretation.sentence}")
    if is_whole and not log.accepted and (untrue := _untrue_errors(interpretation, log)):
        return _refused_while_uploading(log, untrue)
    if is_decided or interpretation.state is ProviderState.REJECTED or (is_settled and not log.accepted):
        return interpretation
    if not (is_settled or history.answers_before == log.answers):
        return interpretation
    if is_whole:
        if is_settled and history.was_logged_before_the_end:
            fact = "but Clickatell's log is older than the end of its upload"
            return _read_while_uploading(interpretation, payload, log, fact)
        if not is_settled and not log.nameless_errors:
            minutes = int(LOG_PATIENCE.total_seconds() // 60)
            fact = f"but Clickatell's log has not grown for {minutes} minutes and does not name everybody"
            return _read_while_uploading(interpretation, payload, log, fact)
        return interpretation
    sentence = f"{_interruption_sentence(has_part)} {_truncation_sentence(payload, log)}"
    reason = "upload_cut" if has_part else "upload_unproven"
    outcomes = _outcomes_of_a_part(payload, log)
    return Interpretation(ProviderState.UNKNOWN, reason, sentence, outcomes, unclear=True, alarm=log.alarm())


def _read_while_uploading(interpretation: Interpretation, payload: Payload, log: BatchLog, fact: str) -> Interpretation:
    """Interpret a log that shows by ``fact`` that only a part was read, although the whole file arrived.

    assumption: Clickatell reads a file that is in the folder at its scan whether or not it is complete, and only once.
    """
    sentence = (
        f"The whole file arrived, {fact}: Clickatell may have read the file while it was still being uploaded. "
        + _truncation_sentence(payload, log)
    )
    return Interpretation(
        ProviderState.UNKNOWN,
        "log_incomplete" if interpretation.reason == "log_incomplete" else "read_while_uploading",
        sentence,
        _outcomes_of_a_part(payload, log),
        unclear=True,
        alarm=log.alarm(),
        account=interpretation.account,
    )


def was_logged_before_the_end(payload: Payload, attempts: Sequence[Attempt], observation: Observation) -> bool:
    """Return whether the folder showed all logs of this batch, with ids in them, as older than its only upload.

    assumption: one clock gives both files the time of their last change, so it need not be right. A log that was
    written to again, or in the same second, does not show it. Nor does one that was written to after it was listed: its
    content is then longer than its size.
    """
    is_older = _is_older_than_the_upload(attempts, observation)
    return is_older and BatchLog.of(payload, attempts, [observation]).accepted > 0


def _is_older_than_the_upload(attempts: Sequence[Attempt], observation: Observation) -> bool:
    names = {attempt.name for attempt in attempts if attempt.may_have_arrived}
    ended = [file.modified_at for file in observation.files if file.name in names and file.modified_at]
    return len(names) == len(ended) == 1 and all(
        file.modified_at and file.modified_at < ended[0] and file.size == len(file.body)
        for file in observation.files
        if file.body is not None
    )


def _untrue_errors(interpretation: Interpretation, log: BatchLog) -> set[str]:
    """Return the codes of the log's errors if none of them can be true of the whole file, else nothing."""
    nameless, refused = ({line.error for line in lines} for lines in (log.nameless_errors, log.refused))
    if interpretation.state is ProviderState.REJECTED:
        return nameless | refused if nameless | refused <= UNTRUE_OF_A_WHOLE_FILE else set()
    is_settled = interpretation.state is ProviderState.ACCEPTED
    return refused if is_settled and refused <= UNTRUE_OF_A_WHOLE_TEXT else set()


def _refused_while_uploading(log: BatchLog, codes: set[str]) -> Interpretation:
    """Interpret a log that gives nobody an id because of errors that cannot be true of the whole file.

    There are no outcomes, because nobody's own message was refused. The whole file lies in the folder, so a person
    decides: if Clickatell reads it again, everybody is texted.
    """
    errors = " ".join(f"{WORDS[code]} ({code})" for code in sorted(codes))
    sentence = (
        f"The whole file arrived, but Clickatell's log has an error that is not true of it: {errors} Clickatell may "
        "have read the file while it was still being uploaded. In its log nobody has a message id."
    )
    return Interpretation(ProviderState.UNKNOWN, "read_while_uploading", sentence, unclear=True, alarm=log.alarm())


def _outcomes_of_a_part(payload: Payload, log: BatchLog) -> tuple[Outcome, ...]:
    """Return the outcomes if only a part of the file was read. A possibly truncated text has a code of its own."""
    truncated = _possibly_truncated(payload, log)
    return tuple(
        replace(outcome, code=TRUNCATED, sentence=WORDS_TRUNCATED)
        if outcome.msisdn in truncated and outcome.result == Result.ACCEPTED
        else outcome
        for outcome in log.outcomes(with_accepted=True)
    )


def _possibly_truncated(payload: Payload, log: BatchLog) -> set[str]:
    """Return the numbers whose text may be cut short: all with an id in the basic form, the last in the batch form."""
    if not _is_batch_form(payload):
        return set(log.ids)
    places = {msisdn: max((line.source, line.number) for line in lines) for msisdn, lines in log.ids.items()}
    return {max(places, key=lambda msisdn: places[msisdn])} if places else set()


def _is_batch_form(payload: Payload) -> bool:
    return re.search(rb"^csv:", payload.body, re.MULTILINE) is not None


def _arrival(payload: Payload, log: BatchLog, history: History) -> tuple[bool, bool]:
    """Return whether one of the uploads in the log is known to be whole, and whether only a part of one was seen.

    A log that names no upload may be about any of them.
    """
    answered = [attempt for number, attempt in log.attempts.items() if number in log.known_attempts]
    meant = answered or list(log.attempts.values())
    if any(attempt.ending is Ending.DONE for attempt in meant):
        return True, False
    by_name = {attempt.name: attempt for attempt in meant if attempt.staged.size}
    seen = [(size, by_name[name]) for name, size in history.uploads if name in by_name]
    if any(_is_whole(size, payload, attempt) for size, attempt in seen):
        return True, False
    return False, any(size < _wire_size(payload, attempt) for size, attempt in seen)


def _interruption_sentence(has_part: bool) -> str:
    if has_part:
        return "Only a part of the file arrived, and Clickatell read it."
    return "The upload was interrupted, and nothing shows that the whole file arrived. Clickatell read what did."


def _truncation_sentence(payload: Payload, log: BatchLog) -> str:
    """Say whose text may be cut short: everybody's in the basic form, the last row's in the batch form."""
    total, refused = len(log.names.numbers), len(log.refused)
    counts = f"In its log {log.accepted:,} of {total:,} have a message id and {refused:,} an error"
    others = "" if log.accepted + refused >= total else " It says nothing about the others."
    if not _is_batch_form(payload):
        return f"{counts}; all of those with an id may have received a truncated text.{others}"
    apart = f" The other {log.accepted - 1:,} received all of theirs." if log.accepted > 1 else ""
    # The number is the first value of a row, and the text stands above the rows.
    number = " If the file broke off inside a number, Clickatell may have texted the part of it that had arrived."
    return f"{counts}; the last of those with an id may have received a truncated text.{apart}{others}{number}"


def _wire_size(payload: Payload, attempt: Attempt) -> int:
    return attempt.staged.size + len(wire_form(payload.body, attempt.started_at))


def _is_whole(size: int, payload: Payload, attempt: Attempt) -> bool:
    """Return whether all of an attempt arrived: the server confirmed it, or its file has the expected size."""
    if attempt.ending is Ending.DONE:
        return True
    # An attempt that was restored from the journal does not record what was staged.
    return bool(attempt.staged.size) and size == _wire_size(payload, attempt)
