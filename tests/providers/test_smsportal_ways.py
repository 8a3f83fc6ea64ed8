"""SMSPortal's adapter over both of its protocols: at the sandbox, at OpenSSH and at vsftpd."""

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.adapters.smsportal import Adapter
from providers.base import Attempt, CampaignSpec, Check, Ending, Message, ProviderState, Staged
from providers.errors import Refused, Trouble, Unclear
from providers.sandbox.server import Sandbox
from tests.providers import servers
from tests.waiting import wait_until

FOLDERS = ("Send_SMS", "Processed", "Errors")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADAPTER = Adapter()
STEM = "c1-b1-g1-0a1b2c3d"
PAYLOAD = ADAPTER.render(
    STEM,
    7,
    CampaignSpec('Hi @@value1@@ € "x"', "ACME"),
    [
        Message(f"2782555{number:04}", f'Hi {number} € "x"', {"value1": str(number)}, "", f"id {number}", f"r{number}")
        for number in range(500)
    ],
)


def attempt(number: int, ending: Ending = Ending.DONE) -> Attempt:
    return Attempt(number, ADAPTER.attempt_name(PAYLOAD, number), "", Staged(), NOON, ending=ending)


@contextmanager
def connected(settings: dict[str, Any]) -> Iterator[Any]:
    with ADAPTER.transport_for(settings).connect(settings) as remote:
        yield remote


@pytest.fixture(params=["openssh", "vsftpd"])
def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The home folder and the account's settings at a third-party server."""
    protocol = "sftp" if request.param == "openssh" else "ftp"
    with getattr(servers, request.param)(tmp_path, request.node.nodeid) as server:
        for folder in FOLDERS:
            (server.home / folder).mkdir()
        yield server.home, server.settings(protocol=protocol)


@pytest.fixture(params=["sftp", "ftp"])
def at_sandbox(request: pytest.FixtureRequest, sandbox: Sandbox) -> dict[str, Any]:
    known = sandbox.providers["smsportal"]
    return {
        "protocol": request.param,
        "host": known["host"],
        "port": known["port"] if request.param == "sftp" else known["ftp_port"],
        "username": known["username"],
        "password": known["password"],
        "host_key": " ".join(known["host_key"].split()[:2]),
        "allow_private_hosts": True,
    }


def checks(settings: dict[str, Any], now: datetime) -> dict[str, Check]:
    with connected(settings) as remote:
        return {check.code: check for check in ADAPTER.check(remote, now)}


def test_a_third_party_server_takes_the_rendered_file(foreign: tuple[Path, dict[str, Any]]) -> None:
    home, settings = foreign
    with connected(settings) as remote:
        ADAPTER.commit(remote, PAYLOAD, attempt(1))
        waiting = ADAPTER.poll(remote, PAYLOAD, [attempt(1)], NOON)
    handed_over = home / "Send_SMS" / f"{STEM}-a1.zip"
    assert handed_over.read_bytes() == PAYLOAD.body
    with zipfile.ZipFile(io.BytesIO(handed_over.read_bytes())) as archive:
        assert archive.testzip() is None
    assert waiting.hosts == (waiting.files[0].host,)
    assert [(file.folder, file.size) for file in waiting.files] == [("Send_SMS", len(PAYLOAD.body))]
    assert ADAPTER.interpret(PAYLOAD, [attempt(1)], [waiting]).state is ProviderState.TAKEN


def test_a_name_is_taken_only_once(foreign: tuple[Path, dict[str, Any]]) -> None:
    home, settings = foreign
    (home / "Send_SMS" / f"{STEM}-a1.zip").write_bytes(b"first")
    with connected(settings) as remote, pytest.raises(Refused) as caught:
        ADAPTER.commit(remote, PAYLOAD, attempt(1))
    assert caught.value.code == "name_taken"
    assert (home / "Send_SMS" / f"{STEM}-a1.zip").read_bytes() == b"first"


def test_it_finds_its_own_among_thousands_and_reads_the_report(foreign: tuple[Path, dict[str, Any]]) -> None:
    home, settings = foreign
    for number in range(2000):
        (home / "Processed" / f"c9-b{number}-g1-ffffffff-a1.zip").write_bytes(b"")
    (home / "Processed" / f"{STEM}-a1.zip").write_bytes(PAYLOAD.body)
    report = b'{"errorReport": {"faults": [{"rawDestination": "27825550007", "status": "MSISDN.Optout"}]}}'
    (home / "Errors" / f"{STEM}-a1.zip.report.json").write_bytes(report)
    with connected(settings) as remote:
        observation = ADAPTER.poll(remote, PAYLOAD, [attempt(1)], NOON)
    assert {file.name for file in observation.files} == {f"{STEM}-a1.zip", f"{STEM}-a1.zip.report.json"}
    interpretation = ADAPTER.interpret(PAYLOAD, [attempt(1)], [observation])
    assert interpretation.state is ProviderState.ACCEPTED
    assert [(outcome.msisdn, outcome.code) for outcome in interpretation.outcomes] == [("27825550007", "MSISDN.Optout")]


