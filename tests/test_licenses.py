"""``docs/licenses.md`` lists exactly the pinned packages, each with the pinned version, and everything vendored."""

import re
from pathlib import Path

from django.conf import settings

PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", re.MULTILINE)
ROW = re.compile(r"^\| (\S+) \| (\d\S*) \| (?:\S.*\S|\S) \|$", re.MULTILINE)


def listed() -> dict[str, str]:
    """Version by name of everything on the page that has a licence beside it."""
    return dict(ROW.findall(Path(settings.BASE_DIR, "docs/licenses.md").read_text()))


def pinned() -> dict[str, str]:
    """Version by name of every package that Baton or its sandbox installs."""
    files = [Path(settings.BASE_DIR, f"requirements{name}.txt") for name in ("", "-s3", "-sandbox")]
    return dict(PIN.findall("\n".join(file.read_text() for file in files)))


def vendored() -> set[str]:
    return {folder.name for folder in Path(settings.BASE_DIR, "static/vendor").iterdir()}


def test_every_pinned_package_is_listed_with_its_version_and_no_other_package() -> None:
    packages = pinned()
    assert len(packages) > 30
    assert {name: version for name, version in listed().items() if name not in vendored()} == packages


def test_everything_vendored_is_listed() -> None:
    assert vendored() <= set(listed())


def test_baton_itself_is_licensed_under_apache_2() -> None:
    text = Path(settings.BASE_DIR, "LICENSE").read_text()
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
