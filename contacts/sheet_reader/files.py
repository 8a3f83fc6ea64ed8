"""Tells by its content what kind of file an upload is, whatever its name; what is no sheet is refused by its kind."""

import re
import zipfile
import zlib
from pathlib import Path
from typing import NoReturn

from contacts.sheet_reader.types import SheetError

TEXT = "text"
#: Open XML (.xlsx, .xlsm); its binary variant (.xlsb); an old Excel file (.xls); an OpenDocument spreadsheet (.ods).
WORKBOOK, BINARY_WORKBOOK, OLD_WORKBOOK, OPEN_DOCUMENT = "xlsx", "xlsb", "xls", "ods"
#: An archive, which may hold one sheet.
ARCHIVE = "zip"

_START = 8_192
_EXCEL = "Open it in Excel or LibreOffice, save it as .xlsx and upload that."
_TYPE = "Enter the numbers in a spreadsheet and upload that."
_UNPACK = "Unpack it and upload the spreadsheet in it, or pack that as .zip."
_EXPORT = "Export the table as .xlsx or .csv and upload that."

#: The bytes that a file begins with, what it is, and what to do.
_MAGIC = (
    (b"%PDF", "a PDF document", _EXPORT),
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG)", _TYPE),
    (b"\xff\xd8\xff", "a picture (JPEG)", _TYPE),
    (b"GIF87a", "a picture (GIF)", _TYPE),
    (b"GIF89a", "a picture (GIF)", _TYPE),
    (b"II*\x00", "a picture (TIFF)", _TYPE),
    (b"MM\x00*", "a picture (TIFF)", _TYPE),
    (b"8BPS\x00", "a picture (Photoshop)", _TYPE),
    (b"\x00\x00\x01\x00", "a picture (icon)", _TYPE),
    (b"ID3\x02", "a sound recording", _TYPE),
    (b"ID3\x03", "a sound recording", _TYPE),
    (b"ID3\x04", "a sound recording", _TYPE),
    (b"OggS\x00", "a sound recording", _TYPE),
    (b"\x1aE\xdf\xa3", "a video", _TYPE),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (b"{\\rtf", "an RTF document", _EXPORT),
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"\x00\x01\x00\x00Standard ", "an Access database", _EXPORT),
    (b"PAR1\x15", "a Parquet file", _EXPORT),
    (b"\x00\x00\x1a\x00", "a Lotus 1-2-3 worksheet", _EXCEL),
    (b"MZ", "a Windows program", "Choose the spreadsheet instead."),
    (b"\x7fELF", "a program", "Choose the spreadsheet instead."),
    (b"\xcf\xfa\xed\xfe", "a program", "Choose the spreadsheet instead."),
    (b"\xca\xfe\xba\xbe", "a program", "Choose the spreadsheet instead."),
    (b"bplist00", "a property list", _EXPORT),
    (b"!BDN", "an Outlook data file", _EXPORT),
    (b"%!PS", "a PostScript document", _EXPORT),
)
#: A text may begin with these letters, too: a NUL byte must follow.
_NEEDS_NUL = (b"MZ", b"BZh")
_CONTAINERS = {b"WEBP": "a picture (WebP)", b"WAVE": "a sound recording", b"AVI ": "a video"}
_BRANDS = re.compile(rb"....ftyp(hei[a-z]|mif1|msf1|avif|hev[a-z])", re.DOTALL)
_WEB_PAGE = re.compile(r"(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body|table|meta|div|style)\b", re.DOTALL)
_JSON = re.compile(r'(?:\{\s*"[^"\n]*"\s*:|\{\s*\}|\[\s*(?:\{|\[|"[^"\n]*"\s*[,\]]\s*["\]]))')
_MAIL_HEADER = re.compile(
    r"(?:received|return-path|from|to|cc|date|subject|message-id|mime-version|delivered-to|reply-to|content-type"
    r"|content-transfer-encoding|dkim-signature|x-[\w-]+|authentication-results|arc-[\w-]+): .*",
    re.IGNORECASE,
)
#: Names of streams in an OLE2 file, which say what it is.
_STREAMS = (
    ("EncryptedPackage", "password"),
    ("WordDocument", "a Word document (.doc)"),
    ("PowerPoint Document", "a PowerPoint presentation (.ppt)"),
    ("__substg1.0_", "an Outlook e-mail (.msg)"),
    ("Workbook", OLD_WORKBOOK),
    ("Book", OLD_WORKBOOK),
)


