"""At whatever instant the sandbox dies, its ledger loses no message and contains none twice."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger, read_ledger
from providers.sandbox.server import Sandbox
from providers.sandbox.smsportal import Site
from providers.sandbox.smsportal.gateway import Gateway
from tests.providers.sandbox.conftest import Client, contact, names_in, until, wire, zipped
from tests.providers.sandbox.power import power_cuts

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _gateway(folder: Path) -> Gateway:
    return Gateway(
        folder / "demo", "demo", Ledger(folder / "ledger.jsonl"), Faults(Site.faults()), lambda path: False, 100
    )


@pytest.mark.parametrize("is_processed", [True, False])
def test_it_finishes_what_it_began_after_dying_at_any_step(is_processed: bool, tmp_path: Path) -> None:
    contacts = [contact("27825550100"), contact("27825550101"), contact("27825599901")]
    body = zipped("a.json", wire(contacts) if is_processed else wire(contacts, max_errors=0))
    for folder, power_cut in power_cuts(tmp_path):
        gateway = _gateway(folder)
        (gateway.home / "Send_SMS" / "a.zip").write_bytes(body)
        with power_cut:
            gateway.scan(NOW)
        again = _gateway(folder)
        again.scan(NOW)

        home, done = folder / "demo" / "home", "Processed" if is_processed else "Errors"
        assert names_in(home / "Send_SMS") == set(), folder.name
        assert names_in(home / done) == {"a.zip", "a.zip.report.json"}, folder.name
        numbers = [line["msisdn"] for line in read_ledger(folder / "ledger.jsonl")]
        assert numbers == (["27825550100", "27825550101"] if is_processed else []), folder.name
        assert again.state()["credit"] == (98 if is_processed else 100), folder.name


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
