"""The parts of a workbook, which is a zip archive: ECMA-376 part 2, Open Packaging Conventions."""

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from contacts.sheet_reader.types import MAX_UNPACKED, SheetError

#: Limits of a workbook, which is a zip archive: entries, and unpacked bytes per packed byte.
MAX_ENTRIES = 2_000
MAX_RATIO = 300
#: An archive that unpacks to less than this many bytes is harmless, whatever its ratio.
SMALL = 10_000_000
_PIECE = 1024 * 1024


class Parts:
    """The archive at ``path``. Raises SheetError if it is damaged or far larger when unpacked."""

    def __init__(self, path: Path) -> None:
        try:
            # It stays open until this process ends, because rows are read from it until then.
            self._archive = zipfile.ZipFile(path)
            entries = self._archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise broken() from error
        _check_size(entries)
        self._entries: dict[str, zipfile.ZipInfo] = {}
        for entry in entries:
            self._entries.setdefault(_plain(entry.filename), entry)

    def has(self, name: str) -> bool:
        """Whether there is a part of that name: any case, back slashes and a leading slash are the same name."""
        return _plain(name) in self._entries

    def names(self) -> list[str]:
        """The names of all parts, in lower case."""
        return list(self._entries)

    def find(self, target: str, folder: str) -> str:
        """The name of the part that a relationship of a part in ``folder`` points to; "" if there is none.

        ``target`` is relative to the folder or absolute. Some programs write it relative to the root.
        """
        target = target.replace("\\", "/")
        for candidate in (posixpath.join(folder, target), target):
            for name in (candidate, unquote(candidate)):
                if self.has(posixpath.normpath(name)):
                    return _plain(posixpath.normpath(name))
        return ""

    def open(self, name: str) -> IO[bytes]:
        """A part as a stream. Raises SheetError if it is missing or has a password."""
        try:
            return self._archive.open(self._entries[_plain(name)])
        except KeyError as error:
            raise broken() from error
        except RuntimeError as error:
            raise password() from error
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
            raise broken() from error

    def xml(self, name: str) -> Any:
        """The root element of a part. Raises SheetError."""
        with self.open(name) as part:
            content = b"".join(iter(partial(reading, part, _PIECE), b""))
        try:
            return fromstring(content, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
            raise broken() from error

    def relationships(self, name: str) -> Iterator[tuple[str, str, str]]:
        """The relationships of a part: id, the last word of the type, name of the target part ("" if missing)."""
        folder, file = posixpath.split(name)
        relationships = posixpath.join(folder, "_rels", f"{file}.rels")
        if not self.has(relationships):
            return
        for each in self.xml(relationships):
            if each.get("TargetMode", "").lower() != "external":
                kind = each.get("Type", "").rstrip("/").rpartition("/")[2]
                yield each.get("Id", ""), kind, self.find(each.get("Target", ""), folder)


def reading(part: IO[bytes], size: int) -> bytes:
    """The next bytes of a part. Raises SheetError if the archive is damaged."""
    try:
        return part.read(size)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise broken() from error


def local(tag: str) -> str:
    """The name of an element or attribute without its namespace."""
    return tag.rpartition("}")[2]


def broken() -> SheetError:
    return SheetError("broken", "The workbook is damaged and cannot be read. Save it again in Excel, or as .csv.")


def password() -> SheetError:
    return SheetError(
        "password", "This workbook is protected with a password. Save it without the password and upload it again."
    )


def _plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _check_size(entries: list[zipfile.ZipInfo]) -> None:
    """Check what the archive declares about itself before any of it is unpacked. Raises SheetError."""
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    is_bomb = unpacked > SMALL and unpacked / packed > MAX_RATIO
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED or is_bomb:
        raise SheetError("too_large", "This workbook is far larger when unpacked. Save it as .csv and upload that.")
