"""Writes ``docs/licenses.md`` from the installed packages: ``.venv/bin/python docs/licenses.py``.

Run it after a change to requirements.txt, requirements-s3.txt, requirements-sandbox.txt or static/vendor.
"""

import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "licenses.md"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", re.MULTILINE)
VERSION = re.compile(r"\d+\.\d+\.\d+")
LONGEST_NAME = 40

REQUIREMENTS = {
    "requirements.txt": "What Baton runs on, in production as in the demo.",
    "requirements-s3.txt": "The client of S3-compatible stores: only a host with `S3_BUCKET` installs it.",
    "requirements-sandbox.txt": "The sandbox's servers: `make demo` and the tests install them, `make run` does not.",
}
#: Where a package's metadata is silent or unclear: read from the licence file that it installs or publishes.
READ_FROM_LICENCE_FILE = {
    "anyascii": "ISC",
    "async-timeout": "Apache-2.0",
    "colorama": "BSD-3-Clause",
    "defusedxml": "PSF-2.0",
    "django-csp": "BSD-3-Clause",
    "django-filter": "BSD-3-Clause",
    "django-tables2": "BSD-2-Clause",
    "fido2": "BSD-2-Clause; parts Apache-2.0 and MPL-2.0",
    "pyasynchat": "PSF-2.0",
    "pyasyncore": "PSF-2.0",
    "pyftpdlib": "MIT",
    "qrcode": "BSD-3-Clause",
    "sqlparse": "BSD-3-Clause",
    "valkey": "MIT",
}
INTRODUCTION = """\
# Licences

Baton itself is licensed under the Apache License 2.0: see [LICENSE](../LICENSE). This page lists what it uses. It is
written by `.venv/bin/python docs/licenses.py` from the installed packages; a test fails when a pinned package is
missing or listed with another version.
"""
VENDORED = """\
## static/vendor

Copied into this repository, each with its licence file beside it. htmx is not among them: django-htmx ships it (0BSD).
"""


def main() -> None:
    """Write the page. Ends with a message when a pinned package is not installed or names no licence."""
    parts = [INTRODUCTION]
    listed: set[tuple[str, str, str]] = set()
    for name, purpose in REQUIREMENTS.items():
        # A file also names those packages of an earlier one that its own packages require.
        rows = sorted(set(packages((PROJECT / name).read_text())) - listed)
        listed.update(rows)
        parts.append(f"## {name}\n\n{purpose}\n\n{table('Package', rows)}")
    parts.append(f"{VENDORED}\n{table('Files', vendored())}")
    PAGE.write_text("\n".join(parts))


def packages(requirements: str) -> Iterator[tuple[str, str, str]]:
    """Name, version and licence of every package pinned in ``requirements``, the text of such a file."""
    for name, version in PIN.findall(requirements):
        yield name, version, READ_FROM_LICENCE_FILE.get(name) or declared_licence(name)


def declared_licence(name: str) -> str:
    """The licence that an installed package's metadata names: an SPDX expression where it has one."""
    try:
        fields = metadata(name).json
    except PackageNotFoundError:
        raise SystemExit(f"{name} is not installed. Run make demo once, then this script again.") from None
    classifiers = [line for line in fields.get("classifier", []) if line.startswith("License ::")]
    # Some packages put the whole text of their licence into this field.
    name_or_text = str(fields.get("license", ""))
    short_name = name_or_text if len(name_or_text) <= LONGEST_NAME and "\n" not in name_or_text else ""
    licence = str(fields.get("license_expression", "")) or short_name
    if not licence and not classifiers:
        raise SystemExit(f"{name} names no licence. Read its licence file and add it to READ_FROM_LICENCE_FILE.")
    return licence or ", ".join(line.rpartition(" :: ")[2] for line in classifiers)


def vendored() -> Iterator[tuple[str, str, str]]:
    """Folder, version and licence of everything under static/vendor; the version is at the top of its files."""
    for folder in sorted((PROJECT / "static" / "vendor").iterdir()):
        licence = (
            next(folder.glob("LICENSE*"))
            .read_text()
            .splitlines()[0]
            .removeprefix("The ")
            .removesuffix(" License (MIT)")
        )
        tops = (path.read_text()[:300] for path in sorted(folder.iterdir()) if not path.name.startswith("LICENSE"))
        version = next(found[0] for top in tops if (found := VERSION.search(top)))
        yield folder.name, version, licence


def table(heading: str, rows: Iterator[tuple[str, str, str]] | list[tuple[str, str, str]]) -> str:
    """A Markdown table of ``rows``: name, version, licence."""
    lines = [f"| {heading} | Version | Licence |", "|---|---|---|"]
    lines += [f"| {name} | {version} | {licence} |" for name, version, licence in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
