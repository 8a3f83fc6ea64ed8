import socket
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import paramiko
import pytest

from providers.sandbox.faults import Faults, UnknownFault
from providers.sandbox.server import Sandbox
from providers.sandbox.smsportal import Site
from tests.providers.sandbox.conftest import Client, contact, messages_of, names_in, until, wire, zipped

BROKEN = (OSError, EOFError, paramiko.SSHException, socket.timeout)


def test_a_fault_is_on_for_its_times_only() -> None:
    faults = Faults({"a": "", "b": ""})
    faults.set("a", 2)
    faults.set("b")
    assert [faults.use("a") for _ in range(3)] == [True, True, False]
    assert [faults.use("b") for _ in range(3)] == [True, True, True]
    faults.clear("b")
    assert not faults.use("b")


def test_an_unknown_fault_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(UnknownFault):
        Faults(Site.faults()).set("smsportal:nonsense")
    with pytest.raises(ValueError, match="no fault named smsportal:nonsense"):
        sandbox.fault("smsportal:nonsense")
    with pytest.raises(ValueError):
        sandbox.fault("smsportal:silent", times=0)


def test_silent_takes_nothing_until_cleared(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:silent")
    client.upload("silent.zip", zipped("silent.json", wire()))
    time.sleep(0.5)
    assert client.sftp.listdir("Send_SMS") == ["silent.zip"]
    sandbox.clear()
    assert client.folder_of("silent.zip") == "Processed"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("insufficient-credits", "InsufficientCredits"),
        ("internal-error", "InternalServerError"),
        ("corrupt", "File.Corrupt"),
    ],
)
def test_a_code_can_be_forced_once(fault: str, code: str, sandbox: Sandbox, client: Client) -> None:
    sandbox.fault(f"smsportal:{fault}", times=1)
    client.upload(f"{fault}.zip", zipped(f"{fault}.json", wire()))
    assert client.report(f"{fault}.zip")["errorCode"] == code
    client.upload(f"{fault}-again.zip", zipped(f"{fault}.json", wire()))
    assert client.folder_of(f"{fault}-again.zip") == "Processed"
    assert len(messages_of(sandbox, f"{fault}.json")) == 1


def test_an_internal_error_may_come_after_half_of_it(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:internal-error-halfway")
    client.upload("halfway.zip", zipped("halfway.json", wire([contact(), contact("27825550101")])))
    assert client.folder_of("halfway.zip") == "Errors"
    assert [message["msisdn"] for message in messages_of(sandbox, "halfway.json")] == ["27825550100"]


def test_reports_can_be_missing_or_plain_text(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:no-report")
    client.upload("bare.zip", zipped("bare.json", wire(version="")))
    client.folder_of("bare.zip")
    sandbox.clear()
    sandbox.fault("smsportal:text-report")
    client.upload("plain.zip", zipped("plain.json", wire([contact(), contact("27825599902", customerId="C7")])))
    client.folder_of("plain.zip")

    assert not [name for name in names_in(sandbox.home() / "Errors") if name.startswith("bare.zip.")]
    lines = client.read("Processed/plain.zip.report.txt").decode().splitlines()
    assert lines[0] == "plain.json: processed with faults"
    assert lines[1].split("\t")[:3] == ["27825599902", "C7", "MSISDN.Optout"]


def test_the_connection_can_break_in_the_middle_of_an_upload(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:drop-connection", times=1)
    other = Client(sandbox)
    with pytest.raises(BROKEN):  # noqa: PT012
        other.upload("midway.zip", zipped("midway.json", wire()))
        # paramiko may swallow the error while closing; the connection is broken all the same.
        other.sftp.listdir("Send_SMS")
    other.close()
    assert client.report("midway.zip")["errorCode"] == "File.Corrupt"
    assert messages_of(sandbox, "midway.json") == []


def test_the_connection_can_break_after_the_last_byte(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:drop-at-close", times=1)
    other = Client(sandbox)
    file = other.sftp.open("Send_SMS/last.zip", "wx")
    file.write(zipped("last.json", wire()))
    with pytest.raises(BROKEN):  # noqa: PT012
        file.close()
        # paramiko may swallow the error while closing; the connection is broken all the same.
        other.sftp.listdir("Send_SMS")
    other.close()
    assert client.folder_of("last.zip") == "Processed"
    assert len(messages_of(sandbox, "last.json")) == 1


def test_every_login_can_be_refused(sandbox: Sandbox) -> None:
    sandbox.fault("smsportal:refuse-login", times=1)
    with pytest.raises(paramiko.AuthenticationException):
        Client(sandbox)
    Client(sandbox).close()


def test_the_upload_folder_can_be_missing(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:missing-folder")
    assert sorted(client.sftp.listdir()) == ["Errors", "Processed"]
    with pytest.raises(FileNotFoundError):
        client.sftp.stat("Send_SMS")
    with pytest.raises(FileNotFoundError):
        client.upload("missing.zip", zipped("missing.json", wire()))
    sandbox.clear()
    client.upload("missing.zip", zipped("missing.json", wire()))
    assert client.folder_of("missing.zip") == "Processed"


def test_an_upload_can_be_slow(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:slow", times=1)
    began = time.monotonic()
    client.upload("slow.zip", zipped("slow.json", wire()))
    assert time.monotonic() - began > 0.4
    assert client.folder_of("slow.zip") == "Processed"


def test_each_fault_can_be_switched_on_and_seen(sandbox: Sandbox) -> None:
    for name in Site.faults():
        sandbox.fault(name)
    assert set(sandbox.state()["faults"]) == set(Site.faults())
    sandbox.clear()
    assert sandbox.state()["faults"] == {}


def test_the_state_lists_the_files_of_each_folder(sandbox: Sandbox, client: Client) -> None:
    client.upload("seen.zip", zipped("seen.json", wire()))
    client.folder_of("seen.zip")
    state = sandbox.state()
    account = state["providers"]["smsportal"]["accounts"][0]
    assert "seen.zip" in account["files"]["Processed"]
    assert state["ledger"]["count"] == until(lambda: len(sandbox.messages()))
    assert sandbox.password not in str(state)


def test_a_web_page_cannot_steer_it(sandbox: Sandbox) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        with pytest.raises(HTTPError) as refused:
            urlopen(Request(f"{sandbox.control_url}/faults", headers=headers, method="DELETE"), timeout=5)
        assert refused.value.code == 403
