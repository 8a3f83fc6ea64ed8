"""Whatever instant the sandbox dies at, no message is lost from its ledger and none is in it twice."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger, read_ledger
from providers.sandbox.server import Sandbox
from providers.sandbox.smsportal import FAULTS, Gateway
from tests.providers.sandbox.conftest import Client, contact, names_in, until, wire, zipped

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class PowerCut(Exception):
    pass


def _dying(real: Callable[..., Any], left: list[int]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if left[0] == 0:
            raise PowerCut
        left[0] -= 1
        return real(*args, **kwargs)

    return call


def _gateway(folder: Path) -> Gateway:
    return Gateway(folder / "demo", "demo", Ledger(folder / "ledger.jsonl"), Faults(FAULTS), lambda path: False, 100)


@pytest.mark.parametrize("is_processed", [True, False])
def test_it_finishes_what_it_began_after_dying_at_any_step(
    is_processed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts = [contact("27825550100"), contact("27825550101"), contact("27825599901")]
    body = zipped("a.json", wire(contacts) if is_processed else wire(contacts, max_errors=0))
    deaths = 0
    for step in range(100):
        folder = tmp_path / str(step)
        folder.mkdir()
        gateway = _gateway(folder)
        (gateway.home / "Send_SMS" / "a.zip").write_bytes(body)
        with monkeypatch.context() as patched:
            left = [step]
            patched.setattr(os, "fsync", _dying(os.fsync, left))
            patched.setattr(Path, "replace", _dying(Path.replace, left))
            patched.setattr(Path, "unlink", _dying(Path.unlink, left))
            try:
                gateway.look(NOW)
                died = False
            except PowerCut:
                died = True
        again = _gateway(folder)
        again.look(NOW)

        home, done = folder / "demo" / "home", "Processed" if is_processed else "Errors"
        assert names_in(home / "Send_SMS") == set(), step
        assert names_in(home / done) == {"a.zip", "a.zip.report.json"}, step
        numbers = [line["msisdn"] for line in read_ledger(folder / "ledger.jsonl")]
        assert numbers == (["27825550100", "27825550101"] if is_processed else []), step
        assert again.state()["credit"] == (98 if is_processed else 100), step
        deaths += died
        if not died:
            break
    assert deaths > 10
    assert not died


def test_it_survives_kill_9_under_load(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, every=0.01)
    sandbox.start()
    client = Client(sandbox)
    wanted = set()
    for number in range(30):
        msisdn = f"2782555{number:04}"
        client.upload(f"{number}.zip", zipped(f"{number}.json", wire([contact(msisdn)])))
        wanted.add(msisdn)
    client.close()
    sandbox.kill()
    with sandbox:
        until(lambda: not names_in(sandbox.home() / "Send_SMS"))
        until(lambda: len(sandbox.messages()) >= len(wanted))
    numbers = [message["msisdn"] for message in sandbox.messages()]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == wanted
