"""The SFTP transport against a real server, and against broken connections."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from providers import timing
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.sandbox.server import Sandbox
from providers.time_limits import GREETING, REPLY, advice
from providers.transports import sftp
from providers.transports.dial import dial
from providers.transports.sftp import SftpTransport, fingerprint
from tests.providers import servers

OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFub3RoZXI="


@pytest.fixture
def quiet_sandbox(sandbox: Sandbox) -> Sandbox:
    """A gateway that leaves files where they were put."""
    sandbox.fault("smsportal:silent")
    return sandbox


def refusal(settings: dict[str, Any]) -> Trouble:
    with pytest.raises(Trouble) as caught, SftpTransport.connect(settings):
        pass
    return caught.value


def test_it_lists_reads_and_creates(sftp_settings: dict[str, Any], quiet_sandbox: Sandbox, tmp_path: Path) -> None:
    body = os.urandom(300_000)
    with SftpTransport.connect(sftp_settings) as remote:
        remote.create("Send_SMS/listed.zip", body)
        (entry,) = remote.listdir("Send_SMS", containing="listed")
        assert (entry.name, entry.size) == ("listed.zip", len(body))
        assert entry.modified_at
        assert entry.modified_at.tzinfo
        assert remote.read("Send_SMS/listed.zip", 1_000_000) == body
        assert remote.read("Send_SMS/listed.zip", 10) == body[:10]
        assert remote.read("Send_SMS/not-there.zip", 10) is None
        assert remote.hosts() == (sftp_settings["host"],)
    (quiet_sandbox.home() / "Send_SMS" / "listed.zip").unlink()


def test_names_that_are_no_utf8_do_not_break_a_list(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with servers.openssh(tmp_path, request.node.nodeid) as server:
        Path(os.fsdecode(os.fsencode(server.home) + b"/caf\xe9.txt")).write_bytes(b"here")
        (server.home / "é.txt").write_bytes(b"")
        with SftpTransport.connect(server.settings()) as remote:
            assert {entry.name: entry.size for entry in remote.listdir(".")} == {"caf\udce9.txt": 4, "é.txt": 0}


def test_a_name_is_written_only_once(sftp_settings: dict[str, Any], quiet_sandbox: Sandbox) -> None:
    there = quiet_sandbox.home() / "Send_SMS" / "once.zip"
    with SftpTransport.connect(sftp_settings) as remote:
        remote.create("Send_SMS/once.zip", b"first")
        with pytest.raises(Refused) as caught:
            remote.create("Send_SMS/once.zip", b"second")
        assert caught.value.code == "name_taken"
        assert not caught.value.account
        assert remote.read("Send_SMS/once.zip", 100) == b"first"
    there.unlink()


@pytest.mark.parametrize("refusal", [asyncssh.SFTPOpUnsupported, asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure])
def test_a_server_without_exclusive_create_is_asked_for_the_name_first(tmp_path: Path, refusal: Any) -> None:
    folders = type("Folders", (servers.NoExclusiveCreate,), {"refusal": refusal})
    body = os.urandom(100_000)
    with servers.asyncssh_server(tmp_path / "home", folders) as server:
        (server.home / "Send_SMS").mkdir()
        with SftpTransport.connect(server.settings()) as remote:
            assert not remote.creates_exclusively("Send_SMS")
            remote.create("Send_SMS/new.zip", body)
            with pytest.raises(Refused) as caught:
                remote.create("Send_SMS/new.zip", b"second")
            assert caught.value.code == "name_taken"
            with pytest.raises(Refused) as caught:
                remote.create("Nowhere/new.zip", body)
            assert caught.value.code == "folder_missing"
        assert {path.name: path.read_bytes() for path in (server.home / "Send_SMS").iterdir()} == {"new.zip": body}


def test_a_folder_that_really_may_not_be_written_stops_the_account(tmp_path: Path) -> None:
    class ReadOnly(asyncssh.SFTPServer):
        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            raise asyncssh.SFTPPermissionDenied("Read only")

    with servers.asyncssh_server(tmp_path / "home", ReadOnly) as server:
        with pytest.raises(Refused) as caught, SftpTransport.connect(server.settings()) as remote:
            remote.create("new.zip", b"x")
        assert (caught.value.code, caught.value.account) == ("folder_forbidden", True)


def test_a_general_failure_of_the_plain_create_too_refuses_the_file(tmp_path: Path) -> None:
    class Full(asyncssh.SFTPServer):
        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
            raise asyncssh.SFTPFailure("Failure")

    with servers.asyncssh_server(tmp_path / "home", Full) as server:
        with pytest.raises(Refused) as caught, SftpTransport.connect(server.settings()) as remote:
            remote.create("new.zip", b"x")
        assert (caught.value.code, caught.value.account) == ("upload_refused", False)


def test_a_server_with_exclusive_create_is_recognised(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with servers.openssh(tmp_path, request.node.nodeid) as server:
        (server.home / "Send_SMS").mkdir()
        with SftpTransport.connect(server.settings()) as remote:
            assert remote.creates_exclusively("Send_SMS")
        assert list((server.home / "Send_SMS").iterdir()) == []


def test_a_missing_folder_stops_the_account(sftp_settings: dict[str, Any]) -> None:
    with SftpTransport.connect(sftp_settings) as remote:
        for operation in (lambda: remote.listdir("Nowhere"), lambda: remote.create("Nowhere/a.zip", b"x")):
            with pytest.raises(Refused) as caught:
                operation()
            assert caught.value.code == "folder_missing"
            assert caught.value.account
            assert "Nowhere" in caught.value.sentence


def test_the_fastest_cipher_is_preferred_and_nothing_is_compressed(sftp_settings: dict[str, Any]) -> None:
    with SftpTransport.connect(sftp_settings) as remote:
        assert vars(remote._transport)["remote_cipher"] == "aes128-gcm@openssh.com"
        assert remote._transport.local_compression == "none"


def test_it_fetches_the_key_without_a_login(sftp_settings: dict[str, Any], sandbox: Sandbox) -> None:
    stranger = {"host": sandbox.host, "port": sandbox.port, "allow_private_hosts": True}
    assert SftpTransport.host_key(stranger) == sftp_settings["host_key"]
    assert fingerprint(sftp_settings["host_key"]) == sandbox.fingerprint
    assert fingerprint("") == ""


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": "wrong"}, "login_refused"),
        ({"host_key": ""}, "host_key_unknown"),
        ({"host_key": OTHER_KEY}, "host_key_changed"),
        ({"host_key": "ecdsa-sha2-nistp256 AAAA"}, "host_key_changed"),
        ({"allow_private_hosts": False}, "host_private"),
    ],
)
def test_what_stops_the_account(sftp_settings: dict[str, Any], change: dict[str, Any], code: str) -> None:
    trouble = refusal({**sftp_settings, **change})
    assert isinstance(trouble, Refused)
    assert trouble.code == code
    assert trouble.account
    assert sftp_settings["password"] not in str(trouble)


def test_a_wrong_key_gets_no_password(sftp_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp.paramiko.Transport, "auth_password", lambda *_: pytest.fail("the password went out"))
    assert refusal({**sftp_settings, "host_key": OTHER_KEY}).code == "host_key_changed"


@pytest.mark.parametrize(
    ("change", "code"), [({"port": 1}, "connect_failed"), ({"host": "nowhere.invalid"}, "host_unknown")]
)
def test_errors_that_may_be_retried(sftp_settings: dict[str, Any], change: dict[str, Any], code: str) -> None:
    trouble = refusal({**sftp_settings, **change})
    assert isinstance(trouble, Unreachable)
    assert trouble.code == code


def test_a_silent_server_is_given_up(sftp_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SFTP_BANNER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        trouble = refusal({**sftp_settings, "port": mute.getsockname()[1]})
    assert isinstance(trouble, Unreachable)
    assert trouble.code == "no_ssh_answer"


class Prompts(servers.Login):
    """A login that is nothing but prompts, as with PAM; ``prompts`` come one after another."""

    prompts: tuple[tuple[str, bool], ...] = (("Password: ", False),)

    def __init__(self) -> None:
        self.left = list(self.prompts)

    def password_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return ("", "", "", [self.left.pop(0)])

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        if list(responses) != [servers.PASSWORD]:
            return False
        return ("", "", "", [self.left.pop(0)]) if self.left else True


def test_a_server_that_only_prompts_for_the_password_gets_it(tmp_path: Path) -> None:
    with servers.asyncssh_server(tmp_path / "home", login=Prompts) as server:
        with SftpTransport.connect(server.settings()) as remote:
            remote.create("a.zip", b"x")
        assert (server.home / "a.zip").read_bytes() == b"x"
        assert refusal(server.settings(password="wrong")).code == "login_refused"


@pytest.mark.parametrize(
    "prompts", [(("Password: ", False), ("One-time code: ", False)), (("One-time code: ", True),)], ids=["2", "1"]
)
def test_a_server_that_asks_for_more_than_a_password_is_refused_by_name(
    tmp_path: Path, prompts: tuple[tuple[str, bool], ...]
) -> None:
    with servers.asyncssh_server(tmp_path / "home", login=type("Login", (Prompts,), {"prompts": prompts})) as server:
        trouble = refusal(server.settings())
    assert (trouble.code, trouble.account) == ("login_asks_more", True)
    assert "(One-time code)" in trouble.sentence


def test_the_key_exchange_is_known_by_its_standard_name(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    lines = ("KexAlgorithms curve25519-sha256",)
    with (
        servers.openssh(tmp_path, request.node.nodeid, lines=lines) as server,
        SftpTransport.connect(server.settings()) as remote,
    ):
        assert remote.listdir(".") == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("HostKeyAlgorithms ssh-rsa",), ("only ssh-rsa (RSA with SHA-1", "rsa-sha2-512")),
        (("KexAlgorithms diffie-hellman-group14-sha1",), ("only diffie-hellman-group14-sha1,", "curve25519-sha256")),
        (("Ciphers chacha20-poly1305@openssh.com",), ("only chacha20-poly1305@openssh.com,", "aes256-ctr")),
    ],
    ids=["host key", "key exchange", "cipher"],
)
def test_a_server_with_old_algorithms_is_refused_by_their_names(
    tmp_path: Path, request: pytest.FixtureRequest, lines: tuple[str, ...], words: tuple[str, ...]
) -> None:
    with servers.openssh(tmp_path, request.node.nodeid, key_type="ssh-rsa", lines=lines) as server:
        trouble = refusal(server.settings())
        with pytest.raises(Refused) as caught:
            SftpTransport.host_key(server.settings(host_key=""))
    for refused in (trouble, caught.value):
        assert (refused.code, refused.account) == ("no_common_encryption", True)
        assert all(word in refused.sentence for word in words), refused.sentence
        assert "Ask the provider" in refused.sentence


def test_other_keys_than_the_pinned_one_are_a_changed_key(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    lines = ("HostKeyAlgorithms ssh-rsa",)
    with servers.openssh(tmp_path, request.node.nodeid, key_type="ssh-rsa", lines=lines) as server:
        assert refusal(server.settings(host_key=OTHER_KEY)).code == "host_key_changed"


@contextmanager
def late_banner(server: servers.FileServer, seconds: float) -> Iterator[dict[str, Any]]:
    """The settings of a line to the server on which its banner comes so late."""
    with socket.create_server((servers.HOST, 0)) as listening:

        def carry() -> None:
            with suppress(OSError):
                client, _ = listening.accept()
                time.sleep(seconds)
                with client, socket.create_connection((server.host, server.port)) as there:
                    back = threading.Thread(target=copy, args=(there, client), daemon=True)
                    back.start()
                    copy(client, there)

        def copy(source: socket.socket, target: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    target.sendall(data)

        threading.Thread(target=carry, daemon=True).start()
        yield server.settings(port=listening.getsockname()[1])


def test_how_long_a_banner_may_take_is_the_accounts_choice(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with servers.openssh(tmp_path, request.node.nodeid) as server:
        with late_banner(server, 1.0) as settings:
            trouble = refusal({**settings, "greeting_seconds": 0.3})
            assert trouble.code == "no_ssh_answer"
            assert advice(GREETING) in trouble.sentence
        with late_banner(server, 1.0) as settings, SftpTransport.connect({**settings, "greeting_seconds": 9}) as remote:
            assert remote.listdir(".") == []


class LateLogin(servers.Login):
    """Answers the password late."""

    async def validate_password(self, username: str, password: str) -> bool:  # type: ignore[override]
        await asyncio.sleep(1.0)
        return super().validate_password(username, password)


class LateFolders(asyncssh.SFTPServer):
    """Opens files late, and confirms late what is written to them, where the name says so."""

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        await asyncio.sleep(2.0 if b"open" in path else 0)
        return super().open(path, pflags, attrs)

    async def close(self, file_obj: object) -> None:
        await asyncio.sleep(2.0)
        super().close(file_obj)


def test_how_long_a_login_may_take_is_the_accounts_choice(tmp_path: Path) -> None:
    with servers.asyncssh_server(tmp_path / "home", login=LateLogin) as server:
        trouble = refusal(server.settings(reply_seconds=0.3))
        assert (type(trouble), trouble.code) == (Unreachable, "login_unanswered")
        assert advice(REPLY) in trouble.sentence
        with SftpTransport.connect(server.settings(reply_seconds=9)) as remote:
            assert remote.listdir(".") == []


@pytest.mark.slow
def test_how_long_a_reply_may_take_is_the_accounts_choice(tmp_path: Path) -> None:
    with servers.asyncssh_server(tmp_path / "home", LateFolders) as server:
        for name, kind in (("open.zip", Unreachable), ("close.zip", Unclear)):
            with pytest.raises(Trouble) as caught, SftpTransport.connect(server.settings(reply_seconds=1)) as remote:
                remote.create(name, b"x")
            assert type(caught.value) is kind
            assert advice(REPLY) in caught.value.sentence
        with SftpTransport.connect(server.settings(reply_seconds=9)) as remote:
            remote.create("opened.zip", b"x")
        assert (server.home / "opened.zip").read_bytes() == b"x"


@pytest.mark.slow
def test_a_banner_may_take_fifteen_seconds(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with (
        servers.openssh(tmp_path, request.node.nodeid) as server,
        late_banner(server, 15.0) as settings,
        SftpTransport.connect(settings) as remote,
    ):
        assert remote.listdir(".") == []


def test_a_private_address_is_never_dialled() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        for host in ("127.0.0.1", "localhost", "::ffff:127.0.0.1"):
            with pytest.raises(Refused) as caught:
                dial(host, server.getsockname()[1], 1)
            assert caught.value.code == "host_private"
        with pytest.raises(TimeoutError):
            server.accept()


class CuttingProxy:
    """Forwards a connection and cuts it after ``after`` bytes towards the server, or stalls there."""

    def __init__(self, port: int, after: int, stalls: bool = False) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._to = port
        self._left = after
        self._stalls = stalls
        self.passed = 0
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        client, _ = self._listening.accept()
        server = socket.create_connection(("127.0.0.1", self._to))
        self._sockets += [client, server]
        threading.Thread(target=self._back, args=(server, client), daemon=True).start()
        while self._left > 0:
            data = client.recv(min(self._left, 4096))
            if not data:
                break
            server.sendall(data)
            self._left -= len(data)
            self.passed += len(data)
        if not self._stalls:
            self.close()

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass

    def close(self) -> None:
        for one in [*self._sockets, self._listening]:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def line(settings: dict[str, Any], after: int, stalls: bool = False) -> Iterator[tuple[dict[str, Any], CuttingProxy]]:
    proxy = CuttingProxy(settings["port"], after, stalls)
    try:
        yield {**settings, "port": proxy.port}, proxy
    finally:
        proxy.close()


def test_wherever_the_connection_breaks_the_error_says_what_is_known(
    sftp_settings: dict[str, Any], quiet_sandbox: Sandbox
) -> None:
    body = os.urandom(100_000)
    with line(sftp_settings, 10_000_000) as (through, proxy), SftpTransport.connect(through) as remote:
        before = proxy.passed
        remote.create("Send_SMS/whole.zip", body)
        after = proxy.passed
    seen = set()
    for number, cut in enumerate([100, before - 200, before, before + 30, before + 40_000, after - 60, after - 20]):
        name = f"cut{number}.zip"
        there = quiet_sandbox.home() / "Send_SMS" / name
        with line(sftp_settings, cut) as (through, _):
            try:
                with SftpTransport.connect(through) as remote:
                    remote.create(f"Send_SMS/{name}", body)
                ending = "done"
            except Trouble as trouble:
                ending = type(trouble).__name__
        if ending == "Unreachable":
            assert not there.exists() or there.stat().st_size == 0
        elif ending == "done":
            assert there.read_bytes() == body
        else:
            assert ending == "Unclear"
        seen.add(ending)
    assert {"Unreachable", "Unclear"} <= seen


def test_a_stalled_connection_ends_in_time(
    sftp_settings: dict[str, Any], quiet_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "SFTP_TOTAL_SECONDS", 1.0)
    body = os.urandom(20_000_000)
    with (
        line(sftp_settings, 200_000, stalls=True) as (through, _),
        pytest.raises(Unclear) as caught,
        SftpTransport.connect(through) as remote,
    ):
        remote.create("Send_SMS/stalled.zip", body)
    assert caught.value.code == "upload_broken"


@pytest.mark.parametrize("fault", ["smsportal:drop-connection", "smsportal:drop-at-close"])
def test_a_server_that_drops_the_connection_leaves_it_unclear(
    sftp_settings: dict[str, Any], sandbox: Sandbox, fault: str
) -> None:
    sandbox.fault(fault)
    with pytest.raises(Unclear), SftpTransport.connect(sftp_settings) as remote:
        remote.create(f"Send_SMS/{fault[10:]}.zip", os.urandom(300_000))
