"""What stands above the header, and sheets without one."""

from collections.abc import Iterator

from contacts.sheet_reader.types import Options
from tests.samples.texts.case import TextCase, joined, people, phone


def with_headers() -> Iterator[TextCase]:
    """Whatever stands above the header, and headers of every script and shape."""
    data = joined(people())
    for word, above, row in (
        ("title", "Client list May 2024\n", 2),
        ("title and blank row", "Client list May 2024\n\n", 3),
        ("title of quoted text", '"Clients, active"\n\n\n', 4),
        ("blank rows", "\n\n,\n", 4),
        ("title and note", "Client list\nPrinted 1 May 2024 by Sipho; not for publication\n\n", 4),
        ("notes of several cells", "Report,Clients\nBranch,Paarl\nOwner,Sipho\n\n", 5),
        ("notes of several cells without a blank row", "Report,Clients\nBranch,Paarl\nOwner,Sipho\n", 4),
        ("notes wider than the data", "Report,Clients,Branch,Paarl\nBy,Sipho,On,1 May\n\n", 4),
        ("key: value", "Exported:,2024-05-01\nUser:,sipho\n", 3),
        ("key: number", "Exported:,2024-05-01\nTelephone:,0115550100\n\n", 4),
        ("key and number, apart", "Telephone,0115550100\n\n", 3),
        ("count", "Contacts: 3\nPage: 1\n", 3),
        ("groups of columns", "Person,\n", 2),
        ("date alone", "2024-05-01\n", 2),
        ("many notes", "".join(f"Note {number}\n" for number in range(12)), 13),
        ("an e-mail address", "Questions: help@example.org\n", 2),
    ):
        yield TextCase(f"above the header: {word}", f"{above}Name,Cell\n{data}", header_row=row, rows=people())
    for titles in (
        ("Név", "Mobil"),
        ("Имя", "Телефон"),
        ("Όνομα", "Κινητό"),
        ("الاسم", "الجوال"),
        ("姓名", "手机"),
        ("नाम", "मोबाइल"),
        ("ชื่อ", "เบอร์โทร"),
        ("이름", "휴대폰"),
        ("שם", "טלפון"),
        ("name", "cell"),
        ("NAME", "CELL NO."),
        ("first_name", "phone_number"),
        ("Name *", "Cell (10 digits)"),
        ("Name", "2024"),
        ("1", "Cell"),
        ("Who gets the text", "Numbers"),
        ("Name", "Q1 2024 cell"),
        ("Name", "To"),
        ("A", "B"),
        ("Igama", "Inombolo"),
    ):
        for note in ("", "Clients\n\n"):
            yield TextCase(
                f"titles {titles} {bool(note)}",
                note + joined([list(titles), *people()]),
                header_row=3 if note else 1,
                header=titles,
                rows=people(),
            )
    yield TextCase("blank last title", "Name,\n" + data, header=("Name", ""), rows=people())
    yield TextCase("blank first title", ",Cell\n" + data, header=("", "Cell"), rows=people())
    yield TextCase(
        "blank title in the middle",
        "Name,,Cell\nThandi,Ms,0825550100\nSipho,Mr,0825550101\n",
        header=("Name", "", "Cell"),
        rows=[["Thandi", "Ms", phone(0)], ["Sipho", "Mr", phone(1)]],
    )
    yield TextCase(
        "title of several lines",
        '"Full\nname","Cell\r\nnumber"\n' + data,
        header=("Full name", "Cell number"),
        rows=people(),
        lines=4,
    )
    yield TextCase("spaces around titles", " Name , Cell \n" + data, rows=people())
    yield TextCase(
        "one column with a title",
        "Numbers\n0825550100\n0825550101\n",
        header=("Numbers",),
        rows=[[phone(0)], [phone(1)]],
    )
    yield TextCase(
        "two header rows",
        "Person,,Contact,\nFirst,Last,Home,Cell\nThandi,Nkosi,0115550100,0825550100\nSipho,Zulu,0115550101,0825550101\n",
        header_row=2,
        header=("First", "Last", "Home", "Cell"),
        rows=[["Thandi", "Nkosi", "0115550100", phone(0)], ["Sipho", "Zulu", "0115550101", phone(1)]],
    )
    yield TextCase("total at the end", f"Name,Cell\n{data}Total,3\n", rows=[*people(), ["Total", "3"]])
    yield TextCase("total above the data", f"Name,Cell\nTotal,3\n{data}", rows=[["Total", "3"], *people()])
    yield TextCase(
        "header again in the middle",
        f"Name,Cell\n{data}Name,Cell\n{data}",
        rows=[*people(), ["Name", "Cell"], *people()],
    )
    yield TextCase("first person without a number", f"Name,Cell\nAnna,\n{data}", rows=[["Anna"], *people()])
    yield TextCase(
        "first person with a short number", f"Name,Cell\nAnna,08255\n{data}", rows=[["Anna", "08255"], *people()]
    )
    yield TextCase(
        "first person without a number, said", f"Name,Cell\nAnna,none\n{data}", rows=[["Anna", "none"], *people()]
    )
    yield TextCase(
        "first people without a number, titles unusual",
        f"Név,Szám\nAnna,\nBéla,\n{data}",
        header=("Név", "Szám"),
        rows=[["Anna"], ["Béla"], *people()],
    )
    yield TextCase("no number at all", "Name,Cell\nThandi,08255\nSipho,\n", rows=[["Thandi", "08255"], ["Sipho"]])
    yield TextCase(
        "no number, title above",
        "Clients\n\nName,Cell\nThandi,08255\nSipho,\n",
        header_row=3,
        rows=[["Thandi", "08255"], ["Sipho"]],
    )
    yield TextCase("scientific numbers", "Name,Cell\nThandi,2.78256E+10\n", rows=[["Thandi", "2.78256E+10"]])
    yield TextCase(
        "chosen header",
        f"A,B\nC,D\nName,Cell\n{data}",
        header_row=2,
        header=("C", "D"),
        rows=[["Name", "Cell"], *people()],
        options=Options(header_row=2),
    )
    yield TextCase(
        "chosen blank header",
        f"A,B\n\n{data}",
        header_row=2,
        header=("", ""),
        rows=people(),
        options=Options(header_row=2),
    )
    yield TextCase("chosen far below", "Name,Cell\n", options=Options(header_row=9), refusal=("no_header", "row 9"))
    yield TextCase("header alone", "Name,Cell\n", refusal=("no_rows", "no rows"))
    yield TextCase("title and header alone", "Clients\nName,Cell\n\n", refusal=("no_rows", "no rows"))
    yield TextCase("long first rows", "Notes\n" + "\n" * 40 + f"Name,Cell\n{data}", header_row=42, rows=people())
    yield TextCase("notes of 150 rows", "Note\n" * 150 + f"\nName,Cell\n{data}", header_row=152, rows=people())