def kind_of(path: Path) -> str:
    """TEXT, ARCHIVE or one of the kinds of workbook. Raises SheetError, which names the kind of any other file."""
    with path.open("rb") as file:
        start = file.read(_START)
        size = file.seek(0, 2)
    if not start.strip(b"\x00\t\r\n ,;") and size <= _START:
        raise SheetError("empty", "This file is empty.")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return _kind_of_ole2(path)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_archive(path)
    # Excel 2 to 4 wrote a workbook as one stream.
    if start.startswith((b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")):
        return OLD_WORKBOOK
    _refuse_by_bytes(start)
    _refuse_by_words(_words(start))
    return TEXT


def _refuse_by_bytes(start: bytes) -> None:
    for magic, name, advice in _MAGIC:
        if start.startswith(magic) and (magic not in _NEEDS_NUL or b"\x00" in start):
            raise refused(name, advice)
    if start.startswith(b"RIFF") and start[8:12] in _CONTAINERS:
        raise refused(_CONTAINERS[start[8:12]], _TYPE)
    if start.startswith(b"BM") and start[6:10] == b"\x00\x00\x00\x00":
        raise refused("a picture (BMP)", _TYPE)
    if _BRANDS.match(start):
        raise refused("a picture (HEIC)", _TYPE)
    if start[4:8] == b"ftyp":
        raise refused("a video", _TYPE)
    if start[257:262] == b"ustar":
        raise refused("a tar archive", _UNPACK)


def _words(start: bytes) -> str:
    """The beginning as text, as far as it is ASCII: enough to recognize a format by its first words."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return start.decode("utf-16", "ignore").strip()
    return start.decode("ascii", "ignore").strip("\x00\ufeff \t\r\n")


def _refuse_by_words(words: str) -> None:
    lower = words.lower()
    if lower.startswith(("<?xml", "<workbook", "<svg")):
        _refuse_xml(lower)
    if _WEB_PAGE.match(lower):
        raise refused("a web page (HTML), even if its name ends in .xls or .csv", _EXCEL)
    if re.match(r"<[a-z][\w:.-]*[\s/>]", lower) and "</" in lower:
        raise refused("an XML file", _EXPORT)
    if lower.startswith("begin:vcard"):
        raise refused("a file of contacts (vCard)", _EXPORT)
    if lower.startswith("begin:vcalendar"):
        raise refused("a calendar", _EXPORT)
    if lower.startswith("mime-version:") and "excel" in lower:
        raise refused("a web page saved by Excel (.mht)", _EXCEL)
    if _JSON.match(words):
        raise refused("a JSON file", _EXPORT)
    lines = words.splitlines()
    headers = [line for line in lines[:12] if _MAIL_HEADER.match(line)]
    if len(headers) >= 3 and _MAIL_HEADER.match(lines[0]):
        raise refused("an e-mail", "Open it, save the attached spreadsheet and upload that.")
    if re.match(r"id;p(?:wxl|calcooo)", lower):
        raise refused("a SYLK file", _EXCEL)


def _refuse_xml(lower: str) -> NoReturn:
    if "schemas-microsoft-com:office:spreadsheet" in lower or "excel.sheet" in lower:
        raise refused("an XML Spreadsheet 2003, even if its name ends in .xls", _EXCEL)
    if "opendocument" in lower:
        raise refused("a LibreOffice document in flat XML", "Open it in LibreOffice, save it as .xlsx and upload that.")
    if "<svg" in lower:
        raise refused("a picture (SVG)", _TYPE)
    if "<html" in lower or "<!doctype html" in lower:
        raise refused("a web page (HTML), even if its name ends in .xls or .csv", _EXCEL)
    raise refused("an XML file", _EXPORT)


def _kind_of_ole2(path: Path) -> str:
    """An old Excel file or something else in the same container, such as a workbook with a password."""
    found: set[str] = set()
    names = {name: name.encode("utf-16-le") for name, _ in _STREAMS}
    with path.open("rb") as file:
        tail = b""
        while piece := file.read(4 * 1024 * 1024):
            found |= {name for name, wanted in names.items() if wanted in tail + piece}
            tail = piece[-64:]
    for name, kind in _STREAMS:
        if name in found:
            if kind == "password":
                raise SheetError(
                    "password", "This file is protected with a password. Save it without one and upload it again."
                )
            if kind != OLD_WORKBOOK:
                raise refused(kind, _EXPORT)
            return kind
    raise refused("a Microsoft Office file but not a workbook", _EXPORT)


def _kind_of_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.filename.replace("\\", "/").lstrip("/").lower() for entry in archive.infolist()]
            mime = archive.read("mimetype", pwd=None)[:100] if "mimetype" in names else b""
    except (
        zipfile.BadZipFile,
        OSError,
        ValueError,
        NotImplementedError,
        KeyError,
        RuntimeError,
        EOFError,
        zlib.error,
    ) as error:
        raise SheetError(
            "broken", "This file is damaged and cannot be read to its end. Save it again, or as .csv."
        ) from error
    if b"opendocument.spreadsheet" in mime:
        return OPEN_DOCUMENT
    if b"opendocument" in mime or b"epub" in mime:
        raise refused("a document but not a spreadsheet", _EXPORT)
    if "xl/workbook.bin" in names:
        return BINARY_WORKBOOK
    if "[content_types].xml" in names:
        return _kind_of_open_xml(names)
    if any(name.endswith(".iwa") or name == "index.zip" or name.startswith("index/") for name in names):
        raise refused(
            "an Apple document (Numbers or Pages)",
            "Open it in Numbers, choose File > Export To > Excel and upload that.",
        )
    if "meta-inf/manifest.mf" in names or "androidmanifest.xml" in names:
        raise refused("a program", "Choose the spreadsheet instead.")
    return ARCHIVE


def _kind_of_open_xml(names: list[str]) -> str:
    if any(name.startswith("word/") for name in names):
        raise refused("a Word document (.docx)", "Copy the table into a spreadsheet and upload that.")
    if any(name.startswith("ppt/") for name in names):
        raise refused("a PowerPoint presentation (.pptx)", "Copy the table into a spreadsheet and upload that.")
    if any(name.startswith("visio/") for name in names):
        raise refused("a Visio drawing", _EXPORT)
    return WORKBOOK


def refused(name: str, advice: str) -> SheetError:
    """The refusal of a file that is not a sheet. ``name``: what it is, with its article."""
    return SheetError("wrong_type", f"This is {name}, not a spreadsheet that Baton reads. {advice}")
