"""Each kind of cell that a phone column holds: read as its number, or refused by the name of what it is."""

import json
from pathlib import Path

import pytest

from contacts import phones
from contacts.phones import EVERYTHING, SENTENCES, TYPED, Accepted, PhoneError, parse, readings

CASES = json.loads((Path(__file__).parent.parent / "samples" / "phones.json").read_text(encoding="utf-8"))["cases"]

# Ways of writing the South African mobile number +27 82 555 0100.
SAME = [
    *(
        "P:+27825550100",
        "TEL: 082 555 0100",
        "Tel. 0825550100",
        "Cell: 082 555 0100",
        "sms:+27825550100",
        "m: 0825550100",
    ),
    *("whatsapp:+27825550100", "📱0825550100", "☎️ 082 555 0100", "tel://0825550100", "+27 (0) 82 555 0100"),
    *("+27(0)825550100", "+27 [0]82 555 0100", "0027 (0)82 555 0100", "27 (0)82 555 0100", "(+27) 82 555 0100"),
    *("+270825550100", "+27 082 555 0100", "+27-82-555-0100", "+27.825550100", "+27.82.555.0100", "(0)825550100"),
    *(
        "082\u00a0555\u00a00100",
        "\u202d082 555 0100\u202c",
        "\u2066+27825550100\u2069",
        "\ufeff0825550100",
        "0825\u00ad550100",
    ),
    *(
        "۰۸۲۵۵۵۰۱۰۰",
        "०८२५५५०१००",
        "๐๘๒๕๕๕๐๑๐๐",
        "＋２７８２５５５０１００",
        '="+27825550100"',
        "=0825550100",
        "=+27825550100",
    ),
    *("’0825550100", "`0825550100", "“0825550100”", "'+27825550100", "''0825550100", "0825550100'", "825 550 100"),
    *(
        "2.7825550100E+10",
        "8.25550100E8",
        "8,25550100E+08",
        "27825550100,00",
        "825550100.0",
        "082‐555‐0100",
        "082−555−0100",
    ),
    *("082/555/0100", "082.555.0100", "082_555_0100", "082·555·0100", "825.550.100", "0825550100,", "0825550100;"),
    *("(0825550100)", "(082)5550100", "++27825550100", "+ 27 82 555 0100", "0 8 2 5 5 5 0 1 0 0", "+0027825550100"),
    *("082\t555\t0100", "0825550100\r\n", "27-82-555-0100", "00 27 82 555 0100"),
]

