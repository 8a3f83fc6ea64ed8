"""Unpacks the one sheet in a zip archive."""

import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from contacts.sheet_reader.types import ENDINGS, SheetError

#: Bytes that the sheet in an archive has at most: a text, or a workbook, which is packed itself.
MAX_BYTES = 1024**3
#: Unpacked bytes per packed byte; a file that unpacks to less than SMALL bytes may have any ratio.
MAX_RATIO, SMALL = 300, 10_000_000
#: Entries that are looked at.
MAX_ENTRIES = 2_000
#: Names in a refusal.
SHOWN = 5


def unpack(path: Path) -> tuple[Path, str]:
    """The only sheet in the archive as a file, and its name. Raises SheetError.

    The file has no name in the file system, so that nothing of it remains however this process ends.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = _the_sheet(archive.infolist())
            name = PurePosixPath(entry.filename.replace("\\", "/")).name
            return _unpacked(archive, entry), name
    except RuntimeError as error:
        raise _password() from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, EOFError, NotImplementedError, ValueError) as error:
        raise SheetError("broken", "This archive is damaged. Unpack it and upload the spreadsheet in it.") from error


def _the_sheet(entries: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    if len(entries) > MAX_ENTRIES:
        raise SheetError("too_large", f"This archive has {len(entries):,} files. Upload the spreadsheet alone.")
    names = {entry: entry.filename.replace("\\", "/") for entry in entries}
    files = [
        entry
        for entry, name in names.items()
        # Folders, and what macOS and Windows add.
        if not name.endswith("/")
        and "__MACOSX" not in name.split("/")
        and not PurePosixPath(name).name.startswith(".")
        and PurePosixPath(name).name.lower() not in ("thumbs.db", "desktop.ini")
    ]
    if not files:
        raise SheetError("empty", "This archive is empty.")
    if len(files) > 1:
        shown = ", ".join(names[entry] for entry in files[:SHOWN])
        more = f" and {len(files) - SHOWN:,} more" if len(files) > SHOWN else ""
        raise SheetError(
            "several_files",
            f"This archive has {len(files):,} files: {shown[:300]}{more}. Upload one spreadsheet alone.",
        )
    (entry,) = files
    suffix = PurePosixPath(names[entry]).suffix.lower()
    if suffix == ".zip" or suffix not in ENDINGS:
        raise SheetError(
            "wrong_type", f"The file in this archive, {names[entry][:100]}, is not a spreadsheet. Upload a spreadsheet."
        )
    if entry.flag_bits & 1:
        raise _password()
    is_bomb = entry.file_size > SMALL and entry.file_size / max(1, entry.compress_size) > MAX_RATIO
    if entry.file_size > MAX_BYTES or is_bomb:
        raise _too_large()
    return entry


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Path:
    # It stays open until this process ends, because rows are read from it until then.
    copy = tempfile.TemporaryFile()  # noqa: SIM115
    written = 0
    with archive.open(entry) as packed:
        while piece := packed.read(1024 * 1024):
            written += len(piece)
            # What the archive declares about itself may be wrong.
            if written > min(MAX_BYTES, max(SMALL, entry.file_size)):
                raise _too_large()
            copy.write(piece)
    copy.flush()
    _open_files.append(copy)
    return Path(f"/proc/self/fd/{copy.fileno()}")


_open_files: list[object] = []


def _too_large() -> SheetError:
    return SheetError(
        "too_large", "The file in this archive is far larger when unpacked. Split it, or upload it alone."
    )


def _password() -> SheetError:
    return SheetError("password", "This archive is protected with a password. Unpack it and upload the spreadsheet.")
