"""The short form of ``make chaos``, and the basis of its figures."""

import json
import os
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import demo, figures
from tests.chaos.__main__ import MUST_BE_MET, MUST_BE_MET_ON, lacking
from tests.chaos.figures import SHORT
from tests.chaos.proxy import HOST, Fault, Proxy

ROOT = Path(__file__).resolve().parents[2]
BATCHES = 56


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.needs("postgresql")
def test_every_invariant_holds_where_a_naive_uploader_texts_people_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--batches", str(BATCHES)]
    ran = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "DATA": str(tmp_path)}, capture_output=True, text=True, timeout=840
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-3000:]
    found = json.loads((tmp_path / "chaos.json").read_bytes())["databases"]
    assert set(found) == {"sqlite", "postgresql"}
    for own in found.values():
        # Three people who opt out before the batches are created make one batch less, and so does a portion that is
        # not due before the run ends; a corrected rest makes more.
        assert own["batches"] >= BATCHES // 2 * 3 // 4
        assert sum(own["broken"].values()) == 0
        assert own["naive"]["duplicates"] > 0
        for name in ("action: kill", "network: struck", "older database restored"):
            assert own["faults"].get(name, 0) > 0, own["faults"]
        assert own["opt_outs"] > 0


def test_a_run_that_is_not_short_names_what_it_left_out() -> None:
    met = dict.fromkeys((*MUST_BE_MET, *MUST_BE_MET_ON["sqlite"]), 1)
    found: dict[str, Any] = {
        "wanted": SHORT,
        "naive": {"duplicates": 9, "duplicates_by_network": 3},
        "faults": met,
        "other": {},
        "time_to_state": {"plain": {"p95": 30.0}, "guarded": {"p95": 90.0}},
        "points": {
            "has_room_for_all": True,
            "missed": [],
            "recovery": 10,
            "recovery_missed": ["a"],
            "commits": 10,
            "commits_missed": ["a"],
        },
    }
    assert lacking("sqlite", found) == []
    found["faults"] = met | {"Valkey paused": 0}
    found["naive"] = {"duplicates": 9, "duplicates_by_network": 0}
    found["time_to_state"] = {"plain": {"p95": 31.0}, "guarded": {"p95": 90.0}}
    found["points"] = {
        "has_room_for_all": True,
        "missed": ["point"] * 9,
        "recovery": 10,
        "recovery_missed": ["point"] * 4,
        "commits": 10,
        "commits_missed": ["point"] * 2,
    }
    assert len(lacking("sqlite", found)) == 6
    assert lacking("sqlite", found | {"wanted": SHORT - 1}) == []


def test_a_bound_for_nothing_seen_is_the_rule_of_three() -> None:
    assert figures.upper_bound(0, 2000) == pytest.approx(3 / 2000, rel=0.01)
    assert figures.upper_bound(0, 0) == 1.0
    # Tables of Clopper and Pearson, one-sided.
    assert figures.upper_bound(1, 10) == pytest.approx(0.3942, abs=0.0005)
    assert figures.percentile([1.0, 2.0, 3.0, 4.0], 0.95) == 4.0


@pytest.mark.parametrize(("kind", "arrives"), [("reset", False), ("cut", False), ("stall", True), ("slow", True)])
def test_the_proxy_breaks_what_goes_through_it(kind: str, arrives: bool) -> None:
    body = b"0123456789" * 20
    with socket.create_server((HOST, 0)) as server, Proxy() as proxy:
        received: list[bytes] = []

        def take() -> None:
            connection, _ = server.accept()
            with connection:
                while piece := _piece(connection):
                    received.append(piece)

        taking = threading.Thread(target=take)
        taking.start()
        door = proxy.open(server.getsockname()[1])
        door.faults.append(Fault(kind, "up", after=50, seconds=0.1))
        with socket.create_connection((HOST, door.port)) as client:
            # The connection may be broken by now.
            with suppress(OSError):
                client.sendall(body)
                client.shutdown(socket.SHUT_WR)
            taking.join(timeout=20)
        found = b"".join(received)
        assert found == body if arrives else len(found) <= 50
        assert sum(proxy.struck.values()) == 1


@pytest.mark.parametrize(
    ("status", "waiting", "batches", "is_stuck"),
    [
        ("closed", 0, {"accepted": 2}, False),
        ("running", 0, {"accepted": 1, "unclear": 1}, False),
        ("paused", 0, {"held": 1}, False),
        ("running", 0, {"accepted": 1, "unclear": 1, "handed_over": 1}, True),
        ("running", 0, {"accepted": 2}, True),
        ("running", 5, {"held": 1}, True),
        ("frozen", 0, {}, True),
    ],
)
def test_the_demo_fails_when_anything_but_a_decision_keeps_a_campaign_open(
    status: str, waiting: int, batches: dict[str, int], is_stuck: bool
) -> None:
    campaign = {"id": 7, "name": "October promo", "status": status, "waiting": waiting}
    assert bool(demo.stuck([campaign], {"7": batches})) is is_stuck


def _piece(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except ConnectionResetError:
        return b""