# Cells of a list of South Africa that are refused, by code.
REFUSED = {
    "two_numbers": [
        *("0825550100 / 0835550101", "0825550100,0835550101", "0825550100\n0835550101", "0825550100 or 0835550101"),
        *(
            "0825550100 en 0835550101",
            "0825550100 und 0835550101",
            "0825550100 y 0835550101",
            "0825550100 и 0835550101",
        ),
        *("0825550100&0835550101", "0825550100|0835550101", "0825550100\\0835550101", "0825550100+0835550101"),
        *("0825550100 - 0835550101", "0825550100 — 0835550101", "0825550100 0835550101", "08255501000835550101"),
        *("0825550100、0835550101", "0825550100 (0835550101)", "+27825550100+447911123456", "0825550100/1"),
        *("825550100 835550101", "cell: 0825550100 tel: 0115550100", "0825550100, 0835550101, 0845550102"),
    ],
    "extension": [
        *(
            "0825550100 x12",
            "0825550100x12",
            "0825550100 ext. 12",
            "0825550100 Ext:12",
            "0825550100 #12",
            "0825550100#12",
        ),
        *("0825550100 poste 12", "0825550100,,12", "tel:+27825550100;ext=12", "0825550100 int. 12", "0825550100 (x12)"),
        *("0825550100 toestel 12", "0825550100-12", "0825550100 12", "+27 82 555 0100 ext 3", "0115550100 x12"),
    ],
    "footnote": [
        *(
            "0825550100²",
            "0825550100 ¹",
            "0825550100 (2)",
            "0825550100(12)",
            "0825550100 [2]",
            "0825550100*",
            "0825550100†",
        ),
        *(
            "0825550100 ①",
            "082555010⓪",
            "0825550100₂",
            "(1) 0825550100",
            "1) 0825550100",
            "1. 0825550100",
            "¹0825550100",
        ),
        *("0825550100 ½", "0825550100 ❷", "82555010⁰", "0825550100 <1>"),
    ],
    "words": [
        *("+27825550100 (wife)", "wk: 0825550100", "call 0825550100", "0825550100 call after 5", "Thandi 0825550100"),
        *("082 555 0100 (h)", "0825550100 👍", "fax: 0825550100", "082O555O100", "0825550100?", "0825550100 妻"),
        *("mailto:0825550100", "https://wa.me/27825550100", "after 17:00 0825550100", "0825550100/wife"),
    ],
    "spreadsheet_error": [
        *("#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#GETTING_DATA", "#NV", "#WERT!"),
        *("#¡VALOR!", "#ПУСТО!", "#######", "Err:502", "=#REF!", " #n/a "),
    ],
    "date": [
        *("2024/05/01", "1.5.2024", "01-05-2024", "1/5/24", "2024-05-01 12:30", "2024-05-01T12:30:00.000+02:00"),
        *("20240501", "01052024", "20240501123000", "1 May 2024", "May 1, 2024", "01-May-24", "Mon, 01 May 2024"),
        *("12:30", "9:30 am", "5/1/2024 9:30 PM", "2024 05 01", "2024-05", "05/2024", "May-24", "1er mai 2024"),
        *("1 de mayo de 2024", "2024年5月1日", "2024-05-01 - 2024-05-02", "2024-W18"),
    ],
    "amount": [
        *(
            "−825550100",
            "R 1,234.50",
            "R1234",
            "$1,234.50",
            "€ 1.234,50",
            "1.234,56",
            "1 234,56",
            "(825550100)",
            "₹9876543210",
        ),
        *(
            "825550100-",
            "82%",
            "R825550100",
            "825550100 ZAR",
            "₦5,000",
            "KSh 5,000",
            "-0825550100",
            "5000.-",
            "(R 500.00)",
        ),
        *("-26.2041, 28.0473", "26.2041° S", "825550100.50", "825,550,100.00", "CHF 1'234.50", "+1.5", "27.825550100"),
    ],
    "thousands_separators": [
        *("27.825.550.100", "27'825'550'100", "1,005,519", "82,55,50,100", "+27,825,550,100", "082,555,0100"),
        *("27٬825٬550٬100", "27_825_550_100"),
    ],
    "ip_address": [
        *("10.0.0.1", "192.168.1.1:8080", "192.168.1.0/24", "2001:db8::1", "::1", "fe80::1%eth0", "27.82.55.100"),
    ],
    "identity_number": [
        *("910912 5009 087", "8001015009087", "0012315009087", "123-45-6789", "123.456.789-09", "35202-1234567-1"),
        *("9109125009086", "123456/78/1"),
    ],
    "card_number": ["4111111111111111", "4111 1111 1111 1111", "378282246310005"],
    "missing": ["", " \u00a0", "-", "?", "n/a", "none", "NULL", "\u200b", "'", '=""', "x", "…"],
    "not_a_number": ["hello", "thandi@example.com", "TRUE", "Room 12", "1-800-FLOWERS"],
    "rounded_by_excel": ["2,78E+10", "2.78256E+10", "27800000000", "2.78×10^10", "8E+08", "27825000000.0"],
    "too_short": ["082", "08255501", "825550", "+27 82 555 010", "002782555010", "2782555010"],
    "too_long": ["082555010012", "+278255501001", "8255501000", "+2782555010012345678"],
    "not_in_use": ["0990000000", "+999123456789", "+0825550100"],
    "fixed_line": ["+27 11 555 0100", "27115550100", "+44 20 7946 0018"],
    "toll_free": ["+27800123456", "+1 800 234 5678"],
    "premium_rate": ["+27862123456", "+44 909 8790000"],
    "voip": ["+27 87 123 4567"],
    "shared_cost": ["0860 123 456"],
    "short_number": ["112", "10111"],
    "other_country": ["44 7911 123456", "919876543210", "14155552671", "4915112345678", "263771234567"],
}

