from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger
from providers.sandbox.server import Sandbox
from providers.sandbox.smsportal import Site
from providers.sandbox.smsportal.gateway import Gateway
from tests.providers.sandbox.conftest import Client, names_in, wire, zipped

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def faults() -> Faults:
    return Faults(Site.faults())


@pytest.fixture
def gateway(tmp_path: Path, faults: Faults) -> Gateway:
    return Gateway(tmp_path / "demo", "demo", Ledger(tmp_path / "ledger.jsonl"), faults, lambda path: False)


@pytest.fixture
def take(gateway: Gateway) -> Callable[..., str]:
    def taken(name: str, body: bytes, now: datetime = NOW) -> str:
        (gateway.home / "Send_SMS" / name).write_bytes(body)
        before = names_in(gateway.home / "Processed")
        assert gateway.scan(now) == 1
        return "Processed" if names_in(gateway.home / "Processed") > before else "Errors"

    return taken


def test_it_remembers_a_name_for_48_hours(take: Callable[..., str]) -> None:
    assert take("a.zip", zipped("a.json", wire())) == "Processed"
    assert take("b.zip", zipped("a.json", wire()), NOW + timedelta(hours=47, minutes=59)) == "Errors"
    assert take("c.zip", zipped("a.json", wire()), NOW + timedelta(hours=48)) == "Processed"


def test_it_holds_a_bare_file_and_one_in_a_zip_for_the_same(take: Callable[..., str]) -> None:
    assert take("a.json", wire()) == "Processed"
    assert take("b.zip", zipped("A.JSON", wire())) == "Errors"


def test_it_lets_two_zips_have_the_same_name(gateway: Gateway, take: Callable[..., str]) -> None:
    take("a.zip", zipped("a.json", wire()))
    take("a.zip", zipped("b.json", wire()))
    assert names_in(gateway.home / "Processed") == {"a.zip", "a-2.zip"}


def test_it_forgets_the_name_of_a_file_that_failed(take: Callable[..., str]) -> None:
    assert take("a.json", wire(version="")) == "Errors"
    assert take("a.json", wire()) == "Processed"


def test_it_may_remember_the_name_of_a_file_that_failed(take: Callable[..., str], faults: Faults) -> None:
    faults.set("smsportal:remember-errors")
    assert take("a.json", wire(version="")) == "Errors"
    assert take("a.json", wire()) == "Errors"


def test_it_remembers_names_and_credit_across_a_restart(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, every=0.1, credit=10)
    with sandbox:
        client = Client(sandbox)
        client.upload("a.zip", zipped("a.json", wire()))
        assert client.folder_of("a.zip") == "Processed"
        client.close()
    with sandbox:
        client = Client(sandbox)
        client.upload("b.zip", zipped("a.json", wire()))
        assert client.report("b.zip")["errorCode"] == "File.DuplicateFound"
        assert sandbox.state()["providers"]["smsportal"]["accounts"][0]["credit"] == 9
        assert len(sandbox.messages()) == 1
        client.close()
