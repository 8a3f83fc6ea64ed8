"""An uploaded file as a file on this machine."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest


@contextmanager
def on_disk(file: UploadedFile) -> Iterator[Path]:
    """The path of ``file`` on this machine. Small uploads, which Django keeps in memory, are written to disk first."""
    if hasattr(file, "temporary_file_path"):
        yield Path(file.temporary_file_path())
        return
    with tempfile.NamedTemporaryFile() as copy:
        for piece in file.chunks():
            copy.write(piece)
        copy.flush()
        yield Path(copy.name)


def is_script(request: HttpRequest) -> bool:
    """Whether a script uploads the file, which shows the progress and wants the next page's address."""
    return request.headers.get("Accept") == "application/json"
