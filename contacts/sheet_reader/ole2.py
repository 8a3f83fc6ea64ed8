"""Finds a stream in an OLE2 container, the format of old Office files: [MS-CFB]. Pure."""

import struct
from collections.abc import Sequence

from contacts.sheet_reader.parts import broken

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_HEADER = 512
_ENTRY = 128
#: Every sector number from this one on ends a chain.
_LAST_SECTOR = 0xFFFFFFFA


def stream(content: bytes, names: Sequence[str]) -> bytes:
    """The first of the streams ``names`` that the container has. Raises SheetError."""
    try:
        return _Container(content).stream(names)
    except (struct.error, IndexError) as error:
        raise broken() from error


class _Container:
    def __init__(self, content: bytes) -> None:
        self._content = content
        sector_shift, mini_shift = struct.unpack_from("<HH", content, 30)
        if not 7 <= sector_shift <= 16 or not 4 <= mini_shift <= sector_shift:
            raise broken()
        self._size, self._mini_size = 1 << sector_shift, 1 << mini_shift
        directory, self._cutoff, mini_table = struct.unpack_from("<I4xII", content, 48)
        self._next = self._table(self._table_sectors())
        self._directory = self._chain(directory)
        self._mini_next = self._table(self._numbers(mini_table, self._next))
        root = struct.unpack_from("<I", self._directory, 116)[0]
        self._mini_stream = self._chain(root)

    def stream(self, names: Sequence[str]) -> bytes:
        found: dict[str, tuple[int, int]] = {}
        for at in range(0, len(self._directory) - _ENTRY + 1, _ENTRY):
            length = struct.unpack_from("<H", self._directory, at + 64)[0]
            name = self._directory[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
            found.setdefault(name.lower(), struct.unpack_from("<II", self._directory, at + 116))
        for name in names:
            if name.lower() in found:
                start, size = found[name.lower()]
                if size >= self._cutoff:
                    return self._chain(start)[:size]
                pieces = self._numbers(start, self._mini_next)
                width = self._mini_size
                return b"".join(self._mini_stream[each * width : (each + 1) * width] for each in pieces)[:size]
        raise broken()

    def _table_sectors(self) -> list[int]:
        """The sectors of the table that says which sector follows which: the first 109 stand in the header."""
        numbers = list(struct.unpack_from("<109I", self._content, 76))
        following = struct.unpack_from("<I", self._content, 68)[0]
        per_sector = self._size // 4
        for _ in range(len(self._content) // self._size):
            if following >= _LAST_SECTOR:
                break
            more = struct.unpack_from(f"<{per_sector}I", self._content, self._offset(following))
            numbers += more[:-1]
            following = more[-1]
        return [number for number in numbers if number < _LAST_SECTOR]

    def _table(self, sectors: Sequence[int]) -> list[int]:
        count = self._size // 4
        return [each for number in sectors for each in struct.unpack_from(f"<{count}I", self._sector(number))]

    def _chain(self, start: int) -> bytes:
        return b"".join(map(self._sector, self._numbers(start, self._next)))

    def _numbers(self, start: int, following: Sequence[int]) -> list[int]:
        """The numbers of a chain of sectors. Raises SheetError for a chain without an end."""
        numbers = []
        while start < _LAST_SECTOR:
            numbers.append(start)
            if len(numbers) > len(following):
                raise broken()
            start = following[start]
        return numbers

    def _sector(self, number: int) -> bytes:
        # The last sector of a file may be cut off.
        start = self._offset(number)
        return self._content[start : start + self._size].ljust(self._size, b"\0")

    def _offset(self, number: int) -> int:
        return max(_HEADER, self._size) + number * self._size
