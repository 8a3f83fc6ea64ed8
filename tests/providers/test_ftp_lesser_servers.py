"""FTP servers that know less, or say it otherwise: each is mastered, or refused by naming what is missing."""

import ftplib
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyftpdlib.handlers import FTPHandler

from providers.adapters.clickatell import Adapter as Clickatell
from providers.adapters.gatewayapi import Adapter as GatewayApi
from providers.adapters.smsportal import Adapter as SmsPortal
from providers.errors import Refused, Unclear, Unreachable
from providers.transports.ftp import FtpRemote, FtpTransport
from providers.transports.ftp_listing import KnownTimes
from tests.providers import servers
from tests.providers.test_clickatell_reading import NOON, PAYLOAD, attempt
from tests.providers.test_ftp import Scripted, named, scripted, trouble_of

__all__ = ["scripted"]

BODY = os.urandom(200_000)
NO_NAMES = ("MLSD", "MLST", "NLST")


class WindowsFolders(servers.Folders):
    """Lists as IIS does."""

    def format_list(self, basedir: str, listing: list[str], ignore_err: bool = True) -> Iterator[bytes]:
        for name in listing:
            path = Path(basedir, name)
            size = "<DIR>         " if path.is_dir() else f"{path.stat().st_size:>20}"
            yield f"11-21-26  12:01PM {size} {name}\r\n".encode("utf-8", "surrogateescape")


class ExtendedAnswer(FTPHandler):
    """Answers PASV in the form of EPSV."""

    def ftp_PASV(self, line: str) -> None:
        self._make_epasv(extmode=True)


class Aborts(FTPHandler):
    """Answers 426 to an upload that arrived whole."""

    is_storing = False

    def respond(self, resp: str, *arguments: Any, **named: Any) -> None:
        super().respond(resp.replace("226", "426", 1) if self.is_storing else resp, *arguments, **named)

    def ftp_STOR(self, *arguments: Any, **named: Any) -> Any:
        self.is_storing = True
        return super().ftp_STOR(*arguments, **named)

    def ftp_SIZE(self, path: str) -> Any:
        self.is_storing = False
        return super().ftp_SIZE(path)


WAYS: dict[str, dict[str, Any]] = {
    "LIST in the Unix form only": {"without": NO_NAMES},
    "LIST in the Windows form only": {"without": NO_NAMES, "abstracted_fs": WindowsFolders},
    "LIST only, neither SIZE nor MDTM": {"without": (*NO_NAMES, "SIZE", "MDTM")},
    "NLST without SIZE": {"without": ("MLSD", "MLST", "SIZE")},
    "MLSD without SIZE": {"without": ("SIZE",)},
    "MLSD without SIZE and LIST": {"without": ("SIZE", "LIST")},
    "EPSV only": {"without": ("PASV",)},
    "229 to PASV": {"handler": ExtendedAnswer},
    "426 after a whole upload": {"handler": Aborts},
    "UTF-8 off": {"encoding": "latin-1"},
    "neither PWD nor NOOP": {"without": ("PWD", "NOOP", "FEAT", "OPTS")},
}

