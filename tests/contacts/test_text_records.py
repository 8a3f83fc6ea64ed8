"""What is read block by block is what is read record by record, in random text files and in all sample files."""

import random
from pathlib import Path
from typing import Any

import pytest

from contacts.sheet_reader import text_records
from contacts.sheet_reader.dialects import Dialect
from contacts.sheet_reader.reading import read
from contacts.sheet_reader.records import Record
from contacts.sheet_reader.text_records import Block, TextRecords
from contacts.sheet_reader.types import Options, SheetError
from tests.contacts.test_sheet_rows import outcome
from tests.samples.texts import cases

FILES = 150

PLAIN = ("Thandi", "0825550100", "+27 82 555 0100", "O'Brien", " a", "b ", "", " ", "é", "\u2028", "0116420000", "12.5")
#: Rarely used: each makes a line differ from a record, or is written otherwise than it is meant.
ODD = ('"', '""', '"a, b"', '"two\nlines"', '6"', '\\"', '="082"', "'", "'q'", "\\", "\r", "\x00", "\x1a", "\ufeff",
       "ï»¿")  # fmt: skip


def a_text(chance: random.Random) -> str:
    oddness = chance.choice((0, 0.01, 0.1, 0.5))
    quotes = chance.random() < 0.3
    delimiter, end = chance.choice(",;\t|"), chance.choice(("\n", "\n", "\r\n", "\r"))
    lines = []
    for _ in range(chance.randint(1, 80)):
        cells = [chance.choice(ODD if chance.random() < oddness else PLAIN) for _ in range(4)]
        quoted = [f'"{cell}"' for cell in cells] if quotes else cells
        lines.append("" if chance.random() < 0.03 else delimiter.join(quoted[: chance.choice((4, 4, 4, 4, 3))]))
    text = end.join(lines) + chance.choice(("", end, end + "\x1a", end + "\x00\x00", end * 3))
    return chance.choice(("", "", "", "sep=;\n", "\ufeff")) + text


def everything(path: Path, name: str, options: Options) -> Any:
    def rows() -> Any:
        contents = read(path, name, options)
        return list(contents.rows), contents.layout, contents.left_out

    return outcome(rows)


def one_by_one(monkeypatch: pytest.MonkeyPatch, path: Path, name: str, options: Options) -> Any:
    with monkeypatch.context() as patched:
        patched.setattr(TextRecords, "_block", lambda self, lines: None)
        return everything(path, name, options)


def test_blocks_and_single_records_are_the_same_in_random_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "list.csv"
    for seed in range(FILES):
        chance = random.Random(seed)
        encoding = chance.choice(("utf-8", "utf-8", "cp1252", "utf-16"))
        path.write_bytes(a_text(chance).encode(encoding, "ignore"))
        options = Options(encoding="cp1252" if encoding == "cp1252" else "")
        expected = one_by_one(monkeypatch, path, path.name, options)
        for size in (1, chance.randint(10, 500), 100_000):
            monkeypatch.setattr(text_records, "BLOCK", size)
            assert everything(path, path.name, options) == expected, (seed, size)


def test_blocks_and_single_records_are_the_same_in_all_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "upload"
    for case in cases():
        path.write_bytes(case.data)
        expected = one_by_one(monkeypatch, path, case.file, case.options)
        for size in (1, 100, 100_000):
            monkeypatch.setattr(text_records, "BLOCK", size)
            assert everything(path, case.file, case.options) == expected, (case.name, size)


@pytest.mark.parametrize(("text", "kinds"), [
    ("a,b\n1,2\n", [Block]),
    ('"a","b, c"\n1,2\n', [Block]),
    ('"a","b\nc"\n1,2\n', [Record, Record]),
    ('1,2\n="082",3\n', [Record, Record]),
    ('1,2\n"not closed,3\n', [Record, Record]),
    ("1,2\x00\n", [Record]),
])  # fmt: skip
def test_only_lines_that_are_records_are_a_block(tmp_path: Path, text: str, kinds: list[type]) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text)
    assert [type(part) for part in TextRecords(path, "utf-8", Dialect(","))] == kinds


def test_a_cell_that_is_too_long_is_refused_when_the_file_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Name,Cell\n" + "Anna,0825550100\n" * 3 + f"{'x' * 140_000},0825550101\n")
    with pytest.raises(SheetError, match="Row 5 has a cell of more than 131,072 characters"):
        read(path, path.name)
