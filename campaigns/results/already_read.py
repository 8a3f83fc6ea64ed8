"""What earlier polls have read of a provider's files, so that what has not changed is not asked for again.

Versions of files that say nothing about a batch, and the sizes and times of files at servers without MLSD, are kept in
the cache. If it is lost, they are read once more.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.core.cache import cache
from redis.exceptions import RedisError

from campaigns import timing
from campaigns.models import Batch
from campaigns.results.evidence import kept_body
from providers.models import Account
from providers.transports.files import ReadFiles, version_of
from providers.transports.ftp import FtpRemote

logger = logging.getLogger(__name__)

# Lines of files that are gone stay in the cache; beyond this many it starts anew.
_MOST_LINES = 20_000


class _Digests(set[str]):
    """Versions as short digests: a provider's file names need not be in the cache."""

    def __contains__(self, version: object) -> bool:
        return super().__contains__(_digest(str(version)))

    def add(self, version: str) -> None:
        super().add(_digest(version))


def recall_files(batch: Batch) -> ReadFiles:
    """Return what earlier polls have read: the logs of the last one, and the versions about other batches."""
    bodies = {}
    if last := batch.evidence.order_by("-id").first():
        for seen in last.files:
            modified_at = datetime.fromisoformat(seen["modified_at"]) if seen["modified_at"] else None
            if seen["body"] and (version := version_of(seen["name"], seen["size"], modified_at)):
                bodies[version] = kept_body(seen["body"])
    return ReadFiles(bodies, _Digests(_get(_key(batch), [])))


def remember_unrelated(batch: Batch, read: ReadFiles) -> None:
    """Keep the versions that a poll found to be about other batches, until Baton no longer polls for this one."""
    if len(_get(_key(batch), [])) != len(read.unrelated):
        _set(_key(batch), sorted(read.unrelated))


@contextmanager
def known_lines(account: Account, remote: Any) -> Iterator[None]:
    """Let an FTP remote use what earlier polls of the account were told about files, and keep what it is told now."""
    if not isinstance(remote, FtpRemote):
        yield
        return
    key = f"lines:{account.pk}"
    before = _get(key, {})
    known = {line: datetime.fromisoformat(at) if at else None for line, at in before.items()}
    remote.known_lines = known
    yield
    if len(known) > _MOST_LINES:
        known = {}
    if len(known) != len(before):
        _set(key, {line: at.isoformat() if at else "" for line, at in known.items()})


def _get(key: str, otherwise: Any) -> Any:
    try:
        return cache.get(key, otherwise)
    except (RedisError, OSError):
        logger.warning("The cache does not answer, so files are read again.")
        return otherwise


def _set(key: str, value: Any) -> None:
    try:
        cache.set(key, value, timing.POLL_AFTER_END.total_seconds())
    except (RedisError, OSError):
        logger.warning("The cache does not answer, so files will be read again.")


def _key(batch: Batch) -> str:
    return f"read:{batch.stem}"


def _digest(version: str) -> str:
    return hashlib.sha256(version.encode("utf-8", "surrogateescape")).hexdigest()[:16]
