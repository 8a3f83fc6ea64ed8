"""Every package is pinned to one version, with the checksums that pip requires, in step with what a person wrote."""

import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
WRITTEN = sorted(ROOT.glob("requirements*.in"))
#: What Baton and its tests import; the tools have an environment of their own.
TOGETHER = [path.with_suffix(".txt") for path in WRITTEN if path.stem != "requirements-tools"]
HASHES = r"[^\n]*\\\n(?:\s+--hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+"
PIN = re.compile(rf"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)({HASHES})?", re.MULTILINE)


def pins(path: Path) -> dict[str, tuple[str, str]]:
    """Version and checksums of each package, whose name is written as pip compares it."""
    found = PIN.findall(path.read_text())
    return {re.sub(r"[-_.]+", "-", name).lower(): (version, hashes) for name, version, hashes in found}


@pytest.mark.parametrize("written", WRITTEN, ids=lambda path: path.name)
def test_each_package_is_pinned_with_checksums_as_it_was_written(written: Path) -> None:
    pinned = pins(written.with_suffix(".txt"))
    assert all(hashes for _, hashes in pinned.values())
    lines = [line for line in written.with_suffix(".txt").read_text().splitlines() if line and line[0] not in " #"]
    assert len(pinned) == len(lines)
    wanted = pins(written)
    assert wanted
    assert {name: version for name, (version, _) in wanted.items()} == {name: pinned[name][0] for name in wanted}


def test_files_that_are_installed_together_agree() -> None:
    chosen: dict[str, str] = {}
    for path in TOGETHER:
        for name, (version, _) in pins(path).items():
            assert chosen.setdefault(name, version) == version, (path.name, name)


def test_nothing_is_installed_without_its_checksum() -> None:
    for name in ("Makefile", "Dockerfile", "docs/deploy.md", ".ci/run"):
        for line in (ROOT / name).read_text().splitlines():
            assert "pip install " not in line or "--require-hashes" in line, (name, line)
