"""Third-party file servers on a loopback port: Debian's programs, and pyftpdlib and asyncssh in a thread.

    with servers.vsftpd(tmp_path, request.node.nodeid) as server:
        (server.home / "Send_SMS").mkdir()
        with FtpTransport.connect(server.settings()) as remote:
            ...

The programs are children of the test; where Debian lacks one the test is skipped (``tests.debian``). Nothing outside
the given folder is touched.
"""

import asyncio
import grp
import io
import ipaddress
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh.constants import FXF_EXCL
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from tests import debian
from tests.postgresql import free_port
from tests.waiting import wait_until

HOST = "127.0.0.1"
PASSWORD = "correct-horse"


@dataclass(frozen=True)
class FileServer:
    """A running server; ``home`` is the folder in which its one login starts."""

    home: Path
    port: int
    username: str
    password: str = PASSWORD
    host: str = HOST
    host_key: str = ""
    tls_certificate: str = ""

    @property
    def label(self) -> str:
        return f"{self.host}:{self.port}"

    def settings(self, **others: Any) -> dict[str, Any]:
        """What a transport's ``connect`` needs."""
        return {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password,
            "host_key": self.host_key,
            "use_tls": bool(self.tls_certificate),
            "tls_certificate": self.tls_certificate,
            "allow_private_hosts": True,
            **others,
        }


@contextmanager
def pyftpdlib(
    home: Path,
    *,
    tls: bool = False,
    perm: str = "elradfmw",
    handler: type[FTPHandler] | None = None,
    without: tuple[str, ...] = (),
    **others: Any,
) -> Iterator[FileServer]:
    """Serve the folder ``home`` by FTP, with MLSD; ``tls`` makes TLS mandatory and puts a certificate beside it.

    ``perm`` is what the login may do, in pyftpdlib's letters; ``without`` are commands that the server does not know;
    ``others`` are attributes of the handler.
    """
    home.mkdir(exist_ok=True)
    authorizer = DummyAuthorizer()
    authorizer.add_user("baton", PASSWORD, str(home), perm=perm)
    attributes: dict[str, Any] = {"authorizer": authorizer, "abstracted_fs": Folders, "auth_failed_timeout": 0}
    if tls:
        attributes |= {"tls_control_required": True, "tls_data_required": True}
        attributes["certfile"] = str(home.parent / "server.pem")
    shown = certificate(home.parent) if tls else ""
    base = handler or (TLS_FTPHandler if tls else FTPHandler)
    known = {name: told for name, told in base.proto_cmds.items() if name not in without}
    served = type("Handler", (base,), {**attributes, "proto_cmds": known, **others})
    server = FTPServer((HOST, 0), served, ioloop=IOLoop())
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            server.serve_forever(timeout=0.02, blocking=False, handle_exit=False)
        server.close_all()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield FileServer(home, server.address[1], "baton", tls_certificate=shown)
    finally:
        stopped.set()
        thread.join()


class Folders(AbstractedFS):
    def chdir(self, path: str) -> None:
        # pyftpdlib's own filesystem would change the folder of the whole process, which also runs the test.
        os.listdir(path)
        self.cwd = self.fs2ftp(path)


@contextmanager
def vsftpd(folder: Path, who: str, *, tls: bool = False, **options: str) -> Iterator[FileServer]:
    """Run vsftpd for the test ``who`` (its node id); with ``tls`` it requires TLS and session reuse.

    It has no MLSD, and everyone may write everywhere. ``options`` are lines of its configuration. As root or not, it
    runs as the user who starts it, and asks its guest for the password.
    """
    program = debian.require("vsftpd", who)
    home = folder / "vsftpd" / "home"
    home.mkdir(parents=True)
    passwords = home.parent / "passwords"
    passwords.write_text(PASSWORD + "\n")
    server = FileServer(home, free_port(), "anonymous", tls_certificate=certificate(home.parent) if tls else "")
    lines = {
        "listen": "YES",
        "listen_address": HOST,
        "listen_port": str(server.port),
        "background": "NO",
        "run_as_launching_user": "YES",
        "anonymous_enable": "YES",
        "secure_email_list_enable": "YES",
        "email_password_file": str(passwords),
        "anon_root": str(home),
        "write_enable": "YES",
        "anon_upload_enable": "YES",
        "anon_mkdir_write_enable": "YES",
        "anon_other_write_enable": "YES",
        "anon_world_readable_only": "NO",
        "anon_umask": "022",
        "port_enable": "NO",
        "xferlog_enable": "NO",
        "delay_failed_login": "0",
        "seccomp_sandbox": "NO",
        "isolate": "NO",
        "isolate_network": "NO",
        **(_TLS_LINES | {"rsa_cert_file": str(home.parent / "server.pem")} if tls else {}),
        **options,
    }
    configuration = home.parent / "vsftpd.conf"
    configuration.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    with _child([program, str(configuration)], server):
        yield server


