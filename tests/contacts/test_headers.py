"""The row of the titles is found from what the rows look like, and no person is taken for it."""

import pytest

from contacts.sheet_reader.headers import guess_header_row
from contacts.sheet_reader.types import Row

PEOPLE = "\nThandi,0825550100\nSipho,0825550101"
NUMBERS_FIRST = "\n0825550100,Thandi\n0825550101,Sipho"

#: What a person without a number may have in the column of numbers.
NO_NUMBER = (
    "#N/A", "#REF!", "no phone", "call her", "lost phone", "unlisted", "Phone broken", "082-CALL-ME", "wrong number",
    "",
)  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "sheet"),
    [
        (4, f"Company,Acme\nReg no,2019/123456/07\n\nName,Cell{PEOPLE}"),
        (1, f"Name,Cell{PEOPLE}\n\nName,Cell{PEOPLE}"),
        (1, f"Név,Mobil{PEOPLE}\n\nNév,Mobil{PEOPLE}"),
        (0, f"Client list\n{NUMBERS_FIRST}"),
        (1, f"Client list{NUMBERS_FIRST}"),
        (1, f"Numbers{NUMBERS_FIRST}"),
        (0, f"Client list\n{PEOPLE}"),
        (1, f"Name,Cell (e.g. 0821234567){PEOPLE}"),
        (1, f"Name,Cell e.g. 0821234567{PEOPLE}"),
        (1, f"Név,Mobil (pl. 0821234567){PEOPLE}"),
        (1, f"Name,Cell number\nformat: 0821234567{PEOPLE}"),
        (0, f"Anna,none{PEOPLE}"),
        (0, f"Anna,0825{PEOPLE}"),
        (0, f"Thandi,Cell: 0825550109{PEOPLE}"),
        (0, f"Thandi,082 555 0100 (w){PEOPLE}"),
        (2, f"Telephone:,0115550000\nName,Cell{PEOPLE}"),
        (3, f"Tel,0115550000\nDate,2024-05-01\nName,Cell{PEOPLE}"),
        (2, f"Tel,0115550000\nName,Cell{PEOPLE}"),
        (2, "A title, with several, cells\nName,Surname,Cell\nT,N,0825550100"),
        (1, "Id,Name,Cell\n8001015009087,T,0825550100\n,S,"),
        (5, f"Exported: 2024-05-01\nRows: 2\n\n\nName,Cell{PEOPLE}"),
        (3, "SMS list,,\n,,\nName,Surname,Cell\nT,N,0825550100"),
        (2, ",,\n,Name,Cell\n,T,0825550100"),
        (1, "Cell\n0825550100"),
        (0, "0825550100,Name\n0825550101,Surname"),
        (0, "Mobile,0825550100,Name\nSipho,0825550101,Zulu"),
        (1, f"name,mobile{PEOPLE}"),
        (1, "Surname;Name;Cell"),
        (1, "Name,Phone\nThandi,+27 82 555 0100 / 083 555 0101\nS,+27 82 555 0100 / 083 555 0101"),
        (1, "Name,Cell\nA,7\nB,8"),
        (0, "Thandi,7255501\nB,8255501"),
        (2, f"2024-05-01,Clients\nName,Cell{PEOPLE}"),
        (1, f"Name,Cell\n---,---{PEOPLE}"),
        (2, f"Total,2\nName,Cell{PEOPLE}"),
        (2, f"Total: 2,,\nName,Cell{PEOPLE}"),
        (2, f"1,2\nName,Cell{PEOPLE}"),
        (1, f"Column1,Column2{PEOPLE}"),
        (2, f"A,B\nName,Cell{PEOPLE}"),
        (1, f"Full name,WhatsApp number{PEOPLE}"),
        (3, f"Client list\n\nName,Cell{PEOPLE}\n\n\nTotal,2\nPrinted,2024-05-01"),
        (1, f"Név,Mobil\nBéla,nincs{PEOPLE}"),
        (1, f"Name,Cell\nBéla,no phone{PEOPLE}"),
        (1, f"Név,Mobilszám\nBéla,no phone{PEOPLE}"),
        (4, f"Cég,Acme\nReg no,2019/123456/07\n\nNév,Mobil{PEOPLE}"),
        (2, f"Contact,\nNév,Mobil{PEOPLE}"),
        *((0, f"Lebo,{cell}{PEOPLE}") for cell in NO_NUMBER),
        *((1, f"Name,Cell\nLebo,{cell}{PEOPLE}") for cell in NO_NUMBER),
        (0, "Lebo,none\nZoe,wrong number\nThandi,0825550100\nSipho,0825550101"),
        (0, "Sipho Khumalo,,Paarl\nThandi,0825550100,Durban\nLebo,0825550101,Paarl"),
        (0, f"Sipho Khumalo,{PEOPLE}"),
        (1, "Name,,City\nThandi,0825550100,Durban\nLebo,0825550101,Paarl"),
        (1, f"Name:,Cell:{PEOPLE}"),
        (1, "Cell:,Name:\n0825550100,Thandi\n0825550101,Sipho"),
        (1, "Cell:\n0825550100\n0825550101"),
        (2, f"Exported on:,2024-05-01\nName:,Cell:{PEOPLE}"),
    ],
)
def test_the_row_of_the_titles_is_guessed(expected: int, sheet: str) -> None:
    lines = enumerate(sheet.split("\n"), start=1)
    rows = [Row(number, line.split(",") if line.strip(",") else []) for number, line in lines]
    assert guess_header_row(rows) == expected
