"""Where payloads, evidence and uploads are kept: files are fsynced before a database row refers to them."""

import os
from contextlib import suppress
from pathlib import Path

from django.core.files import File
from django.core.files.storage import FileSystemStorage

from contacts.outages import FULL_DISK


class EvidenceStorage(FileSystemStorage):
    """Files on this host, each fsynced with its folder before ``save`` returns, and none ever overwritten.

    Nothing is left of a file that could not be written whole.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Refuse a name that is taken: a payload's name is derived, so another file there is a mistake."""
        if self.exists(name):
            raise FileExistsError(f"{name} is there already")
        return name

    def _save(self, name: str, content: File) -> str:
        try:
            saved: str = super()._save(name, content)  # type: ignore[misc]
        except OSError as error:
            # What was written must not be taken for the file. After another error, the file may be somebody else's.
            if error.errno in FULL_DISK:
                with suppress(OSError):
                    os.unlink(self.path(name))
            raise
        path = Path(self.path(saved))
        for target in (path, path.parent):
            descriptor = os.open(target, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return saved
