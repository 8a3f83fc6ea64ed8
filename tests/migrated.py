"""A migrated SQLite database without rows of people, which tests copy: migrating an empty one takes five seconds."""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".pytest_cache"
#: What decides the schema and the rows that migrations make.
SOURCES = ("audit", "campaigns", "config", "contacts", "people", "providers")


def copy_to(target: Path) -> None:
    """Copy a database with this source's schema to ``target``; the first caller since the last change migrates it."""
    KEPT.mkdir(exist_ok=True)
    with (KEPT / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        template = KEPT / f"migrated-{_digest()}.sqlite3"
        if not template.exists():
            for older in KEPT.glob("migrated-*.sqlite3"):
                older.unlink()
            _migrate(template)
        shutil.copyfile(template, target)


def _digest() -> str:
    """A digest of all that a migration could depend on; any change means migrating again."""
    digest = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for path in sorted(path for name in SOURCES for path in (ROOT / name).rglob("*.py")):
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _migrate(template: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="baton-migrated-") as data:
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        chosen = {"BATON_TEST_DATA": data, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTEST_XDIST_WORKER": ""}
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env={**inherited, **chosen}, check=True)
        made = Path(data) / "template.sqlite3"
        with closing(sqlite3.connect(Path(data) / "baton.sqlite3")) as connection:
            connection.execute("VACUUM INTO ?", [str(made)])
        # On the same file system a rename is complete or did not happen.
        shutil.copyfile(made, template.with_suffix(".part"))
        template.with_suffix(".part").replace(template)
