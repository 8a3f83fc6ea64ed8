import ftplib
import io
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers.sandbox.certificate import certificate_file, public_certificate
from providers.sandbox.faults import Faults
from providers.sandbox.ftp import EVERYTHING, FtpServer, Rules, ftp_faults, serve_ftp
from providers.sandbox.server import Sandbox
from providers.sandbox.uploads import Uploads
from tests.providers.sandbox.conftest import Client, messages_of, names_in, until, wire, zipped

PASSWORD = "secret"


class Environment:
    """One FTP server on a folder of its own, and what the tests check about it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.faults = Faults(ftp_faults("acme", {"": "The server"}))
        self.uploads = Uploads()
        self.certificate = certificate_file(folder)
        self.servers: list[FtpServer] = []

    def serve(self, rules: Rules | None = None) -> FtpServer:
        server = serve_ftp(
            host="127.0.0.1",
            port=0,
            provider="acme",
            passwords={"demo": PASSWORD},
            home_of=lambda username: self.home,
            faults=self.faults,
            uploads=self.uploads,
            rules=rules,
            certificate=self.certificate,
        )
        self.servers.append(server)
        return server


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    made = Environment(tmp_path)
    yield made
    for server in made.servers:
        server.close()


def login(server: FtpServer, password: str = PASSWORD) -> ftplib.FTP:
    client = ftplib.FTP(timeout=20)  # noqa: S321
    client.connect("127.0.0.1", server.port)
    client.login("demo", password)
    return client


def login_with_tls(env: Environment, server: FtpServer, host: str = "127.0.0.1") -> ftplib.FTP_TLS:
    context = ssl.create_default_context(cadata=public_certificate(env.certificate))
    # As later versions of Python do by default.
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    client = ftplib.FTP_TLS(context=context, timeout=20)  # noqa: S321
    client.connect(host, server.port)
    client.login("demo", PASSWORD)
    client.prot_p()
    return client


def store(client: ftplib.FTP, name: str, body: bytes) -> str:
    return client.storbinary(f"STOR {name}", io.BytesIO(body))


def test_it_stores_lists_renames_reads_and_deletes(env: Environment) -> None:
    client = login(env.serve())
    body = bytes(range(256)) * 1000
    assert store(client, "a.csv", body).startswith("226")
    assert client.nlst() == ["a.csv"]
    assert [(name, facts["size"]) for name, facts in client.mlsd()] == [("a.csv", str(len(body)))]
    client.voidcmd("TYPE I")
    assert client.size("a.csv") == len(body)
    client.rename("a.csv", "b.csv")
    read: list[bytes] = []
    client.retrbinary("RETR b.csv", read.append)
    assert b"".join(read) == body
    client.delete("b.csv")
    assert client.nlst() == []


def test_a_rename_overwrites_what_is_there(env: Environment) -> None:
    client = login(env.serve())
    store(client, "new", b"new")
    store(client, "old", b"old")
    client.rename("new", "old")
    assert (env.home / "old").read_bytes() == b"new"


def test_it_keeps_a_client_in_its_home(env: Environment, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("x")
    client = login(env.serve())
    assert client.pwd() == "/"
    client.cwd("/../..")
    assert client.pwd() == "/"
    with pytest.raises(ftplib.error_perm):
        client.retrbinary("RETR ../outside", lambda _: None)
    with pytest.raises(ftplib.error_perm):
        client.cwd("nowhere")


def test_it_refuses_a_wrong_password(env: Environment) -> None:
    server = env.serve()
    with pytest.raises(ftplib.error_perm, match="530"):
        login(server, "wrong")


def test_it_refuses_what_the_rules_forbid(env: Environment) -> None:
    rules = Rules(EVERYTHING.replace("m", "").replace("M", ""), lambda permission, name: name != "kept")
    client = login(env.serve(rules))
    (env.home / "kept").write_text("x")
    store(client, "other", b"x")
    forbidden: list[Callable[[], object]] = [
        lambda: client.mkd("folder"),
        lambda: client.sendcmd("SITE CHMOD 600 other"),
        lambda: client.delete("kept"),
        lambda: client.rename("kept", "away"),
        lambda: client.rename("other", "kept"),
        lambda: store(client, "kept", b"y"),
    ]
    for attempt in forbidden:
        with pytest.raises(ftplib.error_perm, match="550"):
            attempt()
    assert names_in(env.home) == {"kept", "other"}
    assert (env.home / "kept").read_text() == "x"


def test_an_upload_is_known_as_one_until_it_ends(env: Environment) -> None:
    client = login(env.serve())
    line = client.transfercmd("STOR a.csv")
    path = env.home / "a.csv"
    line.sendall(b"half")
    assert until(lambda: env.uploads.is_open(path))
    line.close()
    assert client.voidresp().startswith("226")
    assert not env.uploads.is_open(path)


def test_a_client_that_dies_leaves_what_looks_like_a_whole_file(env: Environment) -> None:
    server = env.serve()
    client = login(server)
    line = client.transfercmd("STOR a.csv")
    line.sendall(b"half")
    path = env.home / "a.csv"
    until(lambda: path.exists() and path.read_bytes() == b"half")
    assert env.uploads.is_open(path)
    line.close()
    client.close()
    until(lambda: not env.uploads.is_open(path))
    assert path.read_bytes() == b"half"
    assert login(server).nlst() == ["a.csv"]


def test_an_upload_without_a_data_connection_ends_with_its_client(env: Environment) -> None:
    client = login(env.serve())
    client.sendcmd("PASV")
    client.putcmd("STOR a.csv")
    client.getline()
    path = env.home / "a.csv"
    assert env.uploads.is_open(path)
    client.close()
    until(lambda: not env.uploads.is_open(path))


def test_an_upload_without_a_data_connection_ends_with_the_next_one(env: Environment) -> None:
    client = login(env.serve())
    for name in ("a.csv", "b.csv"):
        client.sendcmd("PASV")
        client.putcmd(f"STOR {name}")
        client.getline()
    assert env.uploads.is_open(env.home / "b.csv")
    until(lambda: not env.uploads.is_open(env.home / "a.csv"))


def test_a_change_of_folder_leaves_the_process_in_its_own(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    (env.home / "inner").mkdir()
    client = login(env.serve())

    def chdir(path: object) -> None:
        raise AssertionError

    monkeypatch.setattr(os, "chdir", chdir)
    client.cwd("inner")
    assert client.pwd() == "/inner"


def test_it_does_not_choose_names_itself(env: Environment) -> None:
    server = env.serve()
    for client in (login(server), login_with_tls(env, server)):
        with pytest.raises(ftplib.error_perm, match="500"):
            client.sendcmd("STOU")


def test_fault_refuse_login(env: Environment) -> None:
    server = env.serve()
    env.faults.set("acme:refuse-login", 1)
    with pytest.raises(ftplib.error_perm, match="530"):
        login(server)
    login(server)


def test_fault_drop_connection(env: Environment) -> None:
    server = env.serve()
    env.faults.set("acme:drop-connection", 1)
    with pytest.raises((EOFError, OSError)):
        store(login(server), "a.csv", b"0123456789")
    assert (env.home / "a.csv").read_bytes() == b"01234"
    until(lambda: not env.uploads.is_open(env.home / "a.csv"))


def test_fault_slow(env: Environment) -> None:
    server = env.serve()
    env.faults.set("acme:slow")
    client = login(server)
    line = client.transfercmd("STOR a.csv")
    line.sendall(bytes(1_000_000))
    line.close()
    # Other clients are served in the meantime.
    assert login(server).nlst() == ["a.csv"]
    assert env.uploads.is_open(env.home / "a.csv")


def test_fault_drop_at_close(env: Environment) -> None:
    server = env.serve()
    env.faults.set("acme:drop-at-close", 1)
    client = login(server)
    with pytest.raises((EOFError, OSError)):
        store(client, "a.csv", b"0123456789")
    assert (env.home / "a.csv").read_bytes() == b"0123456789"


def test_fault_drop_after_rename(env: Environment) -> None:
    client = login(env.serve())
    store(client, "a.csv", b"x")
    env.faults.set("acme:drop-after-rename", 1)
    with pytest.raises((EOFError, OSError)):
        client.rename("a.csv", "b.csv")
    assert names_in(env.home) == {"b.csv"}


def test_fault_stale_listing(env: Environment) -> None:
    client = login(env.serve())
    store(client, "a", b"x")
    store(client, "b", b"xyz")
    store(client, "d", b"wxyz")

    def listed() -> list[list[str]]:
        lines: list[str] = []
        client.retrlines("LIST", lines.append)
        return [client.nlst(), sorted(name for name, _ in client.mlsd()), [line.split()[-1] for line in lines]]

    assert listed() == [["a", "b", "d"]] * 3
    env.faults.set("acme:stale-listing")
    client.rename("a", "c")
    assert listed() == [["a", "b", "d"]] * 3
    assert "size=3;" in client.sendcmd("MLST b")
    assert "size=4;" in client.sendcmd("MLST d")
    env.faults.clear()
    assert listed() == [["b", "c", "d"]] * 3


def test_fault_no_size_and_no_mlsd(env: Environment) -> None:
    client = login(env.serve())
    store(client, "a.csv", b"x")
    env.faults.set("acme:no-size")
    env.faults.set("acme:no-mlsd")
    with pytest.raises(ftplib.error_perm, match="502"):
        client.size("a.csv")
    with pytest.raises(ftplib.error_perm, match="502"):
        list(client.mlsd())


def test_fault_down_and_refuses(env: Environment) -> None:
    server = env.serve()
    env.faults.set("acme:down", 1)
    with pytest.raises((EOFError, OSError)):
        login(server)
    env.faults.set("acme:refuses", 1)
    with pytest.raises(ftplib.error_temp, match="421"):
        login(server)
    login(server)


def test_fault_hangs(env: Environment) -> None:
    server = env.serve()
    env.faults.set("acme:hangs", 1)
    with pytest.raises(TimeoutError):
        ftplib.FTP(timeout=0.3).connect("127.0.0.1", server.port)  # noqa: S321
    login(server)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_it_speaks_tls_with_a_certificate_that_a_client_can_check(env: Environment, host: str) -> None:
    client = login_with_tls(env, env.serve(), host)
    body = bytes(range(256)) * 1000
    assert store(client, "a.csv", body).startswith("226")
    read: list[bytes] = []
    client.retrbinary("RETR a.csv", read.append)
    assert b"".join(read) == body
    client.rename("a.csv", "b.csv")
    assert [name for name, _ in client.mlsd()] == ["b.csv"]
    client.quit()


def test_the_certificate_stays_and_its_key_is_nobody_elses(env: Environment, tmp_path: Path) -> None:
    before = env.certificate.read_bytes()
    assert certificate_file(tmp_path).read_bytes() == before
    assert env.certificate.stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in public_certificate(env.certificate)


@pytest.mark.parametrize("fault", ["drop-connection", "drop-at-close"])
def test_faults_break_an_encrypted_upload(env: Environment, fault: str) -> None:
    client = login_with_tls(env, env.serve())
    env.faults.set(f"acme:{fault}", 1)
    with pytest.raises((EOFError, OSError)):
        store(client, "a.csv", b"0123456789")
    until(lambda: not env.uploads.is_open(env.home / "a.csv"))
    assert (env.home / "a.csv").read_bytes() == (b"01234" if fault == "drop-connection" else b"0123456789")


def test_fault_drop_after_an_encrypted_rename(env: Environment) -> None:
    client = login_with_tls(env, env.serve())
    store(client, "a.csv", b"x")
    env.faults.set("acme:drop-after-rename", 1)
    with pytest.raises((EOFError, OSError)):
        client.rename("a.csv", "b.csv")
    assert names_in(env.home) == {"b.csv"}


def test_fault_slow_with_tls(env: Environment) -> None:
    client = login_with_tls(env, env.serve())
    env.faults.set("acme:slow")
    assert store(client, "a.csv", bytes(20_000)).startswith("226")
    assert (env.home / "a.csv").read_bytes() == bytes(20_000)


def test_fault_no_tls(env: Environment) -> None:
    server = env.serve()
    env.faults.set("acme:no-tls")
    with pytest.raises(ftplib.error_perm, match="502"):
        login_with_tls(env, server)
    login(server)


def login_at_smsportal(sandbox: Sandbox) -> ftplib.FTP:
    known = sandbox.providers["smsportal"]
    client = ftplib.FTP(timeout=20)  # noqa: S321
    client.connect(known["host"], known["ftp_port"])
    client.login(known["username"], known["password"])
    return client


def test_smsportal_takes_a_file_over_ftp_once_it_is_whole(sandbox: Sandbox, client: Client) -> None:
    uploading = login_at_smsportal(sandbox)
    body = zipped("ftp.json", wire())
    uploading.voidcmd("TYPE I")
    line = uploading.transfercmd("STOR Send_SMS/ftp.zip")
    line.sendall(body[:50])
    client.upload("ftp-meanwhile.zip", zipped("ftp-meanwhile.json", wire()))
    assert client.folder_of("ftp-meanwhile.zip") == "Processed"
    other = login_at_smsportal(sandbox)
    assert other.nlst("Send_SMS") == ["ftp.zip"]
    line.sendall(body[50:])
    line.close()
    assert uploading.voidresp().startswith("226")
    assert until(lambda: "ftp.zip" in other.nlst("Processed"))
    assert [message["msisdn"] for message in messages_of(sandbox, "ftp.json")] == ["27825550100"]


def test_smsportals_folders_stay_where_they_are_over_ftp(sandbox: Sandbox) -> None:
    uploading = login_at_smsportal(sandbox)
    with pytest.raises(ftplib.error_perm, match="550"):
        uploading.rename("Send_SMS", "Else")
    with pytest.raises(ftplib.error_perm, match="550"):
        uploading.rmd("Processed")
    sandbox.fault("smsportal:missing-folder")
    with pytest.raises(ftplib.error_perm, match="550"):
        uploading.nlst("Send_SMS")
    with pytest.raises(ftplib.error_perm, match="550"):
        store(uploading, "Send_SMS/missing.zip", b"x")
    sandbox.clear()
    assert sorted(uploading.nlst()) == ["Errors", "Processed", "Send_SMS"]


def test_smsportals_ftp_can_be_down_while_its_sftp_works(sandbox: Sandbox) -> None:
    sandbox.fault("smsportal:ftp-down", 1)
    with pytest.raises((EOFError, OSError)):
        login_at_smsportal(sandbox)
    Client(sandbox).close()
    login_at_smsportal(sandbox)
