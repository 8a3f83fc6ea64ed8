"""A row whose cells moved by a delimiter too many or too few never gives a person the number of another column."""

from pathlib import Path

import pytest

from contacts.sheet_reader.reading import read
from contacts.sheet_reader.types import WHOLE_ROW, SheetError

SPOUSES = "Name,Cell,Spouse,City\nP0,0825770000,0835770000,Paarl\nP1,0825770001,0835770001,Paarl\n"
BLANK_LAST = ("P0,0835550000,0825550000,\n" * 20).strip()
MOVED = "Khumalo, Thandi,0837770100,0827770100"


def moved_last(header: str, row: str = MOVED, usual: str = BLANK_LAST) -> str:
    return f"{header}\n{usual}\n{row}\n"


@pytest.mark.parametrize(
    ("refused", "text"),
    [
        # A cell too few.
        ([4], SPOUSES + "Zed,0837770101,Durban\n"),
        ([2], "Name,Cell,Spouse,City\nZed,0837770101,Durban\nP1,0825770001,0835770001,Paarl\n"),
        ([5], SPOUSES + "Zed,0825550\n199,0837770101,Durban\n"),
        ([4], SPOUSES + "Zed 0825770109,0837770101,Durban\n"),
        ([5], SPOUSES + "P2,0825770002,,\nZed,0837770101\n"),
        ([4], "Name,Title,Cell,Home\nA,Ms,0825550100,\nB,Mr,0825550101,0115550101\nC,0825550102,0115550102\n"),
        ([5], "Name,Cell,Spouse,City\nA,0825550100,,Paarl\nB,0825550101,,Paarl\nC,0825550102,0835550102,Paarl\n"
              "Zed,0837770101,Durban\n"),
        ([2], "Name,Cell,Spouse,City\nZed,0837770101,Durban\n"),
        ([2], "Name,Cell,Home,City\nZed,0117770101,Durban\n"),
        # Trailing blank cells are left out.
        ([], "Name,Cell,Manager,City\n" + "A,0825550100,Bob,Paarl\n" * 12 + "A,0825550100,Bob\n"),
        ([], SPOUSES + "Zed,0825770002\n"),
        ([], SPOUSES + "Zed,0825770002,0835770002\n"),
        ([], SPOUSES + "Zed\n"),
        ([], "Name,Cell,City,Note\nA,0825550100,Paarl,vip\nB,0825550101\nC,0825550102,Durban\n"),
        # As wide as the header, because the last column is usually blank.
        ([22], moved_last("Name,Spouse,Cell,Note")),
        ([22], moved_last("Name,Spouse,Cell,")),
        ([22], moved_last("Name,Spouse,Cell,Note").replace(",", ";")),
        ([22], moved_last("Name,Home,Cell,Alt", MOVED, ("P0,,0825550000,\n" * 20).strip())),
        ([22], moved_last("Name,Home,Cell,Alt,X", MOVED + ",", ("P0,,0825550000,,\n" * 20).strip())),
        ([22], moved_last("Name,Home,Cell,Alt", "Khumalo, Thandi,,0827770100", ("P0,,0825550000,\n" * 20).strip())),
        ([22], moved_last("Name,Spouse,Cell,Note,,", MOVED + ",,", ("P0,0835550000,0825550000,,,\n" * 20).strip())),
        ([], moved_last("Name,Spouse,Cell,Note", "Thandi,,0827770100,vip")),
        ([], moved_last("Name,Spouse,Cell,Note", "Thandi,none,0827770100,vip")),
        ([], moved_last("Name,Home,Cell,Alt", "Thandi,,,0827770100", ("P0,,0825550000,\n" * 20).strip())),
        # Most rows moved: there are two patterns, and nothing tells which is right.
        ([2, 3, 4], "Name,Spouse,Cell,\nKhumalo, Thandi,0835550100,0825550100\nBo, Thandi,0835550101,0825550101\n"
                    "C,0835550102,0825550102,\n"),
        ([2, 3, 4], "Name,Spouse,Cell,Note\nKhumalo, Thandi,0835550100,0825550100\nB,0835550101,0825550101,\n"
                    "C,0835550102,0825550102,\n"),
        ([7], "First,Last,Cell,Home\n" + "A,B,0825550100,0115550100\n" * 5 + "Cher,0825550101,0115550101,\n"),
        ([4], "Name,Cell,Home\nA,0825550100,\nB,0825550101,\nC,none,0115550102\n"),
        ([], "Name,Id,Cell,City\nA,8001015009087,,\nB,C123,0825550101,\nC,8001015009087,0825550102,Paarl\n"),
        # A line end is lost.
        ([2], "Cell,Name\n0825550101,B0825550102,C\n0825550103,D\n"),
        ([3], "Cell,Name\n0825550103,D\n0825550101,B 0825550102,C\n"),
        ([2], "Name,Cell\nA,0825550101B,0825550102\nD,0825550103\n"),
        ([2], "Cell,Name,City\n0825550101,A,Paarl0825550102,B,Durban\n0825550103,D,Paarl\n"),
        # Another separator.
        ([3], "Name;Cell\nA;0825550100\nB,0835550111\nC;0825550102\n"),
        ([3], "Name,Cell\nA,0825550100\nB;0835550111\nC,0825550102\n"),
        ([3], "Name,Cell\nA,0825550100\n0835550111\tB\nC,0825550102\n"),
        ([], "Name;Cell\nA;0825550100\nB, of Paarl\nC;0825550102\n"),
    ],
)  # fmt: skip
def test_rows_whose_cells_moved_are_refused(tmp_path: Path, refused: list[int], text: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text)
    rows = list(read(path, path.name).rows)
    assert [row.number for row in rows if "shifted" in row.problems.get(WHOLE_ROW, ())] == refused


def test_a_row_with_another_separator_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Name;Cell\nA;0825550100\nB,0835550111\n")
    row = list(read(path, path.name).rows)[1]
    sentence = row.problems[WHOLE_ROW][1]
    assert "separates its cells by a comma instead of a semicolon" in sentence
    assert row.cells == ["B,0835550111"]


def test_a_surplus_cell_is_told_in_the_singular(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Cell\n0825550100,vip\n0825550101\n")
    assert "there is 1 column." in next(read(path, path.name).rows).problems[1][1]


@pytest.mark.parametrize("ending", ["", "Zoe,0825550103\n" * 500], ids=["short", "long"])
def test_a_quotation_mark_that_swallows_the_whole_file_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f'"Name,Cell\nThandi,0825550100\nSipho,0825550101\n{ending}')
    with pytest.raises(SheetError) as refused:
        read(path, path.name)
    assert refused.value.code == "missing_quote"
    assert "row 1" in refused.value.sentence
