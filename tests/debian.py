"""System programs that some tests need: without the Debian package these tests are skipped, and the summary says so."""

import os
import shutil
from collections.abc import Callable
from glob import glob
from pathlib import Path

import pytest

# The name a test uses -> the Debian package, which is also what apt is told to install.
PACKAGES = {
    "chromium": "chromium-headless-shell",
    "nginx": "nginx",
    "postgresql": "postgresql",
    "proftpd": "proftpd-core",
    "pure-ftpd": "pure-ftpd",
    "sshd": "openssh-server",
    "systemd-analyze": "systemd",
    "vsftpd": "vsftpd",
}
# Debian's FTP servers exclude each other, so all but vsftpd are unpacked into this folder instead of installed.
UNPACKED = Path(os.environ.get("BATON_TEST_SERVERS", Path(__file__).parents[1] / "var" / "debian"))
FINDERS: dict[str, Callable[[], str | None]] = {
    # The same engine without windows, menus and extensions: pages take two thirds of the processor time.
    "chromium": lambda: shutil.which("chromium-headless-shell") or shutil.which("chromium"),
    "postgresql": lambda: max(glob("/usr/lib/postgresql/*/bin/postgres"), default=None),
}
lacking: dict[str, set[str]] = {}


def find(name: str) -> str | None:
    """The path of a program, or None where it is not installed; also searches /usr/sbin, which users' PATH lacks."""
    if name in FINDERS:
        return FINDERS[name]()
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:{UNPACKED / 'usr/sbin'}")


def needs(name: str) -> pytest.MarkDecorator:
    """Mark a test, or with ``pytestmark`` a whole file, that cannot run without a program named in PACKAGES."""
    assert name in PACKAGES
    return pytest.mark.needs(name)


def require(name: str, who: str) -> str:
    """The path of a program that the test ``who`` needs; skips it, or fails it under REQUIRE_ALL=1."""
    path = find(name)
    if path is None:
        lacking.setdefault(name, set()).add(who)
        reason = f"{name} is not installed"
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail(f"{reason}, and REQUIRE_ALL is set", pytrace=False)
        pytest.skip(reason)
    return path
