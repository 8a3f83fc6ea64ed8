"""Delimiters, line ends, encodings, and files of another kind."""

from collections.abc import Iterator
from itertools import product

from contacts.sheet_reader.types import Options
from tests.samples.texts.case import TextCase, joined, people, phone


def separated() -> Iterator[TextCase]:
    """Every delimiter with every line end, and delimiters inside cells."""
    table = [["Name", "Cell"], *people()]
    ends = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
    for (delimiter, word), (end, mark) in product(
        {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", "^": "caret", ":": "colon", "~": "tilde"}.items(),
        ends.items(),
    ):
        yield TextCase(f"{word}-{end}", joined(table, delimiter, mark), rows=people())
    for delimiter in ",;\t|":
        yield TextCase(
            f"other delimiters in cells {delimiter!r}",
            joined([["Surname, Name; Title|x", "Cell"], ['"Nkosi, T; Ms|\t"', phone(0)]], delimiter).replace(
                "Surname, Name; Title|x", '"Surname, Name; Title|x"'
            ),
            header=("Surname, Name; Title|x", "Cell"),
            rows=[["Nkosi, T; Ms|\t", phone(0)]],
        )
    yield TextCase(
        "comma in both cells of a semicolon file",
        "Surname, Name;Cell\nNkosi, Thandi;0825550100\nDlamini, Sipho;0825550101\n",
        header=("Surname, Name", "Cell"),
        rows=[["Nkosi, Thandi", phone(0)], ["Dlamini, Sipho", phone(1)]],
    )
    yield TextCase(
        "decimal commas in a semicolon file",
        "Name;Cell;Balance\nThandi;0825550100;12,50\nSipho;0825550101;3,00\n",
        header=("Name", "Cell", "Balance"),
        rows=[["Thandi", phone(0), "12,50"], ["Sipho", phone(1), "3,00"]],
    )
    yield TextCase(
        "two numbers with a comma in a semicolon file",
        "Name;Cell\nThandi;0825550100, 0825550101\nSipho;0825550102, 0825550103\n",
        rows=[["Thandi", "0825550100, 0825550101"], ["Sipho", "0825550102, 0825550103"]],
    )
    yield TextCase(
        "times in a comma file",
        "Name,Cell,At\nThandi,0825550100,10:30\nSipho,0825550101,11:45\n",
        header=("Name", "Cell", "At"),
        rows=[["Thandi", phone(0), "10:30"], ["Sipho", phone(1), "11:45"]],
    )
    yield TextCase(
        "mixed line ends",
        "Name,Cell\r\nThandi,0825550100\nSipho,0825550101\rZoë,0825550102\r\n",
        rows=[["Thandi", phone(0)], ["Sipho", phone(1)], ["Zoë", phone(2)]],
        lines=4,
    )
    yield TextCase("no line end at the end", "Name,Cell\nThandi,0825550100", rows=people(1))
    yield TextCase("tabs in a file called csv", joined(table, "\t"), rows=people())
    yield TextCase("commas in a file called tsv", joined(table, ","), rows=people(), file="list.tsv")
    yield TextCase("called xlsx", joined(table), rows=people(), file="list.xlsx")
    yield TextCase("called xls", joined(table, "\t"), rows=people(), file="list.xls")
    yield TextCase("called txt", joined(table, ";"), rows=people(), file="list.txt")
    yield TextCase("called nothing", joined(table), rows=people(), file="list")
    for line in ("sep=;", '"sep=;"', "SEP=;", "sep=;\t", "\ufeffsep=;"):
        yield TextCase(f"declared {line!r}", f"{line}\r\n" + joined(table, ";", "\r\n"), rows=people(), lines=4)
    yield TextCase("declared tab", "sep=\t\n" + joined(table, "\t"), rows=people(), lines=4)
    yield TextCase(
        "declared against the looks", "sep=;\nName;Cell\nNkosi, T;0825550100\n", rows=[["Nkosi, T", phone(0)]], lines=2
    )
    yield TextCase("trailing delimiters in rows", "Name,Cell\nThandi,0825550100,\nSipho,0825550101,\n", rows=people(2))
    yield TextCase(
        "trailing delimiters everywhere", "Name,Cell,,,\nThandi,0825550100,,,\nSipho,0825550101,,,\n", rows=people(2)
    )
    yield TextCase("rows of commas at the end", "Name,Cell\nThandi,0825550100\n,\n,\n", rows=people(1), lines=2)
    yield TextCase(
        "blank rows between",
        "Name,Cell\n\nThandi,0825550100\n,\n  ,\t\nSipho,0825550101\n\n\n",
        rows=[[], people(2)[0], [], [], people(2)[1]],
    )
    yield TextCase("one column", "Cell\n0825550100\n0825550101\n", header=("Cell",), rows=[[phone(0)], [phone(1)]])
    yield TextCase(
        "one column with spaces",
        "Cell\n082 555 0100\n082 555 0101\n",
        header=("Cell",),
        rows=[["082 555 0100"], ["082 555 0101"]],
    )
    yield TextCase(
        "one column of names with commas, quoted",
        'Name\n"Nkosi, Thandi"\n"Dlamini, Sipho"\n',
        header=("Name",),
        rows=[["Nkosi, Thandi"], ["Dlamini, Sipho"]],
    )


def encoded() -> Iterator[TextCase]:
    """Every encoding that is told by its bytes, and those that the operator chooses."""
    table = [["Name", "Cell"], ["Zoë Ngũgĩ", phone(0)], ["Łukasz", phone(1)], ["Владимир", phone(2)]]
    text = joined(table, ";", "\r\n")
    marked = {"utf-8-sig": text, "utf-16": text, "utf-32": text}
    for encoding, content in marked.items():
        yield TextCase(f"marked {encoding}", content, rows=table[1:], encoding=encoding)
    for encoding in ("utf-16-be", "utf-32-be"):
        yield TextCase(f"marked {encoding}", "\ufeff" + text, rows=table[1:], encoding=encoding)
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield TextCase(f"unmarked {encoding}", text, rows=table[1:], encoding=encoding)
    chinese = [["Name", "Cell"], ["王一", phone(0)], ["李四", phone(1)], ["张三", phone(2)]]
    for encoding in ("utf-16-le", "utf-16-be"):
        yield TextCase(f"Chinese in {encoding}", joined(chinese, "\t"), rows=chinese[1:], encoding=encoding)
    wrongly_marked = b"\xef\xbb\xbfName,Cell\nZo\xeb,0825550100\n"
    yield TextCase("mark of UTF-8 before cp1252", wrongly_marked, refusal=("encoding", "line 2"))
    yield TextCase(
        "mark of UTF-8 before cp1252, chosen",
        wrongly_marked,
        rows=[["Zoë", phone(0)]],
        options=Options(encoding="cp1252"),
    )
    yield TextCase("joined files", "\ufeffName,Cell\nThandi,0825550100\n\ufeffSipho,0825550101\n", rows=people(2))
    yield TextCase("mark twice", "\ufeff" + text, rows=table[1:], encoding="utf-8-sig")
    yield TextCase(
        "chosen utf-16 without mark", text, rows=table[1:], encoding="utf-16-be", options=Options(encoding="utf-16")
    )
    for encoding, name in {
        "cp1252": "Zoë €",
        "cp1250": "Łukasz Žáček",
        "cp1251": "Владимир",
        "cp1253": "Γιώργος",
        "cp1254": "Şükrü Iğdır",
        "cp1256": "محمد",
        "iso-8859-1": "Zoë",
        "iso-8859-2": "Łukasz",
        "mac_roman": "Zoë",
        "cp850": "Müller",
    }.items():
        encoded_content = f"Name,Cell\n{name},0825550100\n".encode(encoding)
        yield TextCase(f"unchosen {encoding}", encoded_content, refusal=("encoding", "line 2"))
        yield TextCase(
            f"chosen {encoding}", encoded_content, rows=[[name, phone(0)]], options=Options(encoding=encoding)
        )
    yield TextCase("mark beats the choice", "\ufeff" + text, rows=table[1:], options=Options(encoding="cp1252"))
    yield TextCase("unknown choice", text, options=Options(encoding="klingon"), refusal=("encoding", "klingon"))
    yield TextCase(
        "not as chosen",
        b"Name,Cell\n\x81\x8d,0825550100\n",
        options=Options(encoding="cp1252"),
        refusal=("encoding", "cp1252"),
    )
    yield TextCase(
        "late broken byte",
        b"Name,Cell\n" + b"Thandi,0825550100\n" * 9_000 + b"Zo\xeb,0825550101\n",
        refusal=("encoding", "line 9,002"),
    )
    yield TextCase("cut in a letter", "Name,Cell\nThandi,0825550100\nZoë".encode()[:-1], refusal=("encoding", "line 3"))
