"""The data directory and the keys of this installation.

Reading the settings creates nothing. ``prepare()`` creates what is missing: ``make demo`` and ``make run`` call it, and
so does ``python -m config.installation``.
"""

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
#: How each key is made; its file in the data directory's ``keys`` bears its name.
KEYS: dict[str, Callable[[], str]] = {
    "secret_key": lambda: secrets.token_urlsafe(50),
    "account_key": lambda: Fernet.generate_key().decode(),
    "installation_key": lambda: secrets.token_urlsafe(50),
    "backup_key": lambda: secrets.token_urlsafe(50),
}


def data_directory() -> Path:
    """The directory that the variable DATA names, ``var`` beside ``manage.py`` when it is unset."""
    return Path(os.environ.get("DATA") or BASE_DIR / "var").resolve()


def stored_key(name: str) -> str:
    """The key ``name`` of this installation. Raises ImproperlyConfigured when it has not been created yet."""
    path = _key_file(data_directory(), name)
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        raise ImproperlyConfigured(
            f"{path} does not exist. Create the data directory and its keys with: python -m config.installation"
        ) from None


def prepare() -> None:
    """Create the data directory (mode 0700) and its keys (mode 0600) where they are missing."""
    data = data_directory()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, make in KEYS.items():
        path = _key_file(data, name)
        if not path.exists():
            _write_once(path, make())


def _key_file(data: Path, name: str) -> Path:
    return data / "keys" / name


def _write_once(path: Path, value: str) -> None:
    """Write a key, never over another: two processes that start together agree on the one that was linked first."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(value)
        handle.flush()
        os.fsync(handle.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


if __name__ == "__main__":
    prepare()
    sys.stdout.write(f"{data_directory()} is ready.\n")