# Countries whose numbers have special forms: country, text, digits or the code of the refusal.
ELSEWHERE = [
    ("AR", "011 15-2345-6789", "5491123456789"),
    ("AR", "+54 (9) 11 2345-6789", "5491123456789"),
    ("BR", "0 15 11 96123-4567", "5511961234567"),
    ("BR", "0055479496942", "too_short"),
    ("RU", "8 (912) 345-67-89", "79123456789"),
    ("HU", "06 20 123 4567", "36201234567"),
    ("IT", "+39 (0)333 1234567", "393331234567"),
    ("IT", "333 123456", "too_short"),
    ("FR", "06.12.34.56.78", "33612345678"),
    ("FR", "01 23 45 67 89", "fixed_line"),
    ("ES", "612.345.678", "34612345678"),
    ("ES", "612,345,678", "thousands_separators"),
    ("DK", "20.12.34.56", "4520123456"),
    ("DK", "20123456", "4520123456"),
    ("DK", "20240501", "date"),
    ("DK", "20123456.00", "amount"),
    ("FI", "0457 123 4567", "3584571234567"),
    ("US", "011 44 7911 123456", "447911123456"),
    ("US", "(416) 555-0100", "14165550100"),
    ("US", "212 655 010", "too_short"),
    ("US", "(800) 234-5678", "toll_free"),
    ("AU", "0011 44 7911 123456", "447911123456"),
    ("JP", "010 44 7911 123456", "447911123456"),
    ("CN", "138 0013 8001", "8613800138001"),
    ("IN", "919876543210", "919876543210"),
    ("IN", "9198 7654 3210", "identity_number"),
    ("IN", "9109125009087", "identity_number"),
    ("ID", "0812 3456 78901", "6281234567890" + "1"),
    ("ID", "0810190993180", "identity_number"),
    ("MX", "+52 1 55 1234 5678", "525512345678"),
    ("MY", "011-1234 5678", "601112345678"),
    ("AT", "0664/1234567", "436641234567"),
    ("AT", "447911123456", "other_country"),
    ("DE", "0160 1234567", "491601234567"),
    ("DE", "01609 1234567", "4916091234567"),
    ("DE", "0176 1234567", "not_in_use"),
    ("DE", "0171 23456789", "not_in_use"),
    ("DE", "030 12345678", "fixed_line"),
    ("GG", "07781 123456", "447781123456"),
]

# Complete mobile numbers of countries whose mobile numbers have several lengths: the digits after them would fit in.
COMPLETE = [
    *(("ID", "081234567890"), ("ID", "0812-3456-7890"), ("ID", "+62 812 3456 789"), ("AT", "0664 1234567")),
    *(("AT", "+43 664 1234567"), ("NZ", "021 1234567"), ("FI", "040 1234567"), ("AX", "0457 1234567")),
    *(("GA", "06031234"), ("TK", "+690 72901"), ("EE", "5123456"), ("RS", "060 1234567")),
]
REST = ["/1", " 1", "\n1", " (1", " 2)", "-1", ".5", "_1", " 12", "/12", "-12", "\n12", "/123", "\u20281", " - 7"]
# What is written here is a whole number, however it is divided.
DIVIDED = [
    ("DE", "0171/2345678", "491712345678"),
    ("ZA", "082 555 01 00", "27825550100"),
    ("FR", "06 12 34 56 78", "33612345678"),
    ("AT", "0664/123/4567", "436641234567"),
    ("AT", "0664 123 45 67", "436641234567"),
    ("AT", "+43 664 123 45 67", "436641234567"),
    ("FI", "040 123 45 67", "358401234567"),
    ("RS", "060 123 45 67", "381601234567"),
    ("EE", "5123 45 67", "37251234567"),
    ("EE", "+372 512 345 67", "37251234567"),
    ("NZ", "021 123 45 67", "64211234567"),
    ("GA", "074 12 34 56", "24174123456"),
    ("DE", "(0176) 1234567-8", "4917612345678"),
]


@pytest.mark.parametrize(("country", "number"), COMPLETE)
def test_digits_beside_a_complete_number_are_refused_where_lengths_are_open(country: str, number: str) -> None:
    assert _parsed(country, number)[0]
    refused = {rest: _parsed(country, number + rest) for rest in REST}
    assert {msisdn for msisdn, _ in refused.values()} == {None}, refused
    assert {code for _, code in refused.values()} <= {"extension", "footnote", "two_numbers", "amount"}, refused