_TLS_LINES = {
    "ssl_enable": "YES",
    "allow_anon_ssl": "YES",
    "force_anon_logins_ssl": "YES",
    "force_anon_data_ssl": "YES",
    "require_ssl_reuse": "YES",
    "ssl_ciphers": "HIGH",
}


@contextmanager
def proftpd(folder: Path, who: str, *, tls: bool = False) -> Iterator[FileServer]:
    """Run ProFTPD, which has MLSD, for the test ``who``; ``tls`` makes TLS mandatory; it reuses sessions."""
    program = debian.require("proftpd", who)
    home = folder / "proftpd" / "home"
    home.mkdir(parents=True)
    own = home.parent
    server = FileServer(home, free_port(), "baton", tls_certificate=certificate(own) if tls else "")
    passwords = own / "passwd"
    passwords.write_text(f"baton:{_SHADOW}:{os.getuid()}:{os.getgid()}::{home}:/bin/false\n")
    passwords.chmod(0o600)
    lines = [
        "ServerType standalone",
        f"DefaultAddress {HOST}",
        f"Port {server.port}",
        "UseReverseDNS off",
        f"User {pwd.getpwuid(os.getuid()).pw_name}",
        f"Group {grp.getgrgid(os.getgid()).gr_name}",
        "RootLogin on",
        f"AuthUserFile {passwords}",
        "AuthOrder mod_auth_file.c",
        "RequireValidShell off",
        f"PidFile {own / 'pid'}",
        f"ScoreboardFile {own / 'scoreboard'}",
        "DelayTable none",
        "WtmpLog off",
        "TransferLog none",
        "AllowOverwrite on",
        f"DefaultRoot {home}",
    ]
    if tls:
        modules = Path(program).parents[1] / "lib" / "proftpd"
        lines = [f"ModulePath {modules}", "LoadModule mod_tls.c", *lines, "TLSEngine on", "TLSRequired on"]
        pem = own / "server.pem"
        pem.chmod(0o600)
        lines += [f"TLSECCertificateFile {pem}", f"TLSECCertificateKeyFile {pem}"]
    configuration = own / "proftpd.conf"
    configuration.write_text("".join(f"{line}\n" for line in lines))
    with _child([program, "-n", "-c", str(configuration)], server):
        yield server


@contextmanager
def pure_ftpd(folder: Path, who: str, *, tls: bool = False) -> Iterator[FileServer]:
    """Run Pure-FTPd for the test ``who``; ``tls`` makes TLS mandatory. It has MLSD.

    It serves no file that root owns, so ``nobody`` gets the folder; that needs root, and without root the test is
    skipped.
    """
    program = debian.require("pure-ftpd", who)
    if os.geteuid() != 0:
        refuse = pytest.fail if os.environ.get("REQUIRE_ALL") else pytest.skip
        refuse("only root can give Pure-FTPd a folder of nobody's")
    home = folder / "pure-ftpd" / "home"
    home.mkdir(parents=True)
    own = home.parent
    server = FileServer(home, free_port(), "baton", tls_certificate=certificate(own) if tls else "")
    listed, known = own / "passwd", own / "passwd.pdb"
    listed.write_text(f"baton:{_SHADOW}:{_NOBODY}:{_NOBODY}::{home}/./::::::::::::\n")
    pure_pw = Path(program).parents[1] / "bin" / "pure-pw"
    subprocess.run([str(pure_pw), "mkdb", str(known), "-f", str(listed)], check=True)
    os.chown(home, _NOBODY, _NOBODY)
    # Its clients leave their privileges, and must pass all folders above.
    for above in (own, folder, *folder.parents):
        if above.owner() == "root" and str(above).startswith(tempfile.gettempdir() + "/"):
            above.chmod(above.stat().st_mode | 0o011)
    options = ["-S", f"{HOST},{server.port}", "-l", f"puredb:{known}", "-E", "-H", "-g", str(own / "pid")]
    if tls:
        options += ["-Y", "2", "-2", str(own / "server.pem")]
    with _child([program, *options], server):
        yield server


_NOBODY = 65534


