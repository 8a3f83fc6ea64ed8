"""What earlier polls have read of a provider's files, so that what has not changed is not asked for again.

Versions of files that say nothing about a batch, and the sizes and times of files at servers without MLSD, are kept in
the cache. If it is lost, they are read once more. ``reading`` keeps there what a batch's evidence means.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.cache import cache
from redis.exceptions import RedisError

from campaigns import timing
from campaigns.models import Batch
from campaigns.results.evidence import kept_body
from campaigns.timing import Clock
from providers.models import Account
from providers.transports.files import ReadFiles
from providers.transports.ftp import FtpRemote
from providers.transports.ftp_listing import KnownTimes

logger = logging.getLogger(__name__)

# Lines of files that are gone stay in the cache; beyond this many lines it is emptied.
_MOST_LINES = 20_000


class _Digests(set[str]):
    """Versions as short digests, which take less room in the cache."""

    def __contains__(self, version: object) -> bool:
        return super().__contains__(_digest(str(version)))

    def add(self, version: str) -> None:
        super().add(_digest(version))


def recall_files(batch: Batch) -> ReadFiles:
    """Return what earlier polls have read: the files of the last one, and the versions about other batches."""
    bodies = {}
    if last := batch.evidence.order_by("-id").first():
        for seen in last.files:
            if seen["body"] and (version := seen.get("version")):
                bodies[version] = (seen["size"], kept_body(seen["body"]))
    return ReadFiles(bodies, _Digests(recall(_key(batch), [])))


def remember_unrelated(batch: Batch, read: ReadFiles) -> None:
    """Keep the versions that a poll found to be about other batches, until Baton no longer polls for this one."""
    if len(recall(_key(batch), [])) != len(read.unrelated):
        remember(_key(batch), sorted(read.unrelated))


@contextmanager
def known_times(account: Account, remote: Any, clock: Clock) -> Iterator[None]:
    """Let an FTP remote use what earlier polls of the account were told about files, and keep what it is told now."""
    if not isinstance(remote, FtpRemote):
        yield
        return
    key = f"times:{account.pk}"
    times, shown_since = recall(key, ({}, {}))
    known = remote.known_times = KnownTimes(clock, dict(times), dict(shown_since))
    yield
    if len(known.times) + len(known.shown_since) > _MOST_LINES:
        known.times, known.shown_since = {}, {}
    if (known.times, known.shown_since) != (times, shown_since):
        remember(key, (known.times, known.shown_since))


def recall(key: str, otherwise: Any) -> Any:
    """What the cache keeps under ``key``, or ``otherwise`` if it is gone or the cache does not answer."""
    try:
        return cache.get(key, otherwise)
    except (RedisError, OSError):
        logger.warning("The cache does not answer, so nothing that it keeps is used.")
        return otherwise


def remember(key: str, value: Any) -> None:
    """Keep something JSON can store for as long as a batch may be polled after its end, if the cache answers."""
    try:
        cache.set(key, value, timing.POLL_AFTER_END.total_seconds())
    except (RedisError, OSError):
        logger.warning("The cache does not answer, so nothing is kept in it.")


def _key(batch: Batch) -> str:
    return f"read:{batch.stem}"


def _digest(version: str) -> str:
    return hashlib.sha256(version.encode("utf-8", "surrogateescape")).hexdigest()[:16]