@pytest.mark.parametrize(
    ("country", "text", "code"),
    [
        ("ID", "081234567890/1", "two_numbers"),
        ("ID", "0812-3456-7890 1", "extension"),
        ("ID", "0812-3456-789 (1", "footnote"),
        ("AT", "0664 1234567/12", "two_numbers"),
        ("AT", "0664 1234567 2)", "footnote"),
        ("DE", "0176 1234567\n1", "two_numbers"),
        ("ZA", "082 555\n0100", "two_numbers"),
        ("ZA", "082) 555 0100", "footnote"),
        ("US", "(212) 655-0100 ext. 12", "extension"),
        ("US", "(212) 655-0100 x12", "extension"),
        ("ZA", "(082) 555 0100 ext 4", "extension"),
        ("SE", "900101-1234", "identity_number"),
    ],
)
def test_what_is_beside_a_number_has_a_name(country: str, text: str, code: str) -> None:
    assert _parsed(country, text) == (None, code)
    with pytest.raises(PhoneError):
        parse(text, country, TYPED)


def test_a_number_divided_into_short_groups_is_one_number() -> None:
    assert [(country, text, _parsed(country, text)[0]) for country, text, _ in DIVIDED] == DIVIDED


def test_a_truncated_mobile_with_the_calling_code_is_no_fixed_line() -> None:
    for country, text in [
        *(("ZA", "27 82 555 01"), ("ZA", "278255501"), ("ZA", "27 82 555 010"), ("DE", "49171 23456")),
        *(("KE", "254 712 345"), ("GB", "44 7911 12345"), ("NL", "316 1234 56"), ("ZA", "278"), ("ZA", "27")),
    ]:
        for accepted in (Accepted(), Accepted(fixed_lines=True)):
            with pytest.raises(PhoneError) as refused:
                parse(text, country, accepted)
            assert refused.value.code == "too_short", (country, text, accepted)
    # With the leading zero it is the fixed line; and so are digits that no mobile number begins with.
    assert parse("027 825 5501", "ZA", Accepted(fixed_lines=True)) == "27278255501"
    assert parse("27 11 555 0100", "ZA", Accepted(fixed_lines=True)) == "27115550100"


@pytest.mark.parametrize(("country", "text", "expected"), [case[:3] for case in CASES])
def test_it_reads_or_refuses_the_cells_that_people_sent(country: str, text: str, expected: str | None) -> None:
    assert _parsed(country, text)[0] == expected


def test_it_reads_one_number_in_many_notations() -> None:
    assert {text: _parsed("ZA", text)[0] for text in SAME} == dict.fromkeys(SAME, "27825550100")


@pytest.mark.parametrize("code", REFUSED)
def test_it_refuses_each_kind_of_cell_by_name(code: str) -> None:
    assert {text: _parsed("ZA", text) for text in REFUSED[code]} == dict.fromkeys(REFUSED[code], (None, code))


def test_every_code_has_a_cell_and_a_sentence() -> None:
    rare = {"unknown_country", "personal_number", "pager", "uan", "voicemail"}
    assert set(SENTENCES) == set(REFUSED) | rare
    assert all(sentence.endswith((".", "{hint}")) for sentence in SENTENCES.values())


def test_a_sentence_names_the_country_and_the_number() -> None:
    with pytest.raises(PhoneError) as refused:
        parse("447911123456", "ZA")
    assert (refused.value.code, refused.value.country) == ("other_country", "GB")
    assert refused.value.sentence == (
        "This appears to be a number in Britain (UK). If it is, write it with a plus: +44 7911 123456."
    )


def test_it_knows_the_forms_of_other_countries() -> None:
    for country, text, expected in ELSEWHERE:
        assert expected in _parsed(country, text), (country, text, _parsed(country, text))


def test_a_choice_takes_in_fixed_lines_or_the_numbers_of_a_country() -> None:
    fixed, british = Accepted(fixed_lines=True), Accepted(countries=frozenset({"GB"}))
    assert parse("0115550100", "ZA", fixed) == "27115550100"
    assert parse("+44 20 7946 0018", "ZA", fixed) == "442079460018"
    assert parse("447911123456", "ZA", british) == "447911123456"
    for text, accepted in [
        *(("0800123456", fixed), ("082123457", fixed), ("447911123456", fixed), ("442079460018", british)),
        *(("919876543210", british), ("2024-05-01", fixed), ("9109125009087", Accepted(countries=frozenset({"IN"})))),
    ]:
        with pytest.raises(PhoneError):
            parse(text, "ZA", accepted)


