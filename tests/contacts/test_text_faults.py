"""Random faults of quotation marks and delimiters never give a person another number, and lose nobody silently."""

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from contacts.sheet_reader.reading import read
from contacts.sheet_reader.types import WHOLE_ROW, SheetError

HEADERS = (
    ["Name", "Cell"],
    ["Cell", "Name"],
    ["Name", "Home", "Cell"],
    ["Name", "Cell", "Home"],
    ["Account", "Name", "Cell", "City"],
    ["Name", "City", "Cell", "Note"],
)
FILES = 60

Fault = Callable[[random.Random, str, str], str]


def a_cell(chance: random.Random, title: str, person: int) -> str:
    cells = {
        "Name": (f"P{person}", f"P{person}, S"),
        "Cell": (f"0825{person:03}{chance.randrange(1000):03}",),
        "Home": ("", f"0115{person:03}{chance.randrange(1000):03}"),
        "Account": (f"C{person}", str(100_000_000 + person)),
        "City": ("Paarl", "Paarl, WC", ""),
        "Note": ("", "vip", '6" pizza', "a, b"),
    }
    return chance.choice(cells[title])


def stray_quote(chance: random.Random, line: str, delimiter: str) -> str:
    place = chance.choice([0, *(place + 1 for place, letter in enumerate(line) if letter == delimiter)])
    return f'{line[:place]}"{line[place:]}'


def no_quotes(chance: random.Random, line: str, delimiter: str) -> str:
    return line.replace('"', "")


def one_quote_less(chance: random.Random, line: str, delimiter: str) -> str:
    return without_one(chance, line, '"')


def one_delimiter_less(chance: random.Random, line: str, delimiter: str) -> str:
    return without_one(chance, line, delimiter)


def one_delimiter_more(chance: random.Random, line: str, delimiter: str) -> str:
    place = chance.choice([0, *(place for place, letter in enumerate(line) if letter == delimiter)])
    return line[:place] + delimiter + line[place:]


def without_one(chance: random.Random, line: str, removed: str) -> str:
    places = [place for place, letter in enumerate(line) if letter == removed]
    place = chance.choice(places) if places else len(line)
    return line[:place] + line[place + 1 :]


def a_file(chance: random.Random, delimiter: str) -> tuple[list[str], list[list[str]], list[str]]:
    """The titles, the rows, and the lines of a file with them."""
    titles = chance.choice(HEADERS)
    rows = [[a_cell(chance, title, person) for title in titles] for person in range(chance.choice([2, 3, 5, 20]))]
    out = io.StringIO()
    if chance.random() < 0.5:
        csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([titles, *rows])
    else:
        csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([titles, *rows])
    return titles, rows, out.getvalue().splitlines(keepends=True)


def test_a_file_without_faults_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    for seed in range(FILES):
        chance = random.Random(seed)
        titles, rows, lines = a_file(chance, chance.choice(",;\t|"))
        path.write_text("".join(lines))
        found = read(path, path.name)
        shown = list(found.rows)
        assert found.layout.header == titles, (seed, lines)
        assert [row.cells + [""] * (len(titles) - len(row.cells)) for row in shown] == rows, (seed, lines)
        assert not any(row.problems for row in shown), (seed, lines)


@pytest.mark.parametrize(
    "fault", [stray_quote, no_quotes, one_quote_less, one_delimiter_less, one_delimiter_more], ids=lambda f: f.__name__
)
def test_no_fault_gives_a_person_another_number(tmp_path: Path, fault: Fault) -> None:
    path = tmp_path / "list.csv"
    for seed in range(FILES):
        chance = random.Random(f"{seed} {fault.__name__}")
        delimiter = chance.choice(",;\t|")
        titles, rows, lines = a_file(chance, delimiter)
        for _ in range(chance.choice([1, 1, 2, 5])):
            place = chance.randrange(1, len(lines))
            lines[place] = fault(chance, lines[place], delimiter)
        path.write_text("".join(lines))
        try:
            found = read(path, path.name)
            shown = list(found.rows)
        except SheetError:
            continue
        if found.layout.header[: len(titles)] != titles:
            continue
        cell = titles.index("Cell")
        numbers = {row[cell] for row in rows}
        for row in shown:
            number = row.cells[cell].strip() if len(row.cells) > cell else ""
            if WHOLE_ROW not in row.problems and number.isdigit() and len(number) == 10:
                assert number in numbers, (seed, row, lines)
        text = " ".join(cell for row in shown for cell in row.cells)
        assert all(number in text for number in numbers) or any(row.problems for row in shown), (seed, lines)
