"""What is read by pattern is what the parser of its XML reads, in random worksheets and in all sample workbooks."""

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contacts.sheet_reader import pieces, sheet_rows
from contacts.sheet_reader.number_formats import NumberFormat
from contacts.sheet_reader.reading import read
from contacts.sheet_reader.shared_strings import shared_strings
from contacts.sheet_reader.sheet_parser import SheetParser, StoredRow
from contacts.sheet_reader.sheet_rows import SheetRows
from contacts.sheet_reader.sheet_scan import column_letters
from contacts.sheet_reader.types import SheetError
from contacts.sheet_reader.values import Values
from tests.samples.workbooks import CASES

NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TEXTS = ("Thandi", "0825550100", "a &amp; b", "_x000D_x", "_x0000_", " ", "", "x&lt;y&gt;", "é\u00a0", "&#65;",
         "a&#13;b", "a\nb", "a\r\nb", "1E+20", "\ufffd", "#N/A", "=1")  # fmt: skip
NUMBERS = ("0", "00", "1", "-1", "12.5", "0.1", "0.10", "27825550100", "2.78E+10", "1234567890123456", "45000", "1e400",
           "0.00001", "1234567.12345678", "999999.9999", " 7 ", "x", ".5")  # fmt: skip
STRINGS = ("Sipho", "Élodie", "two\nlines", "", " ", "0835550100")
FORMATS = {"1": NumberFormat("0000000000"), "2": NumberFormat("yyyy-mm-dd"), "3": NumberFormat("0;;;@"),
           "4": NumberFormat("[$-409]??/??;@@"), "5": NumberFormat('"n "@')}  # fmt: skip
#: Rarely used; the last ones are damaged. A closing tag too many, which no program writes, need not be noticed.
ODD = ("<!-- c -->", "<![CDATA[x]]>", "<?p?>", "\n", "<c/>", '<c r="A1" t="z"><v>1</v></c>', '<c r="XFE1"><v>1</v></c>',
       '<row r="0"><c r="A0"><v>1</v></c></row>', "<row>", "\x01")  # fmt: skip


def cell(chance: random.Random, column: int, number: int) -> str:
    reference = f'r="{column_letters(column)}{number}"' if chance.random() < 0.99 else ""
    style = f' s="{chance.randint(0, 6)}"' if chance.random() < 0.3 else ""
    start = f"<c {reference}{style}".replace("  ", " ")
    kinds: tuple[Callable[[], str], ...] = (
        lambda: f' t="s"><v>{chance.randrange(len(STRINGS) + (chance.random() < 0.003))}</v></c>',
        lambda: f' t="inlineStr"><is><t>{chance.choice(TEXTS)}</t></is></c>',
        lambda: f' t="inlineStr"><is><t xml:space="preserve">{chance.choice(TEXTS)}</t></is></c>',
        lambda: f"><v>{chance.choice(NUMBERS)}</v></c>",
        lambda: f' t="n"><v>{chance.choice(NUMBERS)}</v></c>',
        lambda: f' t="str"><f>A1&amp;B1</f><v>{chance.choice(TEXTS)}</v></c>',
        lambda: f'><f t="shared" si="0"/><v>{chance.choice(NUMBERS)}</v></c>',
        lambda: ' t="e"><v>#N/A</v></c>',
        lambda: ' t="b"><v>1</v></c>',
        lambda: ' t="d"><v>2026-03-01T12:30:00</v></c>',
        lambda: "/>",
        lambda: "></c>",
    )
    rare: tuple[Callable[[], str], ...] = (
        lambda: "><f>A1</f></c>",
        lambda: "><f>A1</f><v></v></c>",
        lambda: ' t="str"><f>A1</f><v></v></c>',
        lambda: ' t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r><rPh><t>c</t></rPh></is></c>',
    )
    return start + chance.choice(rare if chance.random() < 0.02 else kinds)()


