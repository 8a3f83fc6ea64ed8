"""Text files of every kind give the rows a person sees, or a reason, and each of their rows is accounted for."""

import json
import re
from pathlib import Path

import pytest

from contacts.sheet_reader.layout import Contents
from contacts.sheet_reader.offers import offers
from contacts.sheet_reader.reading import read
from contacts.sheet_reader.types import WHOLE_ROW, Row, SheetError
from tests.samples.texts import TextCase, cases

IMPORTS = Path(__file__).parent.parent / "samples" / "import"
CASES = cases()


@pytest.fixture(scope="module")
def upload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file for all cases, because a directory for each takes longer than reading."""
    return tmp_path_factory.mktemp("texts") / "upload"


def contents(upload: Path, case: TextCase) -> tuple[Contents, list[Row]]:
    upload.write_bytes(case.data)
    found = read(upload, case.file, case.options)
    return found, list(found.rows)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_text_file_is_read_as_a_person_sees_it(upload: Path, case: TextCase) -> None:
    if case.refusal:
        code, word = case.refusal
        with pytest.raises(SheetError) as refused:
            contents(upload, case)
        assert refused.value.code == code
        assert word in refused.value.sentence
        assert refused.value.sentence.endswith(".")
        return
    found, rows = contents(upload, case)
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


# -- encodings on offer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1252", "Zoë,Müller,Renée"),
        ("cp1252", "São João"),
        ("cp1252", "Søren Ærø"),
        ("cp1252", "Zoë €"),
        ("cp1250", "Łukasz,Žaneta"),
        ("cp1250", "Zażółć gęślą"),
        ("cp1250", "Šárka Dvořáková"),
        ("cp1250", "Győző Őry"),
        ("cp1251", "Владимир Путь"),
        ("cp1251", "Иван,Мария"),
        ("cp1251", "Ірина"),
        ("cp1253", "Γιώργος,Παπαδόπουλος"),
        ("cp1254", "Şükrü Iğdır"),
        ("cp1256", "محمد,فاطمة"),
        ("mac_roman", "Zoë,Renée"),
        ("mac_roman", "José Nuñez"),
        ("cp850", "Müller,Größe"),
        ("iso-8859-2", "Šárka Dvořáková"),
    ],
)
def test_the_most_plausible_encoding_is_offered_first(tmp_path: Path, encoding: str, names: str) -> None:
    rows = [[name, "0825550100"] for name in names.split(",")]
    # The first rows have no foreign letters: the preview shows those that have.
    text = "Name;Cell\n" + "Thandi;0825550101\n" * 150 + "".join(";".join(row) + "\n" for row in rows)
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode(encoding))
    offered = offers(path, path.name)
    assert (offered[0].header, offered[0].rows) == (["Name", "Cell"], rows)
    assert encoding in [offer.encoding for offer in offered]
    assert "utf-8" not in [offer.encoding for offer in offered]


def test_an_encoding_that_lacks_a_byte_of_the_file_is_not_offered(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"Name,Cell\nZo\xeb,0825550100\n" + b"Thandi,0825550100\n" * 500 + b"\x81,0825550101\n")
    assert {"cp1252", "cp1253"}.isdisjoint(offer.encoding for offer in offers(path, path.name))


# -- the files of an operator ---------------------------------------------------------------------------------------

HOMES, CITIES = ["Name", "Home", "Cell"], ["Name", "Cell", "City"]

#: By file: the header, the rows by number, the codes of their problems, and how many rows were swallowed.
OPERATOR_FILES: dict[str, tuple[list[str], dict[int, list[str]], dict[int, str], int]] = {
    "comma_in_name_unquoted.csv": (HOMES, {3: ["Thandi", "0115550101", "0825550101"]}, {2: "shifted"}, 0),
    "quote_swallow_good_phone.csv": (["Cell", "Note"], {3: ["0825550103", "ok"]}, {2: "missing_quote"}, 2),
    "unbalanced_quote_pair.csv": (CITIES, {8: ["P60", "0825550060", "Paarl"]}, {7: "missing_quote"}, 41),
    "equals_quoted.csv": (["Name", "Cell"], {2: ["Thandi", "0825550100"], 3: ["Sipho", "0825550101"]}, {}, 0),
    "fb_lead.csv": (["full_name", "phone_number"], {2: ["Thandi", "p:+27825550100"]}, {}, 0),
    "space_quoted.csv": (["Name", "City", "Cell"], {2: ["Thandi", "Paarl, WC", "0825550100"]}, {}, 0),
    "surname_comma_semicolon.csv": (["Surname, Name", "Cell"], {2: ["Nkosi, Thandi", "0825550100"]}, {}, 0),
    "thousands.csv": (["Name", "Cell"], {2: ["Thandi", "27,825,550,100"], 3: ["Sipho", "825,550,100"]}, {}, 0),
    "utf16_nobom.csv": (["Name", "Cell"], {2: ["Theo", "0825550100"]}, {}, 0),
    "decimal_numbers.csv": (["Name", "Phone"], {2: ["A", "1005519.66"], 5: ["D", "-825550100"]}, {}, 0),
    "us_extension.csv": (["Name", "Phone"], {2: ["A", "(212) 655-0100 12"], 3: ["B", "2126550100/01"]}, {}, 0),
    "text_consent.csv": (["First Name", "Mobile", "Text"], {2: ["Thandi", "0825550100", "Y"]}, {}, 0),
    "number_column.csv": (["Number", "Name", "Mobile Nr"], {2: ["1", "Thandi", "0825550100"]}, {}, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATOR_FILES)
def test_a_file_of_an_operator(name: str) -> None:
    header, expected, problems, swallowed = OPERATOR_FILES[name]
    found = read(IMPORTS / name, name)
    rows = {row.number: row for row in found.rows}
    assert found.layout.header == header
    assert {number: rows[number].cells for number in expected} == expected
    assert {number: row.problems[WHOLE_ROW][0] for number, row in rows.items() if row.problems} == problems
    assert found.left_out == {"above_header": 1, "hidden": 0, "swallowed": swallowed}


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("html_named.csv", "wrong_type", "web page"),
        ("pdf_named.csv", "wrong_type", "PDF"),
        ("cp1250.csv", "encoding", "line 2"),
    ],
)
def test_a_file_of_an_operator_that_is_refused(name: str, code: str, words: str) -> None:
    with pytest.raises(SheetError) as refused:
        read(IMPORTS / name, name)
    assert (refused.value.code, words in refused.value.sentence) == (code, True)


def test_central_european_letters_are_read_as_such() -> None:
    assert offers(IMPORTS / "cp1250.csv", "cp1250.csv")[0].rows == [["Łukasz", "0825550100"], ["Žaneta", "0825550101"]]


def test_every_text_file_of_an_operator_is_tested() -> None:
    tested = {*OPERATOR_FILES, "html_named.csv", "pdf_named.csv", "cp1250.csv", "salesforce.csv"}
    assert {case["file"] for case in json.loads((IMPORTS / "cases.json").read_text())} >= tested
    assert {path.name for path in IMPORTS.glob("*.csv")} == tested
