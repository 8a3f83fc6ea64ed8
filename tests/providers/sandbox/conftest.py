import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from providers.sandbox.server import Sandbox
from tests.waiting import wait_until

TEMPLATE = {"message_template": "Hello @@value1@@"}


def contact(number: str = "27825550100", **more: Any) -> dict[str, Any]:
    return {"msisdn": number, **more}


def wire(contacts: list[Any] | None = None, *, version: str = "version: 7\n", **body: Any) -> bytes:
    """A file as the document's examples show it; ``contacts`` is one person unless given."""
    document = {**TEMPLATE, "contacts": [contact()] if contacts is None else contacts, **body}
    return (version + json.dumps({key: value for key, value in document.items() if value != "absent"})).encode()


def zipped(inner: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inner, content)
    return packed.getvalue()


def until(ask: Callable[[], Any]) -> Any:
    """The first true result of ``ask``."""
    return wait_until(ask, "the sandbox provider")


class Client:
    """A real SFTP client that is logged in."""

    def __init__(self, sandbox: Sandbox, username: str = "", password: str = "") -> None:
        self.transport = paramiko.Transport((sandbox.host, sandbox.port))
        self.transport.connect(username=username or sandbox.username, password=password or sandbox.password)
        opened = paramiko.SFTPClient.from_transport(self.transport)
        assert opened
        self.sftp = opened
        self.sftp.get_channel().settimeout(20)  # type: ignore[union-attr]

    def upload(self, name: str, body: bytes) -> None:
        with self.sftp.open(f"Send_SMS/{name}", "wx") as file:
            file.set_pipelined(True)
            file.write(body)

    def folder_of(self, name: str) -> str:
        """Where the gateway put a file: Processed or Errors."""

        def folder_or_empty() -> str:
            return next((folder for folder in ("Processed", "Errors") if name in self.sftp.listdir(folder)), "")

        return until(folder_or_empty)

    def read(self, path: str) -> bytes:
        with self.sftp.open(path) as file:
            return file.read()

    def report(self, name: str) -> dict[str, Any]:
        """The fault report beside a file that the gateway has taken."""
        return json.loads(self.read(f"{self.folder_of(name)}/{name}.report.json"))

    def close(self) -> None:
        self.transport.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), every=0.1) as started:
        yield started


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """A running sandbox without faults; its files and messages stay for the whole module, so names must differ."""
    running.clear()
    yield running
    running.clear()


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    opened = Client(sandbox)
    yield opened
    opened.close()


def messages_of(sandbox: Sandbox, file: str) -> list[dict[str, str]]:
    return [message for message in sandbox.messages() if message["file"] == file]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