def test_a_number_that_a_person_enters_may_be_of_any_kind_but_is_not_guessed() -> None:
    for text in ("0115550100", "0800123456", "27820000000", "+44 20 7946 0018"):
        assert parse(text, "ZA", TYPED) == parse(text, "ZA", EVERYTHING)
    assert parse("333 123456", "IT", TYPED) == "39333123456"
    for text in ("447911123456", "2024-05-01", "0825550100 x12", "0825550100/0835550101"):
        with pytest.raises(PhoneError):
            parse(text, "ZA", TYPED)


@pytest.mark.parametrize(
    ("country", "text", "expected"),
    [
        ("ZA", "082 555 0100", ["27825550100"]),
        ("ZA", "0825550100/0835550101", ["27825550100", "27835550101"]),
        ("ZA", "08255501000835550101", ["27825550100", "27835550101"]),
        ("ZA", "STOP 082 555 0100 and 011 555 0100 after 17:00", ["27825550100", "27115550100"]),
        ("ZA", "+27825550100 (wife: +44 7911 123456)", ["27825550100", "447911123456"]),
        ("ZA", "447911123456", ["447911123456"]),
        ("ZA", "27820000000", ["27820000000"]),
        ("ZA", "27,825,550,100", ["27825550100"]),
        ("ZA", "-825550100", ["27825550100"]),
        ("US", "(212) 655-0100 12", ["12126550100", "212655010012"]),
        ("DE", "0171 2345678/9", ["491712345678", "4917123456789"]),
        ("IT", "333 123456", ["39333123456"]),
    ],
)
def test_an_opt_out_takes_every_number_that_can_be_meant(country: str, text: str, expected: list[str]) -> None:
    assert readings(text, country) == expected
    assert parse(text, country, EVERYTHING) == expected[0]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing"),
        ("N/A", "missing"),
        ("#REF!", "spreadsheet_error"),
        ("hello", "not_a_number"),
        ("082", "too_short"),
    ]
    + [("2.78E+10", "rounded_by_excel"), ("2024-05-01", "date")],
)
def test_an_opt_out_without_any_number_is_refused(text: str, code: str) -> None:
    with pytest.raises(PhoneError) as refused:
        readings(text, "ZA")
    assert refused.value.code == code


def test_it_shows_numbers_as_people_write_them() -> None:
    assert phones.formatted("27825550100") == "+27 82 555 0100"
    assert phones.formatted("12126550100") == "+1 212-655-0100"
    assert phones.formatted("27000") == "+27000"
    assert phones.formatted("") == "+"


def test_it_knows_country_and_kind() -> None:
    numbers = ["27825550100", "27115550100", "12126550100", "447911123456", "77710009998", "27800123456", "999", ""]
    assert [phones.country_of(number) for number in numbers] == ["ZA", "ZA", "US", "GB", "KZ", "ZA", "", ""]
    assert [phones.kind_of(number) for number in numbers] == [
        *("mobile", "fixed_line", "mobile_or_fixed_line", "mobile", "mobile", "toll_free", "unknown", "unknown"),
    ]


def _parsed(country: str, text: str) -> tuple[str | None, str]:
    """The number and the code of the refusal."""
    try:
        return parse(text, country), ""
    except PhoneError as error:
        return None, error.code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("and my wife, 0835550112", ["27835550112"]),
        ("€250 owed, call 0835550112", ["27835550112"]),
        ("wife 825550112 or 011 555 0100, 0115550101", ["27825550112", "27115550101"]),
        ("+44 7911 123456 too", ["447911123456"]),
        ("0115550100", ["27115550100"]),
        ("C645445288", []),
        ("81 Main Rd, 7865 Paarl", []),
        ("8001015009087", []),
        ("R 1 234 567.00", []),
        ("825550100.50", []),
        ("2024-05-01 10:15", []),
        ("192.168.100.200", []),
        ("rang 3 times", []),
        ("", []),
    ],
)
def test_a_number_is_found_in_a_cell_that_need_not_have_one(text: str, expected: list[str]) -> None:
    assert phones.mentions(text, "ZA") == expected
