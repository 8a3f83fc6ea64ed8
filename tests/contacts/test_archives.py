"""The only sheet in a zip archive is read; every other archive and container is refused by its name."""

import io
import zipfile
from pathlib import Path

import openpyxl
import pytest

from contacts.sheet_reader.reading import read
from contacts.sheet_reader.types import Row, SheetError

SHEET = b"Name;Cell\r\nThandi;0825550100\r\n"


def zipped(tmp_path: Path, *entries: tuple[str, bytes]) -> Path:
    path = tmp_path / "upload.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "entries",
    [
        [("list.csv", SHEET)],
        [("folder/", b""), ("folder/list.TSV", SHEET.replace(b";", b"\t"))],
        [("list.txt", SHEET), ("__MACOSX/._list.txt", b"\0\5\x16\7"), (".DS_Store", b"\0\0\0\1Bud1")],
        [("list.csv", SHEET.decode().encode("utf-16"))],
    ],
)
def test_it_reads_the_only_sheet_in_a_zip(tmp_path: Path, entries: list[tuple[str, bytes]]) -> None:
    found = read(zipped(tmp_path, *entries), "upload.zip")
    assert (found.layout.header, list(found.rows)) == (["Name", "Cell"], [Row(2, ["Thandi", "0825550100"])])


def test_it_reads_a_workbook_in_a_zip(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["Name", "Cell"], ["Thandi", "0825550100"]):
        book.worksheets[0].append(row)
    content = io.BytesIO()
    book.save(content)
    found = read(zipped(tmp_path, ("list.xlsx", content.getvalue())), "upload.zip")
    assert (found.layout.header, list(found.rows)) == (["Name", "Cell"], [Row(2, ["Thandi", "0825550100"])])


@pytest.mark.parametrize(
    ("entries", "code", "words"),
    [
        ([("a.csv", SHEET), ("b.csv", SHEET)], "several_files", "a.csv, b.csv"),
        ([(f"{number}.csv", SHEET) for number in range(9)], "several_files", "4 more"),
        ([("folder/", b"")], "empty", "empty"),
        ([("photo.png", b"\x89PNG\r\n\x1a\n")], "wrong_type", "photo.png"),
        ([("a.csv", b"%PDF-1.4")], "wrong_type", "PDF"),
        ([("inner.zip", b"PK\x03\x04")], "wrong_type", "inner.zip"),
        ([("a.csv", b"0" * 20_000_000)], "too_large", "larger when unpacked"),
        ([("[Content_Types].xml", b""), ("word/document.xml", b"")], "wrong_type", "Word"),
        ([("[Content_Types].xml", b""), ("ppt/presentation.xml", b"")], "wrong_type", "PowerPoint"),
        ([("mimetype", b"application/vnd.oasis.opendocument.text")], "wrong_type", "document"),
        ([("Index/Document.iwa", b"")], "wrong_type", "Numbers"),
        ([("META-INF/MANIFEST.MF", b"")], "wrong_type", "program"),
    ],
)
def test_it_refuses_other_archives(tmp_path: Path, entries: list[tuple[str, bytes]], code: str, words: str) -> None:
    with pytest.raises(SheetError) as refused:
        read(zipped(tmp_path, *entries), "upload.zip")
    assert (refused.value.code, words in refused.value.sentence) == (code, True)


def test_it_refuses_an_archive_with_a_password(tmp_path: Path) -> None:
    path = zipped(tmp_path, ("list.csv", SHEET))
    # Bit 0 of the flags says that the entry is encrypted, in both of its headers.
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(SheetError) as refused:
        read(path, "upload.zip")
    assert refused.value.code == "password"


@pytest.mark.parametrize(
    ("stream", "code", "words"),
    [
        ("EncryptedPackage", "password", "password"),
        ("WordDocument", "wrong_type", "Word"),
        ("", "wrong_type", "Office"),
    ],
)
def test_it_names_what_an_ole2_file_is(tmp_path: Path, stream: str, code: str, words: str) -> None:
    path = tmp_path / "list.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + stream.encode("utf-16-le") + b"\0" * 500)
    with pytest.raises(SheetError) as refused:
        read(path, path.name)
    assert (refused.value.code, words in refused.value.sentence) == (code, True)
