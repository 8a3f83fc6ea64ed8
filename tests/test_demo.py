"""``make demo`` from an empty directory to ready, and a second start that repeats nothing."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from config.demo import SHEET
from tests import debian
from tests.supervised import Baton


def messages(data: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (data / "sandbox" / "ledger.jsonl").read_text().splitlines()]


def books(running: Baton) -> dict[str, Any]:
    (campaign,) = json.loads(running.manage("balance", "--json"))["campaigns"]
    found: dict[str, Any] = campaign
    return found


def test_the_demo_brings_the_spreadsheet_of_the_tests() -> None:
    assert SHEET.read_bytes() == Path(__file__).with_name("samples").joinpath(SHEET.name).read_bytes()


@pytest.mark.timeout(300)
def test_the_sample_campaign_ends_balanced_and_a_second_start_repeats_nothing(baton: Baton) -> None:
    baton.start(mode="demo").until_ready()
    first = books(baton)
    assert first["status"] == "closed"
    assert first["balanced"]
    assert first["excluded"]["opted_out"] == 3
    texted = messages(baton.data)
    assert len(texted) == first["outcomes"]["accepted"]
    assert len({message["msisdn"] for message in texted}) == len(texted)
    logins = (baton.data / "demo-logins.txt").read_text()
    assert (baton.data / "demo-logins.txt").stat().st_mode & 0o777 == 0o600
    for line in logins.splitlines():
        assert line.split()[1] in baton.said()
    baton.signal(signal.SIGINT)
    assert baton.exit_code() == 0
    assert baton.is_gone()

    baton.output.write_text("")
    began = time.monotonic()
    baton.start(mode="demo").until_ready()
    assert time.monotonic() - began < 30
    assert books(baton) == first
    assert messages(baton.data) == texted
    assert (baton.data / "demo-logins.txt").read_text() == logins


@debian.needs("postgresql")
@pytest.mark.timeout(300)
def test_the_sample_campaign_ends_balanced_on_postgresql(baton: Baton, postgresql: str) -> None:
    baton.start(mode="demo", DATABASE_URL=postgresql).until_ready()
    assert not (baton.data / "baton.sqlite3").exists()
    found = books(baton)
    assert found["status"] == "closed"
    assert found["balanced"]
    assert len(messages(baton.data)) == found["outcomes"]["accepted"] > 0