WAYS_WITHOUT_TIMES: dict[str, dict[str, Any]] = {
    "LIST only, neither SIZE nor MDTM": {"without": (*NO_NAMES, "SIZE", "MDTM")},
    "LIST in the Unix form, no MDTM": {"without": (*NO_NAMES, "MDTM")},
    "LIST in the Windows form, no MDTM": {"without": (*NO_NAMES, "MDTM"), "abstracted_fs": WindowsFolders},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_server_that_knows_less_takes_and_shows_every_file(tmp_path: Path, way: dict[str, Any]) -> None:
    with servers.pyftpdlib(tmp_path / "home", **way) as server:
        (server.home / "Send_SMS" / "deeper").mkdir(parents=True)
        (server.home / "Processed").mkdir()
        with FtpTransport.connect(server.settings()) as remote:
            assert remote.listdir("Processed") == []
            remote.create("Send_SMS/a b.zip", BODY)
            assert (server.home / "Send_SMS" / "a b.zip").read_bytes() == BODY
            (server.home / "Send_SMS" / "linked.zip").symlink_to(server.home / "Send_SMS" / "a b.zip")
            (server.home / "Send_SMS" / "é.txt").write_bytes(b"here")
            accented = "\udce9.txt" if "encoding" in way else "é.txt"
            with pytest.raises(Refused) as caught:
                remote.create("Send_SMS/a b.zip", b"second")
            assert caught.value.code == "name_taken"
            sizes = {entry.name: entry.size for entry in remote.listdir("Send_SMS")}
            assert (sizes["a b.zip"], sizes[accented]) == (len(BODY), 4)
            assert set(sizes) == {"a b.zip", "linked.zip", accented}
            assert [entry.name for entry in remote.listdir("Send_SMS", "a b")] == ["a b.zip"]
            assert remote.size("Send_SMS/a b.zip") == len(BODY)
            assert remote.size("Send_SMS/nothing.zip") is None
            remote.rename("Send_SMS/a b.zip", "Send_SMS/c d.zip")
            assert remote.read("Send_SMS/c d.zip", 1_000_000) == BODY


@pytest.mark.parametrize("way", WAYS_WITHOUT_TIMES.values(), ids=WAYS_WITHOUT_TIMES)
@pytest.mark.parametrize("uses_known_times", [False, True])
def test_foreign_logs_without_a_time_are_downloaded_once_and_again_only_when_they_grew(
    way: dict[str, Any], uses_known_times: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    putcmd = ftplib.FTP.putcmd

    def put(ftp: ftplib.FTP, line: str) -> None:
        sent.append(line)
        putcmd(ftp, line)

    monkeypatch.setattr(ftplib.FTP, "putcmd", put)
    home = tmp_path / "home"
    home.mkdir()
    for number in range(30):
        (home / f"foreign-{number}.log").write_text(f"ID: {number:032x} To: 4477009{number:05}\n")
    ours = home / f"{PAYLOAD.stem}-a1.txt.log"
    ours.write_text("password: x\n")
    clock = NOON
    counted, seen = [], []
    with (
        servers.pyftpdlib(home, **way) as server,
        FtpTransport.connect(server.settings()) as remote,
    ):
        if uses_known_times:
            remote.known_times = KnownTimes(lambda: clock)
        for grown in (False, False, True, False):
            if grown:
                with (home / "foreign-7.log").open("a") as log:
                    log.write(f"ID: {'f' * 32} To: 447700900000\n")
            sent.clear()
            observation = Clickatell().poll(remote, PAYLOAD, [attempt()], clock)
            (file,) = observation.files
            assert file.body is not None
            seen.append(replace(file, version=""))
            assert file.version
            remote.already_read.bodies[file.version] = (file.size, file.body)
            counted.append(sum(line.startswith("RETR") for line in sent))
            clock += timedelta(minutes=3)
    assert counted == [31, 0, 1, 0]
    assert seen == seen[:1] * 4


def test_a_server_that_cannot_list_is_refused_by_name(tmp_path: Path) -> None:
    with servers.pyftpdlib(tmp_path / "home", without=(*NO_NAMES, "LIST")) as server:
        trouble = trouble_of(server.settings(), lambda remote: remote.listdir(""))
    assert (named(trouble), trouble.account) == ((Refused, "listing_unsupported"), True)
    assert "neither MLSD nor NLST nor LIST" in trouble.sentence


def test_a_server_without_passive_transfers_is_refused_by_name(tmp_path: Path) -> None:
    with servers.pyftpdlib(tmp_path / "home", without=("PASV", "EPSV")) as server:
        trouble = trouble_of(server.settings(), lambda remote: remote.listdir(""))
    assert (named(trouble), trouble.account) == ((Refused, "passive_refused"), True)
    assert "PASV and EPSV" in trouble.sentence


def test_the_connection_test_names_a_size_that_cannot_be_compared(scripted: Callable[..., Scripted]) -> None:
    server = scripted()
    with FtpTransport.connect(server.settings()) as remote:
        checks = {check.code: check for check in GatewayApi().check(remote, datetime.now(UTC))}
    assert checks["size"].passed is False
    assert "neither SIZE nor LIST" in checks["size"].sentence


@pytest.mark.parametrize("adapter", [Clickatell(), SmsPortal()], ids=["clickatell", "smsportal"])
@pytest.mark.parametrize(
    ("nlst", "listing", "is_said"),
    [
        ("502 no", b"", True),
        ("502 no", b"total 0\r\n", True),
        ("502 no", b"drwxr-xr-x 2 u g 4096 Aug 26 16:31 deeper\r\n", False),
        ("150 here", b"", False),
    ],
)
def test_the_connection_test_says_that_the_form_of_an_empty_listing_is_unknown(
    scripted: Callable[..., Scripted], adapter: Any, nlst: str, listing: bytes, is_said: bool
) -> None:
    server = scripted({"NLST": nlst, "LIST": "150 here"}, listing=listing)
    with FtpTransport.connect(server.settings()) as remote:
        checks = {check.code: check for check in adapter.check(remote, datetime.now(UTC))}
    assert ("listing" in checks) == is_said
    if is_said:
        assert (checks["listing"].passed, checks["listing"].is_warning) == (None, True)
        assert checks["listing"].sentence == "The folder is empty, so Baton could not check the form of its listing."


@pytest.mark.parametrize(
    "line",
    [
        b"-rw-r--r--   1 owner    group         213 Aug 26 16:31 a b.zip",
        b"-rw-r--r--   1 owner    213 Aug 26  2026 a b.zip",
        b"-rwxrwxrwx+  1 1000 domain-users 213 26 Aug 16:31 a b.zip",
        b"-rw------- 1 u g 213 2026-08-26 16:31 a b.zip",
        b"08-26-26  04:31PM                  213 a b.zip",
        b"2026-08-26  16:31                  213 a b.zip",
    ],
)
def test_every_form_of_a_line_of_list(scripted: Callable[..., Scripted], line: bytes) -> None:
    listing = b"total 12\r\ndrwxr-xr-x 2 u g 4096 Aug 26 16:31 deeper\r\n08-26-26  04:31PM  <DIR>  more\r\n" + line
    server = scripted({"NLST": "502 no", "LIST": "150 here"}, listing=listing + b"\r\n")
    with FtpTransport.connect(server.settings()) as remote:
        assert [(entry.name, entry.size) for entry in remote.listdir()] == [("a b.zip", 213)]
    assert "FEAT" not in server.commands


def test_a_line_of_list_that_cannot_be_read_hides_no_file(scripted: Callable[..., Scripted]) -> None:
    server = scripted({"NLST": "502 no", "LIST": "150 here"}, listing=b"a.zip, 213 bytes\r\n")
    trouble = trouble_of(server.settings(), lambda remote: remote.listdir())
    assert (named(trouble), trouble.account) == ((Refused, "listing_unreadable"), True)


@pytest.mark.parametrize("no", ["450 No files found", "550 No files found"])
@pytest.mark.parametrize("names", ["450 No files found", "550 No files found", "502 no"])
def test_an_empty_folder_is_empty_however_it_is_called(scripted: Callable[..., Scripted], no: str, names: str) -> None:
    with FtpTransport.connect(scripted({"MLSD": no, "NLST": names, "LIST": no}).settings()) as remote:
        assert remote.listdir("Processed") == []
        assert remote.listdir() == []


def test_replies_may_have_several_lines(scripted: Callable[..., Scripted]) -> None:
    answers = {
        "GREETING": "220-hello\r\n220-213 99\r\n220 go on",
        "PASS": "230-in\r\n230 come",
        "SIZE": "213-213 99\r\n213 12",
        "MDTM": "213-soon\r\n213 20261121120102",
    }
    with FtpTransport.connect(scripted(answers, listing=b"a.zip\r\n").settings()) as remote:
        (entry,) = remote.listdir("Send_SMS")
    assert (entry.size, entry.modified_at) == (12, datetime(2026, 11, 21, 12, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("answer", ["504 no", "500 what", "550 no"])
def test_a_server_without_binary_transfers_is_refused_by_name(scripted: Callable[..., Scripted], answer: str) -> None:
    trouble = trouble_of(scripted({"TYPE": answer}).settings(), lambda remote: remote.listdir())
    assert (named(trouble), trouble.account) == ((Refused, "binary_refused"), True)
    assert f"answered {answer[:3]} to TYPE I" in trouble.sentence


def test_a_refusal_later_on_is_named_and_is_no_broken_connection(scripted: Callable[..., Scripted]) -> None:
    server = scripted()

    def log_out_and_ask(remote: FtpRemote) -> None:
        server.answers["TYPE"] = "530 Please log in"
        remote.ready()

    trouble = trouble_of(server.settings(), log_out_and_ask)
    assert named(trouble) == (Unreachable, "command_refused")
    assert "530" in trouble.sentence


@pytest.mark.parametrize("command", ["MLSD", "NLST", "LIST"])
def test_426_after_a_whole_listing_is_its_end(scripted: Callable[..., Scripted], command: str) -> None:
    lines = {
        "MLSD": b"type=file;size=213; a.zip\r\n",
        "NLST": b"a.zip\r\n",
        "LIST": b"-rw-r--r-- 1 u g 213 Aug 26 16:31 a.zip\r\n",
    }
    answers = {"NLST": "502 no", command: "150 here", "END": "426 aborted", "SIZE": "213 213"}
    server = scripted(answers, listing=lines[command])
    with FtpTransport.connect(server.settings()) as remote:
        assert [(entry.name, entry.size) for entry in remote.listdir()] == [("a.zip", 213)]
    assert server.commands.count(command) == 2


@pytest.mark.parametrize("listing", [b"", b"a.zip\r\nb.z"])
def test_426_after_a_listing_that_may_be_cut_short_is_no_evidence(
    scripted: Callable[..., Scripted], listing: bytes
) -> None:
    server = scripted({"END": "426 aborted"}, listing=listing)
    trouble = trouble_of(server.settings(), lambda remote: remote.listdir())
    assert named(trouble) == (Unreachable, "busy")
    assert "426" in trouble.sentence


def test_426_after_a_listing_that_is_another_the_second_time_is_no_evidence() -> None:
    class Varying(Scripted):
        def _transfer(self, *arguments: Any) -> bool:
            self.listing += b"a.zip\r\n"
            return super()._transfer(*arguments)

    with closing(Varying({"END": "426 aborted"})) as server:
        assert named(trouble_of(server.settings(), lambda remote: remote.listdir())) == (Unreachable, "busy")


@pytest.mark.parametrize(("size", "body"), [("213 5", b"whole"), ("213 9", None), ("450 busy", None)])
def test_426_after_a_download_is_its_end_only_if_the_size_agrees(
    scripted: Callable[..., Scripted], size: str, body: bytes | None
) -> None:
    server = scripted({"END": "426 aborted", "SIZE": size}, listing=b"whole")
    if body:
        with FtpTransport.connect(server.settings()) as remote:
            assert remote.read("a.txt", 100) == body
    else:
        assert named(trouble_of(server.settings(), lambda remote: remote.read("a.txt", 100))) == (Unreachable, "busy")


def test_a_file_in_use_does_not_hide_the_others(scripted: Callable[..., Scripted]) -> None:
    busy = "450 in use"
    server = scripted({"SIZE": busy, "MDTM": busy, "CWD": busy}, listing=b"a.zip\r\nb.zip\r\n")
    with FtpTransport.connect(server.settings()) as remote:
        entries = [(entry.name, entry.size, entry.modified_at) for entry in remote.listdir()]
    assert entries == [("a.zip", 0, None), ("b.zip", 0, None)]


@pytest.mark.parametrize("size", ["213 5", "550 no such file", "421 bye", "502 no"])
def test_an_aborted_upload_that_is_not_shown_whole_stays_unclear(scripted: Callable[..., Scripted], size: str) -> None:
    server = scripted({"STOR-END": "426 aborted", "SIZE": size})
    trouble = trouble_of(server.settings(), lambda remote: remote.store("Send_SMS/a.zip", BODY))
    assert named(trouble) == (Unclear, "upload_broken")
    assert trouble.reply == b"426 aborted"