def test_the_test_of_the_connection_names_a_missing_folder(foreign: tuple[Path, dict[str, Any]]) -> None:
    home, settings = foreign
    (home / "Errors").rmdir()
    found = checks(settings, datetime.now(UTC))
    assert found["login"].passed
    assert {code: check.passed for code, check in found.items() if code.startswith("folder")} == {
        "folder_send_folder": True,
        "folder_processed_folder": True,
        "folder_errors_folder": False,
    }
    assert "Errors" in found["folder_errors_folder"].sentence
    is_exclusive = "only if its name is free" in found["create"].sentence
    assert (found["create"].passed, is_exclusive) == (True, settings["protocol"] == "sftp")
    assert list((home / "Send_SMS").iterdir()) == []


def test_the_test_says_whether_the_connection_is_encrypted(foreign: tuple[Path, dict[str, Any]]) -> None:
    _, settings = foreign
    found = checks(settings, datetime.now(UTC))
    if settings["protocol"] == "sftp":
        assert "SHA256:" in found["host_key"].sentence
        assert "encryption" not in found
    else:
        assert "encrypts nothing" in found["encryption"].sentence
        assert (found["encryption"].passed, found["encryption"].is_warning) == (None, True)
        assert "host_key" not in found


def test_a_server_without_exclusive_create_passes_and_is_said_to_be_one(tmp_path: Path) -> None:
    with servers.plain_create(tmp_path, "") as server:
        for folder in FOLDERS:
            (server.home / folder).mkdir()
        settings = server.settings(protocol="sftp")
        create = checks(settings, datetime.now(UTC))["create"]
        assert create.passed
        assert "looks each name up" in create.sentence
        assert list((server.home / "Send_SMS").iterdir()) == []
        with connected(settings) as remote:
            ADAPTER.commit(remote, PAYLOAD, attempt(1))
        assert (server.home / "Send_SMS" / f"{STEM}-a1.zip").read_bytes() == PAYLOAD.body


def test_a_fresh_file_shows_the_providers_clock(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with servers.openssh(tmp_path, request.node.nodeid) as server:
        for folder in FOLDERS:
            (server.home / folder).mkdir()
        settings = server.settings(protocol="sftp")
        now = datetime.now(UTC)
        assert checks(settings, now)["clock"].passed is None
        (server.home / "Processed" / "whatever.zip").write_bytes(b"")
        assert checks(settings, now)["clock"].passed is True
        assert checks(settings, now + timedelta(minutes=5))["clock"].passed is None
        behind = checks(settings, now - timedelta(minutes=10))["clock"]
        assert behind.passed is False
        assert "10 minutes ahead" in behind.sentence


def test_the_sandbox_texts_what_was_handed_over(at_sandbox: dict[str, Any], sandbox: Sandbox) -> None:
    stem = f"c2-b1-g1-{at_sandbox['protocol']}"
    spec = CampaignSpec("Hi @@value1@@", "")
    message = Message("27825550101", "Hi Bob €", {"value1": "Bob €"}, "", "", "r1")
    payload = ADAPTER.render(stem, 7, spec, [message])
    first = Attempt(1, ADAPTER.attempt_name(payload, 1), "", Staged(), NOON, ending=Ending.DONE)
    with connected(at_sandbox) as remote:
        ADAPTER.commit(remote, payload, first)

    def interpretation() -> Any:
        with connected(at_sandbox) as fresh:
            found = ADAPTER.interpret(payload, [first], [ADAPTER.poll(fresh, payload, [first], NOON)])
        return found if found.state is ProviderState.ACCEPTED else None

    wait_until(interpretation, "the sandbox took the file")
    texted = [line for line in sandbox.messages("smsportal") if stem in line["file"]]
    assert [(line["msisdn"], line["text"]) for line in texted] == [("27825550101", "Hi Bob €")]
    assert all(check.passed is not False for check in checks(at_sandbox, datetime.now(UTC)).values())


@pytest.mark.parametrize("fault", ["drop-connection", "drop-at-close"])
def test_a_connection_that_breaks_leaves_it_unclear(at_sandbox: dict[str, Any], sandbox: Sandbox, fault: str) -> None:
    stem = f"c3-b1-g1-{at_sandbox['protocol']}-{fault}"
    people = [Message(f"2782555{number:04}", os.urandom(40).hex(), {}, "", "", str(number)) for number in range(3000)]
    payload = ADAPTER.render(stem, 7, CampaignSpec("", ""), people)
    sandbox.fault(f"smsportal:{fault}")
    with pytest.raises(Unclear), connected(at_sandbox) as remote:
        ADAPTER.commit(remote, payload, Attempt(1, ADAPTER.attempt_name(payload, 1), "", Staged(), NOON))


def test_a_refused_login_stops_the_account(at_sandbox: dict[str, Any], sandbox: Sandbox) -> None:
    sandbox.fault("smsportal:refuse-login")
    with pytest.raises(Trouble) as caught, connected(at_sandbox):
        pass
    assert caught.value.code == "login_refused"
    assert caught.value.account
