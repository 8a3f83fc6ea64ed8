import base64
import hashlib
import os
from pathlib import Path

import paramiko
import pytest

from providers.sandbox.server import Sandbox
from tests.providers.sandbox.conftest import Client, contact, messages_of, until, wire, zipped


def test_it_shows_the_three_folders(client: Client) -> None:
    assert sorted(client.sftp.listdir()) == ["Errors", "Processed", "Send_SMS"]
    assert client.sftp.normalize(".") == "/"


def test_it_keeps_a_client_in_its_own_root(sandbox: Sandbox, client: Client) -> None:
    assert sorted(client.sftp.listdir("/../../..")) == ["Errors", "Processed", "Send_SMS"]
    with pytest.raises(OSError):
        client.sftp.symlink("/etc/passwd", "Send_SMS/link.json")
    with pytest.raises(FileNotFoundError):
        client.sftp.stat("/etc/passwd")
    with pytest.raises(FileNotFoundError):
        client.sftp.stat("../optouts.txt")


def test_it_refuses_a_wrong_password_and_an_unknown_name(sandbox: Sandbox) -> None:
    with pytest.raises(paramiko.AuthenticationException):
        Client(sandbox, password="wrong")
    with pytest.raises(paramiko.AuthenticationException):
        Client(sandbox, username="nobody")


def test_it_creates_exclusively(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:silent")
    client.upload("once.zip", zipped("once.json", wire()))
    with pytest.raises(OSError):
        client.upload("once.zip", zipped("once.json", wire([contact("27825550199")])))
    sandbox.clear()
    client.folder_of("once.zip")
    assert [message["msisdn"] for message in messages_of(sandbox, "once.json")] == ["27825550100"]


def test_it_takes_a_large_pipelined_upload_byte_for_byte(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:silent")
    body = os.urandom(5_000_000)
    client.upload("large.zip", body)
    assert client.sftp.stat("Send_SMS/large.zip").st_size == len(body)
    assert (sandbox.home() / "Send_SMS" / "large.zip").read_bytes() == body
    client.sftp.remove("Send_SMS/large.zip")


def test_it_leaves_a_file_alone_while_it_is_being_written(sandbox: Sandbox, client: Client) -> None:
    body = zipped("slowly.json", wire())
    with client.sftp.open("Send_SMS/slowly.zip", "wx") as file:
        file.write(body[:50])
        other = Client(sandbox)
        other.upload("meanwhile.zip", zipped("meanwhile.json", wire()))
        other.folder_of("meanwhile.zip")
        assert "slowly.zip" in other.sftp.listdir("Send_SMS")
        other.close()
        file.write(body[50:])
    assert client.folder_of("slowly.zip") == "Processed"


def test_it_takes_a_half_written_file_when_told_to_be_eager(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:eager")
    body = zipped("eager.json", wire())
    with client.sftp.open("Send_SMS/eager.zip", "wx") as file:
        file.write(body[:50])
        file.flush()
        assert client.folder_of("eager.zip") == "Errors"
        file.write(body[50:])
    assert client.report("eager.zip")["errorCode"] == "File.Corrupt"
    assert messages_of(sandbox, "eager.json") == []


def test_it_takes_what_a_broken_connection_left_behind(sandbox: Sandbox, client: Client) -> None:
    other = Client(sandbox)
    file = other.sftp.open("Send_SMS/broken.zip", "wx")
    file.write(zipped("broken.json", wire())[:50])
    file.flush()
    other.close()
    assert client.folder_of("broken.zip") == "Errors"
    assert client.report("broken.zip")["errorCode"] == "File.Corrupt"


def test_it_shows_the_fingerprint_of_a_host_key_that_stays(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    with sandbox:
        client = Client(sandbox)
        key = client.transport.get_remote_server_key()
        digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
        assert key.get_name() == "ssh-ed25519"
        assert sandbox.fingerprint == f"SHA256:{digest}"
        assert sandbox.host_key.split()[:2] == ["ssh-ed25519", key.get_base64()]
        first = (sandbox.fingerprint, sandbox.password)
        client.close()
    with sandbox:
        assert (sandbox.fingerprint, sandbox.password) == first
    for secret in ("host_key", "accounts.json"):
        assert (tmp_path / secret).stat().st_mode & 0o077 == 0


def test_it_keeps_accounts_apart(tmp_path: Path) -> None:
    with Sandbox(tmp_path, every=0.1, accounts={"north": "n-secret", "south": "s-secret"}) as sandbox:
        sandbox.opt_out("27825550101", username="south")
        for username in ("north", "south"):
            client = Client(sandbox, username, f"{username[0]}-secret")
            assert client.sftp.listdir("Processed") == []
            client.upload("a.zip", zipped("a.json", wire([contact(), contact("27825550101")])))
            assert client.folder_of("a.zip") == "Processed"
            client.close()
        texted = until(lambda: [(message["account"], message["msisdn"]) for message in sandbox.messages()])
        assert texted == [("north", "27825550100"), ("north", "27825550101"), ("south", "27825550100")]
