"""The FTP transport against third-party servers, and against one that breaks where it is told to."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from providers import timing
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.time_limits import CONNECT, GREETING, REPLY, advice
from providers.transports import ftp_connection, ftp_listing
from providers.transports.dial import dial
from providers.transports.ftp import FtpRemote, FtpTransport
from tests.providers import servers
from tests.providers.servers import HOST, FileServer
from tests.waiting import wait_until

DROP = object()
HANG = object()
LATE_SECONDS = 0.6


class Late(NamedTuple):
    """An answer that comes after LATE_SECONDS."""

    answer: str


# -- servers -------------------------------------------------------------------------------------------------------


def running(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, *, tls: bool = False
) -> AbstractContextManager[FileServer]:
    if name == "pyftpdlib":
        return servers.pyftpdlib(tmp_path / "home", tls=tls)
    return servers.vsftpd(tmp_path, request.node.nodeid, tls=tls)


@pytest.fixture(params=["pyftpdlib", "pyftpdlib-tls", "vsftpd", "vsftpd-tls"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileServer]:
    """Each server in turn; pyftpdlib has MLSD, vsftpd lacks it and requires TLS session reuse."""
    name, _, tls = request.param.partition("-")
    with running(name, tmp_path, request, tls=bool(tls)) as found:
        (found.home / "Send_SMS").mkdir()
        yield found


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[FileServer]:
    with servers.pyftpdlib(tmp_path / "home") as found:
        yield found


class Scripted:
    """A server on a real socket that answers each command as it is told.

    ``answers`` maps a command to a line, to bytes that are written unchanged before the connection is dropped, to DROP
    or to HANG. ``STOR-END`` is the answer after the upload, of which ``takes`` bytes are read (None: all);
    ``listing`` is what NLST, MLSD and RETR yield.
    """

    def __init__(
        self, answers: dict[str, Any] | None = None, *, takes: int | None = None, listing: bytes = b""
    ) -> None:
        self.answers = {
            "GREETING": "220 hello",
            "USER": "331 password",
            "PASS": "230 in",
            "TYPE": "200 binary",
            "NOOP": "200 fine",
            "PWD": '257 "/home/x"',
            "CWD": "250 there",
            "RNFR": "350 to what",
            "RNTO": "250 renamed",
            "QUIT": "221 bye",
            "MLSD": "500 no such thing",
            "SIZE": "500 no such thing",
            "MDTM": "500 no such thing",
            "STOR": "150 go on",
            "STOR-END": "226 stored",
            "LIST": "502 no such thing",
            "NLST": "150 here",
            "RETR": "150 here",
            "END": "226 done",
            **(answers or {}),
        }
        self.takes = takes
        self.listing = listing
        self.commands: list[str] = []
        self.received = b""
        self.was_reset = False
        self.upload_ended = threading.Event()
        self.stopped = threading.Event()
        self._listening = socket.create_server((HOST, 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def settings(self, **others: Any) -> dict[str, Any]:
        return FileServer(Path(), self.port, "baton").settings(**others)

    def close(self) -> None:
        self.stopped.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        passive = socket.create_server((HOST, 0))
        port = passive.getsockname()[1]
        # An address that leads elsewhere, as behind some firewalls.
        self.answers.setdefault("PASV", "")
        with connection, passive, suppress(OSError, BrokenPipeError):
            if not self._answer(connection, "GREETING"):
                return
            for line in connection.makefile("r", encoding="latin-1"):
                command = line.split()[0].upper()
                self.commands.append(line.strip())
                if command == "PASV" and not self.answers["PASV"]:
                    connection.sendall(f"227 here (10,0,0,1,{port >> 8},{port & 255})\r\n".encode())
                elif command in ("STOR", "NLST", "MLSD", "LIST", "RETR"):
                    if not self._transfer(connection, passive, command):
                        return
                elif not self._answer(connection, command):
                    return

    def _transfer(self, connection: socket.socket, passive: socket.socket, command: str) -> bool:
        data, _ = passive.accept()
        with data:
            if not self._answer(connection, command):
                return False
            if not self.answers[command].startswith("1"):
                return True
            if command != "STOR":
                data.sendall(self.listing)
                data.close()
                return self._answer(connection, "END")
            self._receive(data)
            self.upload_ended.set()
            return self._answer(connection, "STOR-END")

    def _receive(self, data: socket.socket) -> None:
        try:
            while self.takes is None or len(self.received) < self.takes:
                piece = data.recv(65536 if self.takes is None else min(65536, self.takes - len(self.received)))
                if not piece:
                    return
                self.received += piece
            if self.answers["STOR-END"] is HANG:
                # Reads no further, and waits until the other side closes.
                self.stopped.wait(20)
                while data.recv(65536):
                    pass
        except ConnectionResetError:
            self.was_reset = True

    def _answer(self, connection: socket.socket, command: str) -> bool:
        answer = self.answers.get(command, "502 no such thing")
        if isinstance(answer, Late):
            self.stopped.wait(LATE_SECONDS)
            answer = answer.answer
        if answer is HANG:
            self.stopped.wait(20)
            return False
        if answer is DROP:
            return False
        if isinstance(answer, bytes):
            connection.sendall(answer)
            return False
        connection.sendall(answer.encode("latin-1") + b"\r\n")
        return not answer.startswith("421")


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    started: list[Scripted] = []

    def start(*arguments: Any, **named: Any) -> Scripted:
        started.append(Scripted(*arguments, **named))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GREETING", "REPLY", "CLOSING", "LOGIN"):
        monkeypatch.setattr(timing, f"FTP_{name}_SECONDS", 0.5)


def trouble_of(settings: dict[str, Any], operation: Callable[[FtpRemote], Any] = lambda remote: None) -> Trouble:
    with pytest.raises(Trouble) as caught, FtpTransport.connect(settings) as remote:
        operation(remote)
    return caught.value


def named(trouble: Trouble) -> tuple[type, str]:
    return type(trouble), trouble.code


# -- all servers ---------------------------------------------------------------------------------------------------


def test_it_stores_lists_reads_renames_and_deletes(server: FileServer) -> None:
    body = os.urandom(300_000)
    before = datetime.now(UTC).replace(microsecond=0)
    with FtpTransport.connect(server.settings()) as remote:
        remote.ready()
        assert remote.host == f"{HOST}:{server.port}"
        assert remote.hosts() == (remote.host,)
        assert remote.listdir("Send_SMS") == []
        remote.store("Send_SMS/a.zip", body)
        (entry,) = remote.listdir("Send_SMS")
        assert (entry.name, entry.size) == ("a.zip", len(body))
        assert entry.modified_at
        assert entry.modified_at >= before
        assert remote.server_clock("Send_SMS/a.zip") == entry.modified_at
        assert remote.size("Send_SMS/a.zip") == len(body)
        assert remote.read("Send_SMS/a.zip", 1_000_000) == body
        assert remote.read("Send_SMS/a.zip", 10) == body[:10]
        remote.rename("Send_SMS/a.zip", "Send_SMS/b.zip")
        assert remote.size("Send_SMS/a.zip") is None
        assert remote.read("Send_SMS/a.zip", 10) is None
        assert remote.server_clock("Send_SMS/a.zip") is None
        assert (server.home / "Send_SMS/b.zip").read_bytes() == body
        assert remote.delete("Send_SMS/b.zip")
        assert not remote.delete("Send_SMS/b.zip")
        assert remote.listdir() == []


def test_a_missing_folder_stops_the_account(server: FileServer) -> None:
    with FtpTransport.connect(server.settings()) as remote:
        for operation in (lambda: remote.listdir("Nowhere"), lambda: remote.store("Nowhere/a.zip", b"x")):
            with pytest.raises(Refused) as caught:
                operation()
            assert caught.value.code == "folder_missing"
            assert caught.value.account
            assert "Nowhere" in caught.value.sentence
        assert remote.listdir("Send_SMS") == []


def test_a_name_is_written_only_once(server: FileServer) -> None:
    with FtpTransport.connect(server.settings()) as remote:
        remote.create("Send_SMS/a.zip", b"first")
        with pytest.raises(Refused) as caught:
            remote.create("Send_SMS/a.zip", b"second")
        assert named(caught.value) == (Refused, "name_taken")
        assert not caught.value.account
        assert remote.read("Send_SMS/a.zip", 100) == b"first"


def test_a_source_that_is_not_there_cannot_be_renamed(server: FileServer) -> None:
    with FtpTransport.connect(server.settings()) as remote:
        with pytest.raises(Refused) as caught:
            remote.rename("Send_SMS/a.zip", "Send_SMS/b.zip")
        assert caught.value.code == "rename_source_missing"
        assert caught.value.reply.startswith(b"550")
        remote.ready()


def test_a_wrong_password_stops_the_account(server: FileServer) -> None:
    trouble = trouble_of(server.settings(password="not-the-one"))
    assert named(trouble) == (Refused, "login_refused")
    assert trouble.account
    assert "not-the-one" not in str(trouble)


def test_a_private_address_is_never_dialled(server: FileServer) -> None:
    trouble = trouble_of(server.settings(allow_private_hosts=False))
    assert named(trouble) == (Refused, "host_private")
    assert trouble.account


# -- listings ------------------------------------------------------------------------------------------------------


def test_names_that_are_no_utf8_do_not_break_a_list(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with servers.vsftpd(tmp_path, request.node.nodeid) as server:
        (server.home / "Processed").mkdir()
        strange = os.fsencode(server.home) + b"/Processed/caf\xe9 1.txt"
        Path(os.fsdecode(strange)).write_bytes(b"here")
        (server.home / "Processed" / "é.txt").write_bytes(b"")
        with FtpTransport.connect(server.settings()) as remote:
            entries = {entry.name: entry.size for entry in remote.listdir("Processed")}
            assert entries == {"caf\udce9 1.txt": 4, "é.txt": 0}
            assert remote.read("Processed/caf\udce9 1.txt", 100) == b"here"


@pytest.mark.parametrize("name", ["pyftpdlib", pytest.param("vsftpd", marks=pytest.mark.slow)])
def test_ten_thousand_names(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # vsftpd leaves hidden files out, and each name's size needs a command of its own.
    with running(name, tmp_path, request) as server:
        folder = server.home / "Processed"
        folder.mkdir()
        for number in range(10_000):
            (folder / f"c1-b{number}-g1-0a1b2c3d.zip").write_bytes(b"x" * (number % 7))
        with FtpTransport.connect(server.settings()) as remote:
            entries = {entry.name: entry.size for entry in remote.listdir("Processed")}
            (one,) = remote.listdir("Processed", "-b1234-")
    assert entries == {f"c1-b{number}-g1-0a1b2c3d.zip": number % 7 for number in range(10_000)}
    assert (one.name, one.size) == ("c1-b1234-g1-0a1b2c3d.zip", 1234 % 7)


def test_folders_in_a_folder_are_left_out(server: FileServer) -> None:
    (server.home / "Send_SMS" / "deeper").mkdir()
    (server.home / "Send_SMS" / "file").write_bytes(b"1234")
    (server.home / "linked").symlink_to(server.home / "Send_SMS" / "deeper")
    with FtpTransport.connect(server.settings()) as remote:
        assert [(entry.name, entry.size) for entry in remote.listdir("Send_SMS")] == [("file", 4)]
        assert remote.listdir() == []
        assert remote.size("Send_SMS/file") == 4


def test_a_folder_that_may_not_be_listed_is_not_empty(tmp_path: Path) -> None:
    with servers.pyftpdlib(tmp_path / "home", perm="erw") as server:
        (server.home / "Processed").mkdir()
        trouble = trouble_of(server.settings(), lambda remote: remote.listdir("Processed"))
        assert named(trouble) == (Refused, "folder_forbidden")
        assert trouble.account


@pytest.mark.parametrize(
    "listing",
    [
        b"a.zip\r\nb.zip\r\n",
        b"a.zip\nb.zip",
        b"Send_SMS/a.zip\r\nSend_SMS/b.zip\r\n",
        b"/home/x/Send_SMS/a.zip\r\n./b.zip\r\n.\r\n..\r\n/home/x/..\r\n",
        b"Send_SMS\\a.zip\r\nb.zip\r\na.zip\r\n\r\n",
    ],
)
def test_every_form_of_a_list_of_names(scripted: Callable[..., Scripted], listing: bytes) -> None:
    server = scripted({"SIZE": "213 12", "MDTM": "213 20261121120102.5"}, listing=listing)
    with FtpTransport.connect(server.settings()) as remote:
        entries = remote.listdir("Send_SMS")
    assert [(entry.name, entry.size) for entry in entries] == [("a.zip", 12), ("b.zip", 12)]
    assert entries[0].modified_at == datetime(2026, 11, 21, 12, 1, 2, tzinfo=UTC)
    assert "CWD /home/x" in server.commands


@pytest.mark.parametrize("no", ["550 No files found", "450 No files found"])
def test_a_server_that_calls_an_empty_folder_missing(scripted: Callable[..., Scripted], no: str) -> None:
    with FtpTransport.connect(scripted({"NLST": no}).settings()) as remote:
        assert remote.listdir("Processed") == []
        assert remote.listdir() == []


def test_a_truncated_listing_is_discarded(scripted: Callable[..., Scripted]) -> None:
    # For 426, see test_ftp_lesser_servers.py.
    for end in ("451 disk", DROP, b"22"):
        server = scripted({"END": end}, listing=b"a.zip\r\n")
        assert isinstance(trouble_of(server.settings(), lambda remote: remote.listdir("Processed")), Unreachable)
    server = scripted({"END": "226 Transfer done (but failed to open directory)."})
    trouble = trouble_of(server.settings(), lambda remote: remote.listdir("Processed"))
    assert named(trouble) == (Refused, "folder_forbidden")


def test_half_of_an_endless_listing_is_discarded(
    scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ftp_listing, "_LISTING_AT_MOST", 1000)
    server = scripted(listing=b"a.zip\r\n" * 1000)
    trouble = trouble_of(server.settings(), lambda remote: remote.listdir("Processed"))
    assert named(trouble) == (Unreachable, "list_too_long")


def test_facts_of_a_list_that_are_missing_or_strange(scripted: Callable[..., Scripted]) -> None:
    listing = (
        b"type=cdir;modify=20261121120000; .\r\nType=dir; deeper\r\n"
        b"Type=file;Size=7;Modify=20261121120000; a b.zip\r\nperm=r; b.zip\r\n"
        b"size=x;modify=20269999999999; ../c.zip\r\n"
    )
    with FtpTransport.connect(scripted({"MLSD": "150 here"}, listing=listing).settings()) as remote:
        entries = remote.listdir()
    assert [(entry.name, entry.size) for entry in entries] == [("a b.zip", 7), ("b.zip", 0), ("c.zip", 0)]
    assert [bool(entry.modified_at) for entry in entries] == [True, False, False]


def test_a_truncated_download_is_discarded(scripted: Callable[..., Scripted]) -> None:
    for end in ("426 broken", DROP):
        server = scripted({"END": end}, listing=b"half of it")
        assert isinstance(trouble_of(server.settings(), lambda remote: remote.read("a.zip", 100)), Unreachable)
    with FtpTransport.connect(scripted({"RETR": "450 busy"}).settings()) as remote:
        assert remote.read("a.zip", 100) is None


# -- hosts ---------------------------------------------------------------------------------------------------------


def nobody() -> int:
    with socket.create_server((HOST, 0)) as closed:
        return int(closed.getsockname()[1])


@pytest.mark.parametrize(
    "answers",
    [
        {"GREETING": HANG},
        {"GREETING": DROP},
        {"GREETING": "421 come back later"},
        {"GREETING": "120 in a minute"},
        {"GREETING": "500 OOPS: cannot"},
        {"GREETING": "SSH-2.0-OpenSSH_9.2"},
        {"GREETING": b"22"},
        {"USER": "421 too many"},
        {"USER": DROP},
        {"PASS": HANG},
        {"PASS": "530 Sorry, the maximum number of clients (2) are already connected."},
        {"PASS": "530 Login incorrect."},
        {"TYPE": DROP},
    ],
)
@pytest.mark.usefixtures("short_timeouts")
def test_another_host_takes_over(plain: FileServer, scripted: Callable[..., Scripted], answers: dict[str, Any]) -> None:
    bad = scripted(answers)
    with FtpTransport.connect(plain.settings(hosts=(f"{HOST}:{bad.port}", HOST))) as remote:
        assert remote.host == f"{HOST}:{plain.port}"
        assert remote.hosts() == (f"{HOST}:{bad.port}", f"{HOST}:{plain.port}")
        remote.store("a.zip", b"x")
    assert (plain.home / "a.zip").read_bytes() == b"x"


def test_a_host_that_is_down_is_passed_over(plain: FileServer) -> None:
    down = f"{HOST}:{nobody()}"
    hosts = (down, "nowhere.invalid", f"{HOST}:{plain.port}")
    with FtpTransport.connect(plain.settings(hosts=hosts)) as remote:
        assert remote.host == hosts[2]
        with pytest.raises(Unreachable), remote.on(down):
            pass
        with remote.on(hosts[2]) as again:
            assert again.host == hosts[2]
            assert again.hosts() == remote.hosts()
            again.ready()
        with pytest.raises(Unreachable) as caught, remote.on("elsewhere:21"):
            pass
        assert caught.value.code == "host_removed"
        remote.ready()


def test_a_host_that_takes_no_connection_is_passed_over(plain: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "CONNECT_SECONDS", 0.5)
    with socket.create_server((HOST, 0), backlog=0) as full, ExitStack() as waiting:
        address = full.getsockname()
        # The kernel drops every connection beyond the first few that nobody accepts.
        for _ in range(4):
            connection = waiting.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(address)
        with FtpTransport.connect(plain.settings(hosts=(f"{HOST}:{address[1]}", HOST))) as remote:
            assert remote.host == f"{HOST}:{plain.port}"
        trouble = trouble_of(plain.settings(port=address[1]))
        assert named(trouble) == (Unreachable, "connect_timeout")
        trouble = trouble_of(plain.settings(port=address[1], connect_seconds=0.4))
        assert named(trouble) == (Unreachable, "connect_timeout")
        assert f"within 0.4 seconds. {advice(CONNECT)}" in trouble.sentence
        waiting.close()
        threading.Timer(0.3, lambda: [full.accept() for _ in range(2)]).start()
        dial(HOST, address[1], 9, allow_private=True).close()


def test_no_host_answers(plain: FileServer) -> None:
    hosts = tuple(f"{HOST}:{nobody()}" for _ in range(2))
    trouble = trouble_of(plain.settings(hosts=hosts))
    assert named(trouble) == (Unreachable, "no_host_answers")
    assert all(host.partition(":")[2] in str(trouble) for host in hosts)
    assert named(trouble_of(plain.settings(port=nobody()))) == (Unreachable, "connect_failed")


def test_the_login_is_refused_when_every_host_that_answers_refuses_it(
    plain: FileServer, scripted: Callable[..., Scripted]
) -> None:
    refusing = scripted({"PASS": "530 no"})
    hosts = (f"{HOST}:{nobody()}", f"{HOST}:{refusing.port}", f"{HOST}:{plain.port}")
    assert named(trouble_of(plain.settings(hosts=hosts, password="wrong"))) == (Refused, "login_refused")
    assert named(trouble_of(plain.settings(hosts=hosts[:2]))) == (Refused, "login_refused")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a.example.com", "a.example.com:2121"),
        ("a.example.com:990", "a.example.com:990"),
        ("::1", "[::1]:2121"),
        ("[::1]", "[::1]:2121"),
        ("[::1]:990", "[::1]:990"),
    ],
)
def test_a_host_may_name_its_port(text: str, label: str) -> None:
    assert ftp_connection.Host.parse(text, 2121).label == label
    assert ftp_connection.Host.parse(label, 1) == ftp_connection.Host.parse(text, 2121)


@pytest.mark.usefixtures("short_timeouts")
def test_a_server_that_trickles_is_given_up(scripted: Callable[..., Scripted]) -> None:
    trouble = trouble_of(scripted({"PASS": b"230-" + b"x\r\n230-" * 2000}).settings())
    assert isinstance(trouble, Unreachable)


@pytest.mark.parametrize(
    ("limit", "answers", "label"),
    [
        ("greeting_seconds", {"GREETING": Late("220 hello")}, GREETING),
        ("reply_seconds", {"PASS": Late("230 in")}, REPLY),
        ("reply_seconds", {"NOOP": Late("200 fine")}, REPLY),
    ],
)
def test_how_long_a_server_may_take_is_the_accounts_choice(
    scripted: Callable[..., Scripted], limit: str, answers: dict[str, Any], label: str
) -> None:
    settings = scripted(answers).settings()
    trouble = trouble_of({**settings, limit: LATE_SECONDS / 3}, FtpRemote.ready)
    assert isinstance(trouble, Unreachable)
    assert advice(label) in trouble.sentence
    with FtpTransport.connect({**settings, limit: 9}) as remote:
        remote.ready()


def test_a_login_has_the_time_of_two_late_replies(
    scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "FTP_LOGIN_SECONDS", 1.0)
    server = scripted({"USER": Late("331 password"), "PASS": Late("230 in"), "TYPE": Late("200 binary")})
    trouble = trouble_of(server.settings(reply_seconds=0.7))
    assert named(trouble) == (Unreachable, "reply_timeout")
    assert advice(REPLY) in trouble.sentence


def test_a_late_reply_after_the_first_byte_stays_unclear(
    scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "FTP_FAREWELL_SECONDS", 0.1)
    server = scripted({"STOR-END": HANG}, takes=1000)
    assert named(trouble_of(server.settings(reply_seconds=0.3), stored)) == (Unclear, "upload_broken")


@pytest.mark.usefixtures("short_timeouts")
def test_after_a_timeout_no_more_commands_are_sent(scripted: Callable[..., Scripted]) -> None:
    server = scripted({"SIZE": HANG})
    with FtpTransport.connect(server.settings()) as remote:
        for operation in (lambda: remote.size("a.zip"), lambda: remote.size("a.zip"), remote.ready):
            with pytest.raises(Unreachable):
                operation()
    assert [line for line in server.commands if line.startswith(("SIZE", "NOOP"))] == ["SIZE a.zip"]


# -- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["pyftpdlib", "vsftpd"])
def encrypted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileServer]:
    with running(request.param, tmp_path, request, tls=True) as found:
        yield found


def test_an_untrusted_certificate(encrypted: FileServer, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for others in ("", servers.certificate(tmp_path / "other")):
        trouble = trouble_of(encrypted.settings(tls_certificate=others))
        assert named(trouble) == (Refused, "certificate_refused")
        assert trouble.account
    assert named(trouble_of(encrypted.settings(host="localhost"))) == (Refused, "certificate_refused")
    assert named(trouble_of(encrypted.settings(tls_certificate="ä"))) == (Refused, "certificate_unreadable")


def test_a_server_that_requires_the_tls_shutdown_is_read(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with servers.vsftpd(tmp_path, request.node.nodeid, tls=True, strict_ssl_write_shutdown="YES") as server:
        body = os.urandom(200_000)
        with FtpTransport.connect(server.settings()) as remote:
            remote.store("a.zip", body)
            assert [(entry.name, entry.size) for entry in remote.listdir("")] == [("a.zip", len(body))]
            assert remote.read("a.zip", 1_000_000) == body
            assert remote.read("a.zip", 10) == body[:10]


def test_a_server_that_requires_encryption_is_recognised(encrypted: FileServer) -> None:
    trouble = trouble_of(encrypted.settings(use_tls=False))
    assert named(trouble) == (Refused, "tls_required")
    assert trouble.account


@pytest.mark.parametrize("answers", [{}, {"AUTH": "534 no"}, {"AUTH": "234 but this is no TLS"}])
def test_without_encryption_no_password_goes_out(scripted: Callable[..., Scripted], answers: dict[str, Any]) -> None:
    server = scripted(answers)
    trouble = trouble_of(server.settings(use_tls=True))
    assert trouble.code in ("tls_refused", "line_broken")
    assert not any(line.startswith(("USER", "PASS")) for line in server.commands)
    assert server.commands[0] == "AUTH TLS"


# -- what an upload leaves behind ----------------------------------------------------------------------------------

BODY = os.urandom(3_000_000)


def stored(remote: FtpRemote) -> None:
    remote.store("Send_SMS/a.zip", BODY)


@pytest.mark.parametrize(
    ("answers", "kind", "code"),
    [
        ({"PASV": "425 cannot"}, Unreachable, "busy"),
        ({"PASV": DROP}, Unreachable, "line_broken"),
        ({"PASV": "500 no"}, Refused, "passive_refused"),
        ({"PASV": "227 nonsense"}, Unreachable, "line_broken"),
        ({"STOR": "550 no"}, Refused, "upload_refused"),
        ({"STOR": "553 Permission denied"}, Refused, "folder_forbidden"),
        ({"STOR": "550 no", "CWD": "550 no"}, Refused, "folder_missing"),
        ({"STOR": "450 busy"}, Unreachable, "busy"),
        ({"STOR": "421 bye"}, Unreachable, "busy"),
        ({"STOR": DROP}, Unreachable, "line_broken"),
        ({"STOR": HANG}, Unreachable, "reply_timeout"),
        ({"STOR": b"15"}, Unreachable, "line_broken"),
    ],
)
@pytest.mark.usefixtures("short_timeouts")
def test_before_the_first_byte_nothing_can_have_arrived(
    scripted: Callable[..., Scripted], answers: dict[str, Any], kind: type, code: str
) -> None:
    server = scripted(answers)
    trouble = trouble_of(server.settings(), stored)
    assert named(trouble) == (kind, code)
    assert server.received == b""
    assert trouble.account == (code in ("passive_refused", "folder_forbidden", "folder_missing"))


@pytest.mark.parametrize(
    "end", [DROP, HANG, b"22", "200 hm", "426 broken", "451 disk", "552 full", "550 no", "421 bye"]
)
@pytest.mark.parametrize("takes", [None, 0, 100_000])
@pytest.mark.usefixtures("short_timeouts")
def test_after_the_first_byte_only_a_positive_reply_is_a_success(
    scripted: Callable[..., Scripted], takes: int | None, end: Any
) -> None:
    server = scripted({"STOR-END": end}, takes=takes)
    trouble = trouble_of(server.settings(), stored)
    assert named(trouble) == (Unclear, "upload_broken")
    if takes is None:
        assert server.received == BODY
        assert trouble.reply == (end.encode() if isinstance(end, str) else b"")
    assert not any(line.startswith("ABOR") for line in server.commands)


@pytest.mark.parametrize("end", ["226 stored", "250 stored", "226-first\r\n226 last"])
def test_a_positive_reply(scripted: Callable[..., Scripted], end: str) -> None:
    server = scripted({"STOR-END": end})
    with FtpTransport.connect(server.settings()) as remote:
        stored(remote)
        remote.ready()
    assert server.received == BODY


def test_the_address_in_the_answer_to_pasv_is_not_dialled(scripted: Callable[..., Scripted]) -> None:
    # The scripted server names 10.0.0.1.
    server = scripted()
    with FtpTransport.connect(server.settings()) as remote:
        remote.store("a.zip", b"x")
    assert server.received == b"x"


@pytest.mark.usefixtures("short_timeouts")
def test_an_upload_that_stalls_is_reset(scripted: Callable[..., Scripted]) -> None:
    server = scripted({"STOR-END": HANG}, takes=1000)
    with pytest.raises(Unclear), FtpTransport.connect(server.settings()) as remote:
        remote.store("a.zip", BODY * 10)
    server.stopped.set()
    assert server.upload_ended.wait(20)
    assert server.was_reset


UPLOAD = """
import sys
from providers.transports.ftp import FtpTransport
settings = {"host": "127.0.0.1", "port": int(sys.argv[1]), "username": "x", "password": "x", "allow_private_hosts": 1}
with FtpTransport.connect(settings) as remote:
    remote.store("a.zip", bytes(50_000_000))
