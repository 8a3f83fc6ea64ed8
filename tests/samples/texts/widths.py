"""Rows that are wider or narrower than the header."""

from collections.abc import Iterator

from tests.samples.texts.case import TextCase, phone


def shifted() -> Iterator[TextCase]:
    """Rows that are wider than the header."""
    homes = ("Name", "Home", "Cell")

    def case(name: str, content: str, rows: list[list[str]], codes: str, header: tuple[str, ...] = homes) -> TextCase:
        """``codes``: s for a shifted row, + for surplus cells, - for none."""
        problems = {
            (number, -1 if code == "s" else len(header)): "shifted" if code == "s" else "surplus_cells"
            for number, code in enumerate(codes, start=2)
            if code != "-"
        }
        return TextCase(name, ",".join(header) + "\n" + content, header=header, rows=rows, problems=problems)

    regular, regular_row = "Thandi,0115550101,0825550101\n", ["Thandi", "0115550101", "0825550101"]
    comma, comma_row = "Dlamini, Sipho,0115550100,0825550100\n", ["Dlamini", "Sipho", "0115550100", "0825550100"]
    yield case("comma in one name", comma + regular, [comma_row, regular_row], "s-")
    yield case("comma in the only name", comma, [comma_row], "s")
    yield case("comma in every name", comma * 4, [comma_row] * 4, "ssss")
    yield case("comma in most names", comma * 4 + regular, [comma_row] * 4 + [regular_row], "ssss-")
    yield case("comma in a late name", regular * 700 + comma, [regular_row] * 700 + [comma_row], "-" * 700 + "s")
    yield case(
        "two commas",
        "Dlamini, S, Mr,0115550100,0825550100\n" + regular,
        [["Dlamini", "S", "Mr", "0115550100", "0825550100"], regular_row],
        "s-",
    )
    yield case(
        "home is blank",
        "Dlamini, Sipho,,0825550100\n" + regular,
        [["Dlamini", "Sipho", "", phone(0)], regular_row],
        "s-",
    )
    city = ("Name", "Cell", "City")
    yield case(
        "comma after the number",
        "Thandi,0825550100,Paarl, WC\nSipho,0825550101,Durban\n",
        [["Thandi", phone(0), "Paarl", "WC"], ["Sipho", phone(1), "Durban"]],
        "+-",
        city,
    )
    yield case(
        "second number after a comma",
        "Thandi,0825550100,0825550109,Paarl\nSipho,0825550101,Durban\n",
        [["Thandi", phone(0), phone(9), "Paarl"], ["Sipho", phone(1), "Durban"]],
        "s-",
        city,
    )
    yield case(
        "decimal comma before the number",
        "Thandi,12,50,0825550100\nSipho,3,0825550101\n",
        [["Thandi", "12", "50", phone(0)], ["Sipho", "3", phone(1)]],
        "s-",
        ("Name", "Owes", "Cell"),
    )
    yield case(
        "last column blank and shifted",
        "Dlamini, Sipho,0115550100,0825550100,\nThandi,0115550101,0825550101,Paarl\n",
        [comma_row, [*regular_row, "Paarl"]],
        "s-",
        (*homes, "City"),
    )
    yield case(
        "shifted within the header",
        "Dlamini, Sipho,0115550100,0825550100\n" + regular * 3,
        [comma_row, *[regular_row] * 3],
        "s---",
        (*homes, "Note"),
    )
    yield case(
        "note in few rows",
        regular * 3 + "Zoe,0115550102,0825550102,VIP\n",
        [*[regular_row] * 3, ["Zoe", "0115550102", "0825550102", "VIP"]],
        "---+",
    )
    yield TextCase(
        "column without a title",
        "Name,Cell\nThandi,0825550100,Paarl\nSipho,0825550101,Durban\n",
        header=("Name", "Cell", ""),
        rows=[["Thandi", phone(0), "Paarl"], ["Sipho", phone(1), "Durban"]],
    )
    yield case(
        "first column without a title",
        '"1","Thandi","0825550100"\n"2","Sipho","0825550101"\n',
        [["1", "Thandi", phone(0)], ["2", "Sipho", phone(1)]],
        "ss",
        ("Name", "Cell"),
    )
    yield TextCase(
        "several columns without a title",
        "Name,Home,Cell\nThandi,0115550100,0825550100,Paarl,VIP\nSipho,,0825550101,Durban,\n",
        header=(*homes, "", ""),
        rows=[["Thandi", "0115550100", phone(0), "Paarl", "VIP"], ["Sipho", "", phone(1), "Durban"]],
    )
    yield case(
        "comma in every name, last column blank",
        "Dlamini, Sipho,0115550100,0825550100,\n" * 3,
        [comma_row] * 3,
        "sss",
        (*homes, "City"),
    )
    yield case(
        "numbers of accounts moved over numbers of phones",
        "Dlamini, Sipho,10203040,0115550100,0825550100,Paarl\n" * 3,
        [["Dlamini", "Sipho", "10203040", "0115550100", "0825550100", "Paarl"]] * 3,
        "sss",
        ("Name", "Account", "Home", "Cell", "City"),
    )
    yield TextCase(
        "trailing delimiters in rows of several numbers",
        "Name,Home,Cell\nThandi,0115550100,0825550100,\nSipho,0115550101,0825550101,\n",
        header=homes,
        rows=[["Thandi", "0115550100", phone(0)], ["Sipho", "0115550101", phone(1)]],
    )
    yield case(
        "a cell too few",
        "Thandi,Ms,0825550100,0115550100\nSipho,0825550101,0115550101\nZoe,Ms,0825550102\n",
        [["Thandi", "Ms", phone(0), "0115550100"], ["Sipho", phone(1), "0115550101"], ["Zoe", "Ms", phone(2)]],
        "-s-",
        ("Name", "Title", "Cell", "Home"),
    )
    yield TextCase(
        "no header, comma in a name",
        "Thandi,0825550100\nDlamini, Sipho,0825550101\nZoe,0825550102\n",
        header_row=0,
        header=("", ""),
        rows=[["Thandi", phone(0)], ["Dlamini", "Sipho", phone(1)], ["Zoe", phone(2)]],
        problems={(2, -1): "shifted"},
    )