class Login(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("baton", PASSWORD)


class NoExclusiveCreate(asyncssh.SFTPServer):
    """Answers an exclusive create as AWS Transfer Family and others do; ``refusal`` is what it answers."""

    refusal: Callable[[str], Exception] = asyncssh.SFTPOpUnsupported

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if pflags & FXF_EXCL:
            raise self.refusal("Exclusive create is not supported")
        return super().open(path, pflags, attrs)


@contextmanager
def asyncssh_server(
    home: Path,
    folders: type[asyncssh.SFTPServer] = asyncssh.SFTPServer,
    login: type[asyncssh.SSHServer] = Login,
    key_type: str = "ssh-ed25519",
    **options: Any,
) -> Iterator[FileServer]:
    """Serve the folder ``home`` by SFTP in a thread; ``options`` are those of ``asyncssh.create_server``."""
    home.mkdir(exist_ok=True)
    key = asyncssh.generate_private_key(key_type)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            login,
            HOST,
            0,
            server_host_keys=[key],
            sftp_factory=lambda channel: folders(channel, chroot=os.fsencode(home)),
            **options,
        )

    async def stop(acceptor: asyncssh.SSHAcceptor) -> None:
        acceptor.close()
        await acceptor.wait_closed()

    acceptor = asyncio.run_coroutine_threadsafe(listen(), loop).result(20)
    try:
        host_key = " ".join(key.export_public_key().decode().split()[:2])
        yield FileServer(home, acceptor.get_port(), "baton", host_key=host_key)
    finally:
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(stop(acceptor), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def plain_create(folder: Path, who: str) -> Iterator[FileServer]:
    """Run asyncssh without exclusive create for the test ``who``, which it never skips."""
    with asyncssh_server(folder / "home", NoExclusiveCreate) as server:
        yield server


@contextmanager
def openssh(
    folder: Path, who: str, *, key_type: str = "ssh-ed25519", lines: tuple[str, ...] = ()
) -> Iterator[FileServer]:
    """Run OpenSSH's sshd with its SFTP server and a password login for the test ``who`` (its node id).

    ``lines`` are further lines of its configuration.

    sshd reads passwords from /etc/shadow only, so it runs in a root folder of its own below ``folder``; that needs
    root, and without root the test is skipped.
    """
    program = debian.require("sshd", who)
    if os.geteuid() != 0:
        refuse = pytest.fail if os.environ.get("REQUIRE_ALL") else pytest.skip
        refuse("only root can give sshd a root folder of its own")
    root = folder / "sshd"
    key = _sshd_root(root, program, key_type)
    server = FileServer(root / "home", free_port(), "baton", host_key=key)
    (root / "etc/ssh/sshd_config").write_text(
        _SSHD.format(host=HOST, port=server.port) + "".join(f"{line}\n" for line in lines)
    )
    with _child(["chroot", str(root), program, "-D", "-e", "-f", "/etc/ssh/sshd_config"], server):
        yield server


_SSHD = """\
ListenAddress {host}
Port {port}
HostKey /etc/ssh/host_key
PidFile none
UsePAM no
PermitRootLogin yes
PasswordAuthentication yes
Subsystem sftp internal-sftp
ForceCommand internal-sftp
"""
# PASSWORD, as crypt(3) stores it.
_SHADOW = "$6$baton$RRcKFoVaHyXt6nEJF8TWB3MXT2F8afvwo/6./GLC0o8A4UUjGhAgF0Q8SOVMmBxjQlE7Lt1mdcNMloPd1aUJv."


def _sshd_root(root: Path, program: str, key_type: str) -> str:
    """Prepare the root folder ``root`` for sshd; returns its host key as an account pins it."""
    for place in ("etc/ssh", "run/sshd", "dev", "home"):
        (root / place).mkdir(parents=True)
    found = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for needed in [program, *re.findall(r"(/\S+)", found)]:
        copy = root / needed.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(needed, copy)
    (root / "dev/null").touch()
    # The login's shell must exist, though it is never run.
    (root / "etc/passwd").write_text(f"baton:x:0:0::/home:{program}\nsshd:x:65534:65534::/run/sshd:/usr/sbin/nologin\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "etc/shadow").write_text(f"baton:{_SHADOW}:20000:0:99999:7:::\n")
    key = asyncssh.generate_private_key(key_type)
    key_file = root / "etc/ssh/host_key"
    key.write_private_key(str(key_file))
    key_file.chmod(0o600)
    return " ".join(key.export_public_key().decode().split()[:2])


@contextmanager
def _child(command: list[str], server: FileServer) -> Iterator[None]:
    log = (server.home.parent / "server.log").open("w+b")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is not None or _greets(server), f"{command[0]} greets")
        if process.poll() is not None:
            log.seek(0, io.SEEK_SET)
            pytest.fail(f"{command[0]} ended at once: {log.read().decode(errors='replace')}")
        yield
    finally:
        # It runs in its own session: the processes it started for its clients end with it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=20)
        log.close()


def _greets(server: FileServer) -> bool:
    try:
        with socket.create_connection((server.host, server.port), timeout=5) as connection:
            return bool(connection.recv(1))
    except OSError:
        return False


def certificate(folder: Path) -> str:
    """Write a new certificate for this machine and its key to ``folder``/server.pem; returns the certificate as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server of the tests")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    shown = signed.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(secret + shown)
    return shown.decode()
