"""What the logs and the folder mean for a batch."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from providers.adapters.clickatell.batch_log import BatchLog
from providers.adapters.clickatell.wire import wire_form
from providers.adapters.clickatell.words import (
    ACCOUNT_ERRORS,
    INTERNAL_ERROR,
    NO_CREDIT,
    OF_ONE_RECIPIENT,
    UNKNOWN,
    WORDS,
)
from providers.base import (
    Attempt,
    Ending,
    Interpretation,
    Observation,
    ObservedFile,
    Payload,
    ProviderState,
)

# The folder is looked through once a minute: what Clickatell does with a broken upload it has done after a few.
_LOG_PATIENCE = timedelta(minutes=3)


def interpret_log(log: BatchLog, is_over: bool) -> Interpretation:
    total, refused = len(log.subject.numbers), len(log.refused)
    counts = f"{log.accepted:,} of {total:,} have a message id and {refused:,} an error"
    internal = any(line.error == INTERNAL_ERROR for line in [*log.refused, *log.nameless_errors])
    alarm = log.alarm()
    is_settled = len(log.ids) + refused >= total or (log.accepted + refused >= total and not log.nameless_errors)
    if is_settled and not internal:
        outcomes = log.outcomes(with_accepted=False)
        sentence = f"Clickatell's log answers for every number: {counts}."
        if any(line.error == NO_CREDIT for line in log.refused):
            # What the credit still paid for was texted; the next file would be refused.
            said = f"{WORDS[NO_CREDIT]} {sentence}"
            return Interpretation(ProviderState.ACCEPTED, NO_CREDIT, said, outcomes, alarm=alarm, account=True)
        return Interpretation(ProviderState.ACCEPTED, "logged", sentence, outcomes, alarm=alarm)
    outcomes = log.outcomes(with_accepted=True)
    codes = sorted({line.error for line in log.nameless_errors})
    if internal:
        sentence = f"{WORDS[INTERNAL_ERROR]} In the log {counts}."
        return Interpretation(ProviderState.UNKNOWN, INTERNAL_ERROR, sentence, outcomes, unclear=True, alarm=alarm)
    whole = [code for code in codes if code not in OF_ONE_RECIPIENT]
    if whole == [UNKNOWN]:
        sentence = f"Clickatell's log has an error that Baton does not know, and it names nobody. In it {counts}."
        return Interpretation(ProviderState.UNKNOWN, UNKNOWN, sentence, outcomes, unclear=True, alarm=alarm)
    if whole and log.accepted:
        sentence = f"The log has an error that names nobody ({', '.join(codes)}), yet {counts}."
        return Interpretation(
            ProviderState.UNKNOWN,
            whole[0],
            sentence,
            outcomes,
            unclear=True,
            alarm=alarm,
            account=whole[0] in ACCOUNT_ERRORS,
        )
    if whole and log.strays:
        sentence = f"The log refuses a file ({', '.join(whole)}), but not surely the last upload of it."
        return Interpretation(ProviderState.UNKNOWN, whole[0], sentence, outcomes, unclear=True, alarm=alarm)
    if whole:
        code = next(code for code in whole if code != UNKNOWN)
        return Interpretation(
            ProviderState.REJECTED, code, WORDS[code], outcomes, alarm=alarm, account=code in ACCOUNT_ERRORS
        )
    if is_over or (codes and log.accepted + refused + len(log.nameless_errors) >= total):
        nobody = f", and {len(log.nameless_errors):,} errors name nobody" if codes else ""
        sentence = f"Clickatell's log does not answer for everybody: {counts}{nobody}."
        return Interpretation(ProviderState.UNKNOWN, "log_incomplete", sentence, outcomes, unclear=True, alarm=alarm)
    sentence = f"Clickatell's log is not complete yet: {counts}."
    return Interpretation(ProviderState.PROCESSING, "log_growing", sentence, outcomes, alarm=alarm)


def interpret_folder(payload: Payload, log: BatchLog, observations: Sequence[Observation]) -> Interpretation:
    """What the uploads themselves say while no log speaks: one that was whole was handed over."""
    by_name = {attempt.name: attempt for attempt in log.attempts.values()}
    seen = [
        (_is_whole(file, payload, by_name[file.name]), observation is observations[-1])
        for observation in observations
        for file in observation.files
        if file.name in by_name
    ]
    if (True, True) in seen:
        return Interpretation(ProviderState.TAKEN, "waiting", "The whole file lies in the folder and waits to be read.")
    if any(is_whole for is_whole, _ in seen):
        return Interpretation(
            ProviderState.TAKEN, "picked_up", "The whole file lay in the folder and has been picked up."
        )
    if any(is_last for _, is_last in seen):
        return Interpretation(
            ProviderState.UNKNOWN,
            "waiting_after_break",
            "A file of this batch lies in the folder, but its size does not show that the whole of it arrived.",
        )
    return Interpretation(ProviderState.ABSENT)


def require_whole_upload(
    interpretation: Interpretation,
    payload: Payload,
    log: BatchLog,
    attempts: Sequence[Attempt],
    observations: Sequence[Observation],
) -> Interpretation:
    """What the log says, or unclear where nothing shows that the upload it answers for arrived whole.

    A log that is still growing is waited for, so that a person decides about everybody that it will ever name.
    """
    if interpretation.account and not _arrival(payload, log, observations)[0]:
        # A login that was cut off says nothing about the login.
        interpretation = replace(interpretation, account=False)
    is_settled = interpretation.state is ProviderState.ACCEPTED
    is_decided = interpretation.unclear and interpretation.reason != "log_incomplete"
    is_whole, has_part = _arrival(payload, log, observations)
    if interpretation.state is ProviderState.REJECTED and not is_whole:
        return replace(interpretation, sentence=f"{_broken_words(has_part)} {interpretation.sentence}")
    if is_decided or interpretation.state is ProviderState.REJECTED or (is_settled and not log.accepted):
        return interpretation
    if is_whole or not (is_settled or _has_stopped_growing(payload, log, attempts, observations)):
        return interpretation
    sentence = f"{_broken_words(has_part)} {_cut_words(payload, log)}"
    reason = "upload_cut" if has_part else "upload_unproven"
    outcomes = log.outcomes(with_accepted=True)
    return Interpretation(ProviderState.UNKNOWN, reason, sentence, outcomes, unclear=True, alarm=log.alarm())


def _arrival(payload: Payload, log: BatchLog, observations: Sequence[Observation]) -> tuple[bool, bool]:
    """Of the uploads that the log answers for: whether one is known to be whole; whether only a part of one was seen.

    A log that names no upload may answer for any.
    """
    answered = [attempt for number, attempt in log.attempts.items() if number in log.known_attempts]
    meant = answered or list(log.attempts.values())
    if any(attempt.ending is Ending.DONE for attempt in meant):
        return True, False
    by_name = {attempt.name: attempt for attempt in meant if attempt.staged.size}
    seen = [(file, by_name[file.name]) for each in observations for file in each.files if file.name in by_name]
    if any(_is_whole(file, payload, attempt) for file, attempt in seen):
        return True, False
    return False, any(file.size < _wire_size(payload, attempt) for file, attempt in seen)


def _has_stopped_growing(
    payload: Payload, log: BatchLog, attempts: Sequence[Attempt], observations: Sequence[Observation]
) -> bool:
    """Whether the log says no more of this batch than it did some minutes ago."""
    before = [each for each in observations if observations[-1].seen_at - each.seen_at >= _LOG_PATIENCE]
    return bool(before) and BatchLog.of(payload, attempts, before).answers == log.answers


def _broken_words(has_part: bool) -> str:
    if has_part:
        return "Only a part of the file arrived, and Clickatell read it."
    return "The upload was interrupted, and nothing shows that the whole file arrived; Clickatell read what did."


def _cut_words(payload: Payload, log: BatchLog) -> str:
    """Whose text may be cut short: in the basic form the one text for all stands last, in the batch form one row."""
    is_batch_form = re.search(rb"^csv:", payload.body, re.MULTILINE) is not None
    whose = "the last" if is_batch_form else "all"
    total, refused = len(log.subject.numbers), len(log.refused)
    counts = f"In its log {log.accepted:,} of {total:,} have a message id and {refused:,} an error"
    others = "" if log.accepted + refused >= total else " Of the others it says nothing."
    return f"{counts}; {whose} of those with an id may have got a text cut short.{others}"


def _wire_size(payload: Payload, attempt: Attempt) -> int:
    return attempt.staged.size + len(wire_form(payload.body, attempt.started_at))


def _is_whole(file: ObservedFile, payload: Payload, attempt: Attempt) -> bool:
    """Whether every byte of an attempt arrived: the server said so, or shows the size that was to be stored."""
    if attempt.ending is Ending.DONE:
        return True
    # An attempt that was restored from the journal does not say what was staged.
    return bool(attempt.staged.size) and file.size == _wire_size(payload, attempt)
