"""Files that are no sheets, NUL bytes, and empty files."""

from collections.abc import Iterator

from tests.samples.texts.case import TextCase, people, phone


def odd() -> Iterator[TextCase]:
    """NUL bytes, files of another kind, and empty ones."""
    rows = "Thandi,0825550100\n"
    yield TextCase("padded with NUL bytes", "Name,Cell\n" + rows + "\0" * 500, rows=people(1), lines=2)
    yield TextCase("end-of-file character", "Name,Cell\n" + rows + "\x1a", rows=people(1), lines=2)
    late = "Name,Cell\n" + rows * 600 + "Sip\0ho,0825550101\n"
    yield TextCase(
        "NUL byte in a cell",
        late,
        rows=[*people(1) * 600, ["Sip\ufffdho", phone(1)]],
        problems={(602, 0): "not_a_text"},
    )
    yield TextCase("NUL bytes at once", b"Name\0Cell\0\1\2\0\n", refusal=("wrong_type", "not text"))
    yield TextCase(
        "other separators of lines",
        "Name,Cell\nTha\u2028ndi\x0b\x0c,0825550100\n",
        rows=[["Tha\u2028ndi\x0b\x0c", phone(0)]],
        lines=2,
    )
    yield TextCase("empty", "", refusal=("empty", "empty"))
    yield TextCase("blank", "\n\n ,,\n\t\n", refusal=("empty", "empty"))
    yield TextCase("only NUL bytes", b"\0" * 100, refusal=("empty", "empty"))
    yield TextCase("only a mark", b"\xef\xbb\xbf", refusal=("empty", "empty"))
    yield TextCase("too wide", "Name,Cell\n" + "x," * 600 + "x\n", refusal=("too_large", "columns"))
    for number, (word, content) in enumerate(OTHER_KINDS):
        for file in ("list.csv", "list.xlsx"):
            yield TextCase(f"{word} {number} called {file}", content, file=file, refusal=("wrong_type", word))
    for title in ("ID", "BMI", "ID3", "PAR1", "MZ", "BZh", "[Name]", "{Name}", "From: x", "<Name>", "P", "PK"):
        yield TextCase(f"title {title!r}", f"{title},Cell\nThandi,0825550100\n", header=(title, "Cell"), rows=people(1))
    yield TextCase("title ID;P", "ID;Phone\n1;0825550100\n", header=("ID", "Phone"), rows=[["1", phone(0)]])


#: The beginnings of files that are no sheets, each with a word that must name it.
OTHER_KINDS: tuple[tuple[str, bytes], ...] = (
    ("PDF", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"),
    ("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    ("JPEG", b"\xff\xd8\xff\xe0\0\x10JFIF"),
    ("GIF", b"GIF89a\1\0\1\0"),
    ("WebP", b"RIFF\x24\0\0\0WEBPVP8 "),
    ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0"),
    ("video", b"\0\0\0\x18ftypisom\0\0\0\0"),
    ("BMP", b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0"),
    ("TIFF", b"II*\0\x08\0\0\0"),
    ("gzip", b"\x1f\x8b\x08\0\0\0\0\0"),
    ("7-Zip", b"7z\xbc\xaf\x27\x1c\0\4"),
    ("RAR", b"Rar!\x1a\x07\1\0"),
    ("RTF", b"{\\rtf1\\ansi Thandi 0825550100}"),
    ("vCard", b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Thandi\r\nTEL:0825550100\r\nEND:VCARD\r\n"),
    ("calendar", b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"),
    ("JSON", b'[{"name": "Thandi", "cell": "0825550100"}]'),
    ("JSON", b'{"people": [{"cell": "0825550100"}]}\n'),
    ("JSON", b'\xef\xbb\xbf{"cell": "0825550100"}\n{"cell": ""}\n'),
    ("JSON", b'[\n  ["Thandi", "0825550100"]\n]'),
    (
        "e-mail",
        b"Return-Path: <a@example.org>\r\nReceived: from x\r\nFrom: a@example.org\r\nSubject: list\r\n\r\nHi\r\n",
    ),
    ("SQLite", b"SQLite format 3\0\x10\0"),
    ("program", b"MZ\x90\0\3\0\0\0"),
    ("program", b"\x7fELF\2\1\1\0"),
    ("web page", b"<html><body><table><tr><td>Name</td></tr></table></body></html>"),
    ("web page", b"\xef\xbb\xbf<!DOCTYPE html>\n<html>"),
    ("web page", b"\r\n  <table border=1><tr><td>0825550100</td></tr></table>"),
    ("web page", '<html xmlns:x="urn:schemas-microsoft-com:office:excel">'.encode("utf-16")),
    ("web page", b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html>'),
    ("web page", b"<meta charset=utf-8><table>"),
    ("XML Spreadsheet", b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook>'),
    ("XML Spreadsheet", b'<?xml version="1.0"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">'),
    ("XML file", b'<?xml version="1.0"?><contacts><cell>0825550100</cell></contacts>'),
    ("XML file", b"<contacts><cell>1</cell>"),
    ("Access", b"\0\1\0\0Standard Jet DB\0"),
    ("Parquet", b"PAR1\x15\4\x15"),
    ("SVG", b'<svg xmlns="x"></svg>'),
    ("Lotus", b"\0\0\x1a\0\0\x10\4\0"),
)
