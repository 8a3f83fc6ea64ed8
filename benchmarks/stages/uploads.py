"""Upload one large file through a transport, against the system's own client, to the system's own server.

The file has 100 bytes a row: 100 MB at a million.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh

from benchmarks.bench import ROUNDS, Baseline, Bench
from benchmarks.results import Result
from providers.transports.ftp import FtpTransport
from providers.transports.sftp import SftpTransport
from tests.providers import servers

BYTES_A_ROW = 100


def sftp_command(folder: Path, port: int) -> list[str]:
    """OpenSSH's sftp as it logs in with the key of ``authorise``, reading its commands from a file."""
    options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
    chosen = [word for option in options for word in ("-o", option)]
    return [
        "sftp",
        "-i",
        str(folder / "key"),
        *chosen,
        "-P",
        str(port),
        "-b",
        str(folder / "commands"),
        "baton@127.0.0.1",
    ]


def authorise(folder: Path) -> None:
    """Let the key in ``folder`` log in to the sshd that runs there; batch mode allows no password."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(folder / "key"))
    (folder / "key").chmod(0o600)
    (folder / "sshd/etc/ssh/authorized_keys").write_bytes(key.export_public_key())


#: The line of sshd's configuration that ``authorise`` needs.
AUTHORISED = ("AuthorizedKeysFile /etc/ssh/authorized_keys",)


def measure(bench: Bench, protocol: str) -> Iterator[Result]:
    if protocol == "sftp":
        with servers.openssh(bench.folder, "make bench", lines=AUTHORISED) as server:
            authorise(bench.folder)
            yield from _measure(bench, server, SftpTransport, "OpenSSH's sftp", at_most=1.1)
    else:
        with servers.vsftpd(bench.folder, "make bench") as server:
            yield from _measure(bench, server, FtpTransport, "curl")


def _measure(
    bench: Bench, server: servers.FileServer, transport: Any, client: str, at_most: float | None = None
) -> Iterator[Result]:
    def body_of(rows: int) -> Path:
        path = bench.folder / f"body-{rows}"
        if not path.exists():
            path.write_bytes(os.urandom(rows * BYTES_A_ROW))
        for old in server.home.glob("upload*"):
            old.unlink()
        return path

    def product(rows: int) -> float:
        body = body_of(rows).read_bytes()
        with bench.watch() as watch, transport.connect(server.settings()) as remote:
            remote.create("upload.bin", body)
        assert (server.home / "upload.bin").stat().st_size == len(body)
        return watch.seconds

    def peer(rows: int) -> float:
        path = body_of(rows)
        if client == "curl":
            login = f"{server.username}:{server.password}"
            command = [
                "curl",
                "--silent",
                "--user",
                login,
                "-T",
                str(path),
                f"ftp://127.0.0.1:{server.port}/upload.bin",
            ]
        else:
            (bench.folder / "commands").write_text(f"put {path} upload.bin\n")
            command = sftp_command(bench.folder, server.port)
        with bench.watch() as watch:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return watch.seconds

    def floor(rows: int) -> float:
        path = body_of(rows)
        with bench.watch() as watch:
            shutil.copyfile(path, bench.folder / "copy")
        return watch.seconds

    baseline = Baseline(client, peer, at_most=at_most, is_whole=True, rounds=ROUNDS)
    name = "upload one file, SFTP" if client != "curl" else "upload one file, FTP"
    for result in bench.compare(name, product, baseline, floor=floor):
        # The large body is the benchmark's: Baton's own files are at most 25 MB.
        yield replace(result, peak_mb=0, child_peak_mb=0)