def worksheet(chance: random.Random) -> str:
    oddness = chance.choice((0, 0, 0.002, 0.02))
    rows = []
    number = 0
    for _ in range(chance.randint(1, 60)):
        number += chance.choice((1, 1, 1, 1, 1, 2, 1_000, -1 if number > 5 else 1))
        attributes = chance.choice(("", "", ' spans="1:8"', ' hidden="1"', ' ht="0"', ' x="a"', ' ht="15" hidden="0"'))
        columns = sorted(chance.sample(range(30), chance.choice((0, 1, 5)))) if chance.random() < 0.3 else range(4)
        cells = "".join(cell(chance, column, number) for column in columns)
        ref = f' r="{number}"' if chance.random() < 0.99 else ""
        rows.append(f"<row{ref}{attributes}/>" if not cells else f"<row{ref}{attributes}>{cells}</row>")
        if chance.random() < oddness:
            rows[-1] = rows[-1].replace("<c ", chance.choice(ODD) + "<c ", 1)
    between = chance.choice(("", "", "\n"))
    end = chance.choice(("<pageMargins/>", '<mergeCells><mergeCell ref="A1:B2"/></mergeCells>', "<rowBreaks/>"))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<worksheet xmlns="{NAMESPACE}"><sheetData>{between}'
        f"{between.join(rows)}</sheetData>{end}</worksheet>{'' if chance.random() > oddness else '</x>'}"
    )


def values() -> Values:
    return Values(STRINGS, FORMATS, False)


def outcome(work: Callable[[], Any]) -> Any:
    """The result or the refusal."""
    try:
        return work()
    except SheetError as error:
        return error.code, error.sentence


def parsed(content: bytes) -> tuple[list[StoredRow], list[Any]]:
    parser = SheetParser(values())
    rows = parser.feed(content)
    parser.close()
    return rows, parser.merges


def by_pattern(content: bytes) -> tuple[list[StoredRow], list[Any]]:
    reader = SheetRows(values())
    return list(reader.stored(io.BytesIO(content))), reader.merges


def test_random_worksheets_are_read_as_their_xml_says(monkeypatch: pytest.MonkeyPatch) -> None:
    plain: list[bool] = []
    begins = sheet_rows._begins_of_rows

    def counted(gaps: list[str]) -> Any:
        found = begins(gaps)
        plain.append(found is not None)
        return found

    monkeypatch.setattr(sheet_rows, "_begins_of_rows", counted)
    for seed in range(400):
        chance = random.Random(seed)
        content = worksheet(chance).encode()
        monkeypatch.setattr(pieces, "SIZE", chance.choice((200, 1_000, 1_000_000)))
        assert outcome(lambda: by_pattern(content)) == outcome(lambda: parsed(content)), seed  # noqa: B023
    assert sum(plain) > len(plain) / 3 > 200


def test_random_shared_strings_are_read_as_their_xml_says(monkeypatch: pytest.MonkeyPatch) -> None:
    rare = ("<si><r><t>a</t></r><r><t>b</t></r></si>", "<si><t>a</t><rPh><t>b</t></rPh></si>", "<si/>", "<si><t/></si>",
            "<!-- <si><t>x</t></si>", "-->", "\n", "<si><t>]]></t></si>")  # fmt: skip

    def strings(content: bytes, size: int) -> list[str]:
        monkeypatch.setattr(pieces, "SIZE", size)
        return shared_strings(io.BytesIO(content))

    for seed in range(300):
        chance = random.Random(seed)
        share = chance.choice((0, 0.05))
        found = "".join(
            chance.choice(rare) if chance.random() < share else f"<si><t>{chance.choice(TEXTS)}</t></si>"
            for _ in range(100)
        )
        content = f'<sst xmlns="{NAMESPACE}">{found}</sst>'.encode()
        simple = outcome(lambda: parsed_strings(content, monkeypatch))  # noqa: B023
        for size in (150, 1_000_000):
            assert outcome(lambda: strings(content, size)) == simple, seed  # noqa: B023


def parsed_strings(content: bytes, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    with monkeypatch.context() as patched:
        patched.setattr(pieces, "_text", lambda piece: None)
        return shared_strings(io.BytesIO(content))


def test_sample_workbooks_are_read_as_their_xml_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def everything(path: Path) -> Iterator[Any]:
        for case in CASES:
            if case.ending == "xlsx":
                path.write_bytes(case.write())
                yield case.name, outcome(lambda: _contents(path, case.options))  # noqa: B023

    by_pattern = dict(everything(tmp_path / "upload"))
    monkeypatch.setattr(pieces, "_text", lambda piece: None)
    assert by_pattern == dict(everything(tmp_path / "upload"))


def _contents(path: Path, options: Any) -> Any:
    contents = read(path, "book.xlsx", options)
    return list(contents.rows), contents.layout, contents.left_out