def without_headers() -> Iterator[TextCase]:
    """Numbers in the first row: nobody there is lost."""
    blank = ("", "")
    yield TextCase("no header", joined(people()), header_row=0, header=blank, rows=people())
    yield TextCase(
        "no header, chosen",
        "Name,Cell\n" + joined(people()),
        header_row=0,
        header=blank,
        rows=[["Name", "Cell"], *people()],
        options=Options(header_row=0),
    )
    yield TextCase(
        "one column of numbers", "0825550100\n0825550101\n", header_row=0, header=("",), rows=[[phone(0)], [phone(1)]]
    )
    yield TextCase("one number", "0825550100\n", header_row=0, header=("",), rows=[[phone(0)]])
    yield TextCase("one person", "Thandi,0825550100\n", header_row=0, header=blank, rows=people(1))
    yield TextCase(
        "a person whose cells look like titles",
        "Mobile,0825550100\nSipho,0825550101\n",
        header_row=0,
        header=blank,
        rows=[["Mobile", phone(0)], ["Sipho", phone(1)]],
    )
    yield TextCase(
        "titles among the data",
        joined(people()) + "Name,Cell\n" + joined(people()),
        header_row=0,
        header=blank,
        rows=[*people(), ["Name", "Cell"], *people()],
    )
    yield TextCase(
        "numbers with plus",
        "+27 82 555 0100,Thandi\n+27 82 555 0101,Sipho\n",
        header_row=0,
        header=blank,
        rows=[["+27 82 555 0100", "Thandi"], ["+27 82 555 0101", "Sipho"]],
    )
    yield TextCase("blank rows above", "\n\n" + joined(people()), header_row=0, header=blank, rows=[[], [], *people()])
    yield TextCase(
        "person without a number later",
        joined([*people(2), ["Zoë", ""], ["Anna", phone(9)]]),
        header_row=0,
        header=blank,
        rows=[*people(2), ["Zoë"], ["Anna", phone(9)]],
    )
