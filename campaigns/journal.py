"""The intent journal: one fsynced line for each intent, outside the database, so that an older copy of the database
cannot forget what may have been handed over."""

import json
import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from campaigns.models import Batch


def _own_file() -> Path:
    return settings.JOURNAL_DIR / f"intents-{socket.gethostname()}.jsonl"


def _append(line: dict[str, Any]) -> None:
    path = _own_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, (json.dumps(line, separators=(",", ":")) + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def intend(batch: Batch, attempt: int, name: str, now: datetime) -> None:
    """Write, durably, that ``attempt`` of ``batch`` is about to be committed under the remote ``name``."""
    _append(
        {
            "at": now.isoformat(),
            "intent": batch.stem,
            "campaign": batch.campaign_id,
            "account": batch.account_id,
            "attempt": attempt,
            "name": name,
            "sha256": batch.sha256,
        }
    )


def withdraw(batch: Batch, attempt: int, now: datetime) -> None:
    """Write that the intent of ``attempt`` was withdrawn: it is known that nothing arrived."""
    _append({"at": now.isoformat(), "withdrawn": batch.stem, "campaign": batch.campaign_id, "attempt": attempt})


def lines() -> Iterator[dict[str, Any]]:
    """Every line of every host's journal. A last line that a crash cut short is passed over."""
    if not settings.JOURNAL_DIR.is_dir():
        return
    for path in sorted(settings.JOURNAL_DIR.glob("intents-*.jsonl")):
        with path.open() as handle:
            for line in handle:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue
