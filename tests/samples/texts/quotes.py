"""Quotation marks: every way of using them, those that nobody closed, and line breaks inside cells."""

from collections.abc import Iterator
from itertools import product

from contacts.sheet_reader.types import Options
from tests.samples.texts.case import TextCase, joined, people, phone


def unbalanced() -> Iterator[TextCase]:
    """Quotation marks that nobody closed: the row where one opened is refused, and what it swallowed is counted."""
    for count in (1, 2, 5, 40):
        swallowed = [[f"P{number}", f"08255502{number:02}"] for number in range(count)]
        content = "Name,Cell\nThandi,0825550100\n" + '"Open,0825550101\n' + joined(swallowed) + '"Close,0825550103\n'
        cell = "Open,0825550101\n" + joined(swallowed) + "Close"
        yield TextCase(
            f"a pair around {count} rows",
            content + "Sipho,0825550104\n",
            rows=[["Thandi", phone(0)], [cell, phone(3)], ["Sipho", phone(4)]],
            problems={(3, -1): "missing_quote"},
            swallowed=count + 1,
        )
        yield TextCase(
            f"never closed, {count} rows to the end",
            "Name,Cell\nThandi,0825550100\n" + '"Open,0825550101\n' + joined(swallowed) + "\n",
            rows=[["Thandi", phone(0)], ["Open,0825550101\n" + joined(swallowed) + "\n"]],
            problems={(3, -1): "missing_quote"},
            swallowed=count,
        )
    yield TextCase(
        "inches in several notes",
        'Cell,Note\n0825550100,"6"" pizza\n0825550101,fine\n0825550102,"ok"\n0825550103,"8"" cake\n0825550104,"ok"\n',
        header=("Cell", "Note"),
        rows=[
            [phone(0), '6" pizza\n0825550101,fine\n0825550102,ok"'],
            [phone(3), '8" cake\n0825550104,ok"'],
        ],
        problems={(2, -1): "missing_quote", (3, -1): "missing_quote"},
        swallowed=3,
    )
    yield TextCase(
        "quotes everywhere, one missing",
        '"Name","Cell","City"\n"Thandi","0825550100","Paarl"\n"Sipho,"0825550101","Durban"\n"Zoe","0825550102","Paarl"\n',
        header=("Name", "Cell", "City"),
        rows=[["Thandi", phone(0), "Paarl"], ['Sipho,0825550101"', "Durban"], ["Zoe", phone(2), "Paarl"]],
    )
    yield TextCase(
        "a mark missing at the end of a quoted row",
        '"Name","Cell"\n"Thandi","0825550100\n"Sipho","0825550101"\n"Zoe","0825550102"\n',
        rows=[["Thandi", '0825550100\nSipho"', phone(1)], ["Zoe", phone(2)]],
        problems={(2, -1): "missing_quote"},
        swallowed=1,
    )
    yield TextCase(
        "never closed in the header",
        '"Name,Cell\nThandi,0825550100\nSipho,0825550101\n',
        refusal=("missing_quote", "row 1"),
    )
    yield TextCase(
        "whole rows in a chosen header",
        '"Name,Cell\nThandi,0825550100\nSipho",0825550101\nZoe,0825550102\n',
        options=Options(header_row=1),
        refusal=("missing_quote", "row 1"),
    )
    yield TextCase(
        "a pair that begins in the header",
        'Name,"Cell\nThandi,0825550100\nSipho,"0825550101"\nZoe,0825550102\n',
        header_row=0,
        header=("", ""),
        rows=[["Name", 'Cell\nThandi,0825550100\nSipho,0825550101"'], ["Zoe", phone(2)]],
        problems={(1, -1): "missing_quote"},
        swallowed=2,
    )
    yield TextCase(
        "never closed in one column",
        'Cell\n0825550100\n"0825550101\n0825550102\n0825550103\n',
        header=("Cell",),
        rows=[[phone(0)], ["0825550101\n0825550102\n0825550103\n"]],
        problems={(3, -1): "missing_quote"},
        swallowed=2,
    )
    for delimiter, end in product(";\t|", ("\n", "\r\n", "\r")):
        rows = people(6)
        content = joined(
            [["Name", "Cell"], *rows[:1], ['"Open', phone(7)], *rows[1:4], ['"Close', phone(8)], *rows[4:]],
            delimiter,
            end,
        )
        cell = f"Open{delimiter}{phone(7)}{end}" + joined(rows[1:4], delimiter, end) + "Close"
        yield TextCase(
            f"a pair with {delimiter!r} and {end!r}",
            content,
            rows=[rows[0], [cell, phone(8)], *rows[4:]],
            problems={(3, -1): "missing_quote"},
            swallowed=4,
        )
    yield TextCase(
        "never closed and very long",
        "Name,Cell\n" + '"Open,0825550100\n' + "Thandi,0825550101\n" * 9_000,
        refusal=("missing_quote", "Row 2"),
    )
    yield TextCase("a very long cell", "Name,Cell\n" + "x" * 200_000 + ",0825550100\n", refusal=("broken", "Row 2"))
    yield TextCase(
        "an address column and a mark missing in it",
        'Name,Cell,Address\nA,0825550100,"1 Main\nPaarl"\nB,0825550101,"2 Main\nC,0825550102,"3 Main\nPaarl"\n'
        'D,0825550103,"4 Main\nPaarl"\n',
        header=("Name", "Cell", "Address"),
        rows=[
            ["A", phone(0), "1 Main\nPaarl"],
            ["B", phone(1), "2 Main\nC,0825550102,3 Main"],
            ['Paarl"'],
            ["D", phone(3), "4 Main\nPaarl"],
        ],
        problems={(3, -1): "missing_quote"},
        swallowed=1,
        lines=6,
    )


def with_line_breaks() -> Iterator[TextCase]:
    """Cells that are meant to have several lines."""
    for end in ("\n", "\r\n", "\r"):
        yield TextCase(
            f"addresses with {end!r}",
            f'Name,Address,Cell{end}Thandi,"1 Main{end}Paarl",0825550100{end}'
            f'Sipho,"2 Main{end}Durban{end}4001",0825550101{end}Zoe,3 Main,0825550102{end}',
            header=("Name", "Address", "Cell"),
            rows=[
                ["Thandi", f"1 Main{end}Paarl", phone(0)],
                ["Sipho", f"2 Main{end}Durban{end}4001", phone(1)],
                ["Zoe", "3 Main", phone(2)],
            ],
            lines=4,
        )
    yield TextCase(
        "addresses with commas, first column",
        'Address,Cell\n"1 Main, Flat 2\nPaarl, 7646",0825550100\n"2 Main\nDurban",0825550101\n',
        header=("Address", "Cell"),
        rows=[["1 Main, Flat 2\nPaarl, 7646", phone(0)], ["2 Main\nDurban", phone(1)]],
        lines=3,
    )
    yield TextCase(
        "notes with commas, last column",
        'Cell,Note\n0825550100,"called, no answer\ncall again"\n0825550101,"called\nfine"\n0825550102,\n',
        header=("Cell", "Note"),
        rows=[[phone(0), "called, no answer\ncall again"], [phone(1), "called\nfine"], [phone(2)]],
        lines=4,
    )
    yield TextCase(
        "two numbers in a cell, twice",
        'Name,Cell,City\nThandi,"0825550100\n0825550101",Paarl\nSipho,"0825550102\n0825550103",Paarl\n',
        header=("Name", "Cell", "City"),
        rows=[["Thandi", "0825550100\n0825550101", "Paarl"], ["Sipho", "0825550102\n0825550103", "Paarl"]],
        lines=3,
    )
    yield TextCase(
        "one note with a line break",
        'Cell,Note\n0825550100,"called\nfine"\n0825550101,ok\n',
        header=("Cell", "Note"),
        rows=[[phone(0), "called\nfine"], [phone(1), "ok"]],
        problems={(2, -1): "missing_quote"},
        swallowed=1,
    )
    long = "\n".join(["far too much for a note"] * 60)
    yield TextCase(
        "long notes",
        f'Cell,Note\n0825550100,"{long}"\n0825550101,"a\nb"\n0825550102,"c\nd"\n',
        header=("Cell", "Note"),
        rows=[[phone(0), long], [phone(1), "a\nb"], [phone(2), "c\nd"]],
        problems={(2, -1): "missing_quote"},
        swallowed=59,
        lines=63,
    )


def quoted() -> Iterator[TextCase]:
    """Every way of quoting a cell."""
    city = ("Name", "City", "Cell")
    expected = [["Thandi", "Paarl, WC", phone(0)], ["Sipho", "Durban", phone(1)]]
    for name, content in (
        ("plain", 'Name,City,Cell\nThandi,"Paarl, WC",0825550100\nSipho,Durban,0825550101\n'),
        ("all", '"Name","City","Cell"\n"Thandi","Paarl, WC","0825550100"\n"Sipho","Durban","0825550101"\n'),
        (
            "space before",
            '"Name", "City", "Cell"\n"Thandi", "Paarl, WC", "0825550100"\n"Sipho", "Durban", "0825550101"\n',
        ),
        (
            "space around",
            '"Name" , "City" , "Cell"\n"Thandi" , "Paarl, WC" , "0825550100"\n"Sipho" , "Durban" , 0825550101\n',
        ),
        ("apostrophes", "'Name','City','Cell'\n'Thandi','Paarl, WC','0825550100'\n'Sipho','Durban','0825550101'\n"),
        ("equals", '="Name",="City",="Cell"\n="Thandi",="Paarl, WC",="0825550100"\n="Sipho",="Durban",="0825550101"\n'),
        (
            "equals inside",
            '"Name","City","Cell"\n"Thandi","Paarl, WC","=""0825550100"""\nSipho,Durban,"=""0825550101"""\n',
        ),
    ):
        yield TextCase(f"quoted: {name}", content, header=city, rows=expected)
    said = 'said "hi", and left'
    yield TextCase(
        "doubled marks",
        'Cell,Note\n0825550100,"said ""hi"", and left"\n',
        header=("Cell", "Note"),
        rows=[[phone(0), said]],
    )
    yield TextCase(
        "escaped marks",
        'Cell,Note\n0825550101,fine\n0825550100,"said \\"hi\\", and left"\n',
        header=("Cell", "Note"),
        rows=[[phone(1), "fine"], [phone(0), said]],
    )
    yield TextCase(
        "escaped marks before the number",
        'Note,Cell\n"said \\"hi\\", and left",0825550100\nfine,0825550101\n',
        header=("Note", "Cell"),
        rows=[[said, phone(0)], ["fine", phone(1)]],
    )
    yield TextCase(
        "back slash before a closing mark",
        'Cell,Path\n0825550100,"C:\\dir\\"\n0825550101,"D:\\dir\\"\n',
        header=("Cell", "Path"),
        rows=[[phone(0), "C:\\dir\\"], [phone(1), "D:\\dir\\"]],
    )
    yield TextCase("marks inside a cell", 'Name,Cell\nThandi "T" N,0825550100\n', rows=[['Thandi "T" N', phone(0)]])
    yield TextCase(
        "apostrophe in a name",
        "Name,Cell\nO'Brien,0825550100\nD'Arcy,0825550101\n",
        rows=[["O'Brien", phone(0)], ["D'Arcy", phone(1)]],
    )
    yield TextCase(
        "apostrophe before numbers",
        "Name,Cell\nThandi,'0825550100\nSipho,'0825550101\n",
        rows=[["Thandi", "'0825550100"], ["Sipho", "'0825550101"]],
    )
    yield TextCase(
        "blank quoted cells",
        'Name,Cell\n"","0825550100"\n"",""\nThandi,0825550101\n',
        rows=[["", phone(0)], [], ["Thandi", phone(1)]],
    )