"""


def test_a_worker_killed_in_an_upload_leaves_no_clean_end(scripted: Callable[..., Scripted]) -> None:
    server = scripted({"STOR-END": HANG}, takes=1000)
    worker = subprocess.Popen([sys.executable, "-c", UPLOAD, str(server.port)])
    wait_until(lambda: len(server.received) == 1000, "the upload has begun")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    server.stopped.set()
    assert server.upload_ended.wait(20)
    assert server.was_reset


def test_a_file_whose_size_is_not_available(scripted: Callable[..., Scripted]) -> None:
    server = scripted(listing=b"a.zip\r\n")
    with FtpTransport.connect(server.settings()) as remote:
        with pytest.raises(Refused) as caught:
            remote.size("Send_SMS/a.zip")
        assert caught.value.code == "size_unsupported"
        remote.create("Send_SMS/b.zip", b"x")
    assert server.received == b"x"


# -- what a rename leaves behind -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "kind", "code"),
    [
        ({"RNFR": "550 no such file"}, Refused, "rename_source_missing"),
        ({"RNFR": "553 not this one"}, Refused, "rename_refused"),
        ({"RNFR": "450 busy"}, Unreachable, "busy"),
        ({"RNFR": "421 bye"}, Unreachable, "busy"),
        ({"RNFR": DROP}, Unreachable, "line_broken"),
        ({"RNFR": HANG}, Unreachable, "reply_timeout"),
        ({"RNTO": "553 no"}, Refused, "rename_refused"),
        ({"RNTO": "550 no"}, Refused, "rename_refused"),
        ({"RNTO": "451 hm"}, Unclear, "rename_broken"),
        ({"RNTO": "421 bye"}, Unclear, "rename_broken"),
        ({"RNTO": "350 more"}, Unclear, "rename_broken"),
        ({"RNTO": DROP}, Unclear, "rename_broken"),
        ({"RNTO": HANG}, Unclear, "rename_broken"),
        ({"RNTO": b"25"}, Unclear, "rename_broken"),
    ],
)
@pytest.mark.usefixtures("short_timeouts")
def test_what_is_known_of_a_rename(
    scripted: Callable[..., Scripted], answers: dict[str, Any], kind: type, code: str
) -> None:
    server = scripted(answers)
    trouble = trouble_of(server.settings(), lambda remote: remote.rename("a.csv", "a.csv.ready"))
    assert named(trouble) == (kind, code)
    if "RNFR" in answers:
        assert not any(line.startswith("RNTO") for line in server.commands)
    if kind is Refused:
        assert trouble.reply[:1] == b"5"


def test_a_path_that_would_be_another_command_is_refused(scripted: Callable[..., Scripted]) -> None:
    server = scripted()
    trouble = trouble_of(server.settings(), lambda remote: remote.delete("a.zip\r\nDELE b.zip"))
    assert named(trouble) == (Refused, "line_break")
    assert named(trouble_of(server.settings(password="x\r\nDELE b.zip"))) == (Refused, "line_break")
    assert not any(line.startswith("DELE") for line in server.commands)
