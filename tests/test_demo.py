"""``make demo`` from an empty directory to ready, and a second start that repeats nothing."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from config.demo import SHEET
from providers import registry
from tests import debian
from tests.supervised import Baton


def messages(data: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (data / "sandbox" / "ledger.jsonl").read_text().splitlines()]


def books(running: Baton) -> dict[str, dict[str, Any]]:
    """The books of each sample campaign by its provider."""
    return {
        campaign["name"].rpartition(" ")[2].lower(): campaign
        for campaign in json.loads(running.manage("balance", "--json"))["campaigns"]
    }


def assert_proven(running: Baton) -> None:
    """A campaign through each provider has ended balanced, and its ledger has each accepted recipient once."""
    found = books(running)
    assert sorted(found) == sorted(registry.all_adapters())
    for slug, campaign in found.items():
        assert campaign["status"] == "closed", slug
        assert campaign["balanced"], slug
        assert campaign["excluded"]["opted_out"] == 3
        texted = [message["msisdn"] for message in messages(running.data) if message["provider"] == slug]
        assert len(texted) == campaign["outcomes"]["accepted"] > 0, slug
        assert len(set(texted)) == len(texted), slug


def test_the_demo_brings_the_spreadsheet_of_the_tests() -> None:
    assert SHEET.read_bytes() == Path(__file__).with_name("samples").joinpath(SHEET.name).read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_sample_campaigns_end_balanced_and_a_second_start_repeats_nothing(baton: Baton) -> None:
    baton.start(mode="demo", is_empty=True).until_ready()
    assert_proven(baton)
    first, texted = books(baton), messages(baton.data)
    logins = (baton.data / "demo-logins.txt").read_text()
    assert (baton.data / "demo-logins.txt").stat().st_mode & 0o777 == 0o600
    for line in logins.splitlines():
        assert line.split()[1] in baton.said()
    baton.signal(signal.SIGINT)
    assert baton.exit_code() == 0
    assert baton.is_gone()

    baton.output.write_text("")
    baton.start(mode="demo").until_ready()
    assert books(baton) == first
    assert messages(baton.data) == texted
    assert (baton.data / "demo-logins.txt").read_text() == logins


@pytest.mark.slow
@debian.needs("postgresql")
@pytest.mark.timeout(300)
def test_the_sample_campaigns_end_balanced_on_postgresql(baton: Baton, postgresql: str) -> None:
    baton.start(mode="demo", DATABASE_URL=postgresql).until_ready()
    assert not (baton.data / "baton.sqlite3").exists()
    assert_proven(baton)
