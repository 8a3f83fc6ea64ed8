"""Text files of every kind give the rows a person sees, or a reason, and each of their rows is accounted for."""

import re
from pathlib import Path

import pytest

from contacts.sheet_reader.layout import Contents
from contacts.sheet_reader.reading import read
from contacts.sheet_reader.types import Row, SheetError
from tests.samples.texts import TextCase, cases

IMPORTS = Path(__file__).parent.parent / "samples" / "import"
CASES = cases()


def contents(tmp_path: Path, case: TextCase) -> tuple[Contents, list[Row]]:
    path = tmp_path / "upload"
    path.write_bytes(case.data)
    found = read(path, case.file, case.options)
    return found, list(found.rows)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_text_file_is_read_as_a_person_sees_it(tmp_path: Path, case: TextCase) -> None:
    if case.refusal:
        code, word = case.refusal
        with pytest.raises(SheetError) as refused:
            contents(tmp_path, case)
        assert refused.value.code == code
        assert word in refused.value.sentence
        assert refused.value.sentence.endswith(".")
        return
    found, rows = contents(tmp_path, case)
    layout = found.layout
    assert (layout.header_row, tuple(layout.header)) == (case.header_row, case.header)
    assert [[cell.strip() for cell in row.cells] for row in rows] == [[c.strip() for c in row] for row in case.rows]
    assert {(row.number, c): code for row in rows for c, (code, _) in row.problems.items()} == case.problems
    assert all(sentence.endswith(".") and len(sentence) <= 500 for row in rows for _, sentence in row.problems.values())
    assert found.left_out == {"above_header": case.header_row, "hidden": 0, "swallowed": case.swallowed}
    numbers = [row.number for row in rows]
    assert numbers == list(range(case.header_row + 1, case.header_row + 1 + len(rows)))
    assert layout.row_count == len(rows)
    assert len(rows) + sum(found.left_out.values()) == (case.lines or lines_of(case))


def lines_of(case: TextCase) -> int:
    """The lines of the file up to the last that is not blank."""
    encoding = case.options.encoding or case.encoding if isinstance(case.content, bytes) else case.encoding
    lines = re.split("\r\n|\r|\n", case.data.decode(encoding))
    return max(number for number, line in enumerate(lines, start=1) if line.strip(" ,;\t|"))


def test_there_are_enough_of_them() -> None:
    assert len(CASES) == len({case.name for case in CASES})
    assert len(CASES) >= 150
