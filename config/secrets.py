"""Keys of this installation: given by the environment, or made once with mode 0600 in the data directory."""

import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet


def secret_file(path: Path, make: str = "text") -> str:
    """Return the secret stored in ``path``, making it first when there is none.

    ``make`` is ``"text"`` for a random text or ``"fernet"`` for a Fernet key. The file is created with mode 0600 and
    never overwritten; two processes that start together agree on the one that was linked first.
    """
    if not path.exists():
        value = Fernet.generate_key().decode() if make == "fernet" else secrets.token_urlsafe(50)
        path.parent.mkdir(parents=True, exist_ok=True)
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
    return path.read_text().strip()
