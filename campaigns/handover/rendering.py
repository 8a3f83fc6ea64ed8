"""Recipients become the bytes of a file: in this process, or in another one while this one works on the database."""

import hashlib
import marshal
import multiprocessing
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Self

from campaigns.audience.rows import MSISDN, Row
from campaigns.audience.spec import Composer, composer_of
from campaigns.models import Campaign
from campaigns.naming import derive_key, derive_stem
from contacts.errors import Refusal
from contacts.garbage import rare_garbage_collection
from providers.base import Payload

#: Recipients in a batch. With fewer, starting a process takes as long as what it saves.
WORTH_A_PROCESS = 2_000


@dataclass(frozen=True)
class Rendered:
    """A payload with the numbers of the recipients in it (msisdn) and the parts they cost."""

    payload: Payload
    msisdns: Sequence[str]
    parts: int

    @property
    def rows(self) -> int:
        return len(self.msisdns)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.payload.body).hexdigest()


def render(campaign: Campaign, number: int, generation: int, recipients: Sequence[Row]) -> Rendered:
    """Render the first of ``recipients`` (rows of READ) that fit into one payload: all of them, or half, or half of
    that.

    The same input gives the same bytes on every call; see ``providers.formats`` for what a zip depends on besides.
    Raises Refusal ``too_large`` if one recipient alone does not fit.
    """
    stem, key = _name(campaign, number, generation)
    return _fit(composer_of(campaign), str(campaign.account), stem, key, recipients)


def _name(campaign: Campaign, number: int, generation: int) -> tuple[str, int]:
    stem = derive_stem(campaign.pk, number, generation)
    return stem, derive_key(campaign.account.pk, stem)


def _fit(composer: Composer, account: str, stem: str, key: int, recipients: Sequence[Row]) -> Rendered:
    """See ``render``. Works without a database."""
    spec, adapter = composer.spec, composer.adapter
    messages = composer.compose_all(recipients)
    while True:
        payload = adapter.render(stem, key, spec, messages)
        if len(payload.body) <= adapter.limits.bytes:
            counted = adapter.count_parts(spec, messages.texts)
            return Rendered(payload, messages.msisdns, sum(parts * texts for parts, texts in counted.items()))
        if len(messages) == 1:
            raise Refusal("too_large", f"A single text is larger than {account} accepts in a file.")
        messages = messages[: (len(messages) + 1) // 2]


class RenderingProcess:
    """A process that renders the next batch of a campaign while this one reads and stores recipients.

    It is forked, so it knows the campaign and uses neither the database nor the storage. It ends with this process,
    whose pipe it reads. If it fails or is killed, the batch is rendered here instead.
    """

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        forking = multiprocessing.get_context("fork")
        self._pipe, theirs = forking.Pipe()
        arguments = (theirs, self._pipe, composer_of(campaign), str(campaign.account))
        self._process = forking.Process(target=_serve, args=arguments, daemon=True)
        self._begun: tuple[str, int, Sequence[Row]] = ("", 0, ())

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def begin(self, number: int, recipients: Sequence[Row]) -> None:
        """Begin to render the first generation of a batch. Ask for it before the next one begins."""
        stem, key = _name(self._campaign, number, 1)
        self._begun = stem, key, recipients
        with suppress(OSError):
            self._pipe.send_bytes(marshal.dumps((stem, key, list(recipients))))

    def rendered(self) -> Rendered:
        """The batch that was begun last, see ``render``."""
        stem, key, recipients = self._begun
        with suppress(EOFError, OSError):
            answer: tuple[Payload, int, int] | None = self._pipe.recv()
            if answer:
                payload, rows, parts = answer
                return Rendered(payload, [row[MSISDN] for row in recipients[:rows]], parts)
        return _fit(composer_of(self._campaign), str(self._campaign.account), stem, key, recipients)


def is_worth_a_process(recipients: Sequence[Row]) -> bool:
    """Whether a second process may save time when this is the first full batch of a campaign."""
    return len(recipients) >= WORTH_A_PROCESS and len(os.sched_getaffinity(0)) > 1


def _serve(pipe: Connection, others: Connection, composer: Composer, account: str) -> None:
    # Otherwise this process itself would hold the pipe open, and not notice that the other one has ended.
    others.close()
    with rare_garbage_collection(), suppress(EOFError, OSError):
        while True:
            pipe.send(_answer(composer, account, *marshal.loads(pipe.recv_bytes())))  # noqa: S302  # our own bytes


def _answer(
    composer: Composer, account: str, stem: str, key: int, recipients: Sequence[Row]
) -> tuple[Payload, int, int] | None:
    """The payload with its recipients and parts; None after any error, which the other process meets and reports."""
    try:
        rendered = _fit(composer, account, stem, key, recipients)
    except Exception:
        return None
    return rendered.payload, rendered.rows, rendered.parts
