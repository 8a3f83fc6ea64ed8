"""A provider's log that a person uploads to say which recipients of an unclear batch were texted."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.models import Batch, Recipient
from campaigns.results.evidence import keep_observation
from campaigns.results.settle import write_outcomes
from contacts.errors import Refusal
from providers import reports
from providers.base import Observation, ObservedFile, Outcome, Result

_NUMBER = re.compile(r"(?<!\d)(?:\+|00)?(\d{7,15})(?!\d)")
#: Words next to a number that mean it was not texted.
_FAILED = re.compile(r"\b(err(or)?|fail\w*|invalid|refus\w*|reject\w*|undeliver\w*)\b", re.IGNORECASE)


@dataclass(frozen=True)
class UploadedLog:
    """A provider's log that a person uploaded. The numbers it lists were texted."""

    name: str
    body: bytes


def accept_named(batch: Batch, user: Any, log: UploadedLog | None, now: datetime, *, everybody: str) -> None:
    """Keep the log as evidence, and store an acceptance for each recipient of the batch that it lists.

    ``everybody`` is the decision to choose instead when it lists all of them. ``now`` is UTC. Raises Refusal for a log
    that lists nobody, everybody, or a recipient next to a word for a failure.
    """
    if log is None or not log.body:
        raise Refusal(
            "no_log", "Choose the provider's log: the numbers it lists were texted. After logging in, choose it again."
        )
    left = set(Recipient.objects.open_in_batch(batch).values_list("msisdn", flat=True))
    named: dict[str, int] = {}
    for piece in reports.pieces(log.body):
        found = left.intersection(_NUMBER.findall(piece.number_words))
        if found and (piece.is_fault or _FAILED.search(piece.words)):
            where = f"Line {piece.line} of {log.name}" if piece.line else log.name
            raise Refusal(
                "log_names_failures",
                f"{where} lists recipients of {batch.name} next to a word for a failure. Choose a log that lists only "
                "those who were texted.",
            )
        named |= dict.fromkeys(found, piece.line)
    if not named:
        raise Refusal("log_names_nobody", _why_nobody(batch, log, len(left)))
    if len(named) == len(left):
        raise Refusal("log_names_all", f"{log.name} lists all of {batch.name}: choose “{everybody}”.")
    seen = ObservedFile("uploaded", log.name, len(log.body), None, log.body, f"uploaded by {user}")
    keep_observation(batch, Observation(now, (f"uploaded by {user}",), (seen,)))
    words = "The provider's log lists this number."
    outcomes = [
        Outcome(msisdn, Result.ACCEPTED, "uploaded_log", words, False, log.name, at) for msisdn, at in named.items()
    ]
    write_outcomes(batch, outcomes)


def _why_nobody(batch: Batch, log: UploadedLog, left: int) -> str:
    everybody = set(Recipient.objects.of_batch(batch).values_list("msisdn", flat=True))
    numbers = {number for piece in reports.pieces(log.body) for number in _NUMBER.findall(piece.number_words)}
    if known := len(everybody & numbers):
        return (
            f"Baton already knows what {log.name} says: it lists {known:,} of {batch.name} that are settled, "
            f"and none of the {left:,} that remain."
        )
    return f"{log.name} lists no recipient of {batch.name}, so it does not show who was texted."
