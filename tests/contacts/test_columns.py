"""Columns are guessed from headings and cells, and a mapping that cannot be used is refused with the reason."""

import csv
from pathlib import Path

import pytest

from contacts import columns
from contacts.columns import ColumnsError, Guess

NAMES = ["Thandi", "Sipho", "Anika"]
#: Three cells of a column, by kind.
KINDS = {
    "mobile": ["082 555 0100", "0835550101", "+27725550102"],
    "mobile2": ["082 555 0200", "0835550201", "+27725550202"],
    "seldom": ["0825550300", "", ""],
    "landline": ["(011) 555-0100", "0215550101", "0315550102"],
    "landline2": ["(011) 555-0200", "0215550201", "0315550202"],
    "blank": ["", "", ""],
    "name": NAMES,
    "count": ["1", "2", "3"],
    "yes": ["Yes", "No", "Yes"],
    "person": ["8001015009087", "7502025008081", "9203036009080"],
    "amount": ["R 1 250.00", "1250.50", "R2,000"],
    "code": ["C10001", "C10002", "C10003"],
    "damaged": ["2.78E+10", "0825550", "unknown"],
    "cut": ["08255500", "08355501", "08455502"],
    "n/a": ["n/a", "N/A", ""],
    "text": [
        "Hi Thandi, your order is ready at Sandton.",
        "Hi Sipho, your order is late, sorry about that.",
        "Hi Anika, your parcel waits for you in Paarl.",
    ],
    "same text": ["Our sale ends on Sunday, come and see us."] * 3,
    "short": ["Hi Thandi", "Hello Sipho", "Hi"],
}


def guess(*sheet: str, labels: dict[str, str] | None = None, country: str = "ZA") -> Guess:
    """``sheet``: ``"Heading=kind"`` for each column."""
    pairs = [column.rsplit("=", 1) for column in sheet]
    rows = [list(row) for row in zip(*(KINDS[kind] for _, kind in pairs), strict=True)]
    return columns.guess([title for title, _ in pairs], rows, labels or {}, country)


def phone_of(made: Guess) -> int | None:
    return next((column for column, field in made.mapping.items() if field == "phone"), None)


@pytest.mark.parametrize(
    "title",
    [
        "Phone", "CELL_NO", "cellNo", "Mobile number", "MSISDN", "number", "Tel.", "Contact Number", "Phone No.",
        "p", "", "Selfoonnommer", "Handynummer", "Telemóvel", "Nº de teléfono móvil", "N° de portable", "Namba ya simu",
        "Мобильный телефон", "رقم الجوال", "手机号码", "Inombolo yocingo", "Điện thoại", "WhatsApp", "Customer mobile",
        "Parent cell", "Kontakt", "Destination", "To", "Tel (w)", "휴대폰 번호", "Número",
    ],
)  # fmt: skip
def test_a_column_of_mobiles_is_the_phone_under_any_heading(title: str) -> None:
    made = guess("First name=name", f"{title}=mobile", "Town=name")
    assert made == Guess({0: "value1", 1: "phone", 2: "value2"})


@pytest.mark.parametrize(
    ("sheet", "phone"),
    [
        # Mobile beats Phone beats Number.
        ("Phone=mobile Mobile=mobile2", 1),
        ("Mobile=mobile Phone=mobile2", 0),
        ("Number=mobile Phone=mobile2", 1),
        ("Cell=mobile Telephone=mobile2", 0),
        ("Tel=mobile Handy=mobile2", 1),
        ("Телефон=mobile Мобильный=mobile2", 1),
        ("电话=mobile 手机=mobile2", 1),
        ("هاتف=mobile جوال=mobile2", 1),
        ("Telefone=mobile Telemóvel=mobile2", 1),
        ("Téléphone=mobile Portable=mobile2", 1),
        ("Telefoon=mobile Selfoon=mobile2", 1),
        ("Simu_ya_nyumbani=mobile Simu_ya_mkononi=mobile2", 1),
        ("Home_phone=mobile Work_phone=mobile2 Mobile_phone=seldom", 2),
        ("WhatsApp=mobile Cell=mobile2", 1),
        ("Phone=landline Mobile=mobile", 1),
        ("Work_phone=mobile Phone=mobile2", 1),
        ("Fax=mobile Tel=mobile2", 1),
        ("Fax=mobile Nr=mobile2", 1),
        ("Next_of_kin_cell=mobile Phone=mobile2", 1),
        ("Emergency_number=mobile Number=mobile2", 1),
        # Numbers beat a name.
        ("Phone=name Kontakt=mobile", 1),
        ("Mobile=yes Number=mobile", 1),
        ("Name=mobile Phone=name", 0),
        ("Contact_name=blank Name=name", None),
        ("Mobile=blank Phone=mobile", 1),
        ("Number=count Mobile_Nr=mobile", 1),
        ("Number=count Mobile_Nr=damaged", 1),
        ("Cell=damaged Name=name", 0),
        ("Cell=blank Name=name", 0),
        ("Phone=landline Name=name", 0),
        # One that is hardly filled in is not an equal.
        ("Cell_2=seldom Cell_1=mobile", 1),
        # The same numbers twice are no question.
        ("Mobile=mobile Mobile=mobile", 0),
        # Nothing is texted that is no phone.
        ("Number=count Name=name", None),
        ("Number=person Name=name", None),
        ("ID_number=person Cell=mobile", 1),
        ("Account_no=mobile Name=name", None),
        ("Fax=mobile Name=name", None),
        ("Amount=amount Phone=mobile", 1),
        ("Amount=amount Name=name", None),
        ("Phone=name Name=name", None),
        ("Contact_ID=count Name=name", None),
        ("Phone_type=mobile Name=name", None),
        ("Cell_2=yes Name=name", None),
    ],
)
def test_the_phone_is_found_by_cells_and_heading(sheet: str, phone: int | None) -> None:
    made = guess(*(column.replace("_", " ") for column in sheet.split()))
    assert phone_of(made) == phone
    assert made.asked == []


@pytest.mark.parametrize(
    ("sheet", "asked"),
    [
        ("Name=name Cell_1=mobile Cell_2=mobile2", [1, 2]),
        ("Home_phone=mobile Work_phone=mobile2", [0, 1]),
        ("Home_phone=landline Work_phone=landline2", [0, 1]),
        ("Phone=mobile WhatsApp=mobile2", [0, 1]),
        ("Mother_cell=mobile Father_cell=mobile2", [0, 1]),
        ("=mobile =name =mobile2", [0, 2]),
        ("Telefon_1=mobile Telefon_2=mobile2 Fax=landline", [0, 1]),
        # The numbers may be of other people, while the column of the person's own is blank or damaged.
        ("Name=name Landlord=mobile Cell=blank", [1, 2]),
        ("Name=name Landlord_cell=mobile Cell=blank", [1, 2]),
        ("Name=name Contact=mobile Phone=n/a", [1, 2]),
        ("Name=name Parent=mobile Cell=n/a", [1, 2]),
        ("Name=name Next_of_kin_phone=mobile Phone=blank", [1, 2]),
        ("Name=name Spouse=mobile Phone=cut", [1, 2]),
        ("Phone=damaged Name=name =mobile", [0, 2]),
        ("Number=mobile Mobile=blank", [0, 1]),
    ],
)
def test_of_two_equally_likely_phones_the_operator_chooses(sheet: str, asked: list[int]) -> None:
    made = guess(*(column.replace("_", " ") for column in sheet.split()))
    assert made.asked == asked
    assert phone_of(made) is None
    assert all(made.mapping[column].startswith("value") for column in asked)


def test_every_other_column_goes_to_a_value_in_the_order_of_the_sheet() -> None:
    made = guess(
        "First name=name", "Surname=name", "Cell=mobile", "Account no=code", "Balance=amount", "=yes", "=blank"
    )
    assert made.mapping == {0: "value1", 1: "value2", 2: "phone", 3: "customer_id", 4: "value3", 5: "value4"}
    assert made.surplus == []


def test_a_sheet_without_headings_is_guessed_from_its_cells() -> None:
    assert guess("=name", "=mobile", "=amount").mapping == {0: "value1", 1: "phone", 2: "value2"}


def test_the_reasons_of_downloaded_rows_are_left_out() -> None:
    assert guess("Cell=mobile", "Name=name", "Reason=text").mapping == {0: "phone", 1: "value1"}
    assert guess("Cell=mobile", "Reason=name", "Name=name").mapping == {0: "phone", 1: "value1", 2: "value2"}


def test_more_than_six_values_are_left_to_the_operator() -> None:
    made = guess(*(f"Field {n}=name" for n in range(7)), "Cell=mobile", "Last=yes")
    assert made.mapping == {**{n: f"value{n + 1}" for n in range(6)}, 7: "phone"}
    assert made.surplus == [6, 8]


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("SMS=yes", "value1"), ("Text=yes", "value1"), ("Message=same text", "value1"), ("Text=short", "value1"),
        ("Message=text", "message"), ("SMS=text", "message"), ("Texto=text", "message"), ("Boodskap=text", "message"),
        ("Own text=text", "message"), ("Notes=text", "value1"), ("SMS=blank", "value1"),
        ("Account no=code", "customer_id"), ("ID=code", "customer_id"), ("Customer=name", "value1"),
        ("ID=person", "value1"), ("ID number=person", "value1"), ("Account=yes", "value1"),
        ("Número do cliente=code", "customer_id"), ("Номер клиента=code", "customer_id"),
    ],
)  # fmt: skip
def test_own_texts_and_customer_ids_must_look_like_it(column: str, field: str) -> None:
    assert guess(column, "Cell=mobile").mapping == {0: field, 1: "phone"}


def test_the_labels_of_the_list_decide_and_fields_of_absent_columns_stay_free() -> None:
    labels = {"value1": "First name", "value3": "Balance", "value4": "Phone"}
    made = guess("BALANCE=amount", "Phone=mobile", "Town=name", "Mobile=mobile2", labels=labels)
    assert made.mapping == {0: "value3", 1: "value4", 2: "value2", 3: "phone"}
    assert guess("first_name=name", "Phone=mobile", labels=labels).mapping == {0: "value1", 1: "phone"}


@pytest.mark.parametrize(
    "sheet",
    [
        ["=name", "=mobile", "=amount"],
        ["Amount=amount", "Cell=mobile", "amount=code", "Amount=yes"],
        [f"{'A very long heading ' * 4}=name", "Cell=mobile"],
        ["Имя=name", "Телефон=mobile", "город=yes"],
        ["№=yes", "Cell=mobile", "$=amount"],
    ],
)
def test_the_same_sheet_again_goes_to_the_same_fields(sheet: list[str]) -> None:
    first = guess(*sheet)
    header = [column.rsplit("=", 1)[0] for column in sheet]
    labels = columns.new_labels(first.mapping, header, {})
    again = guess(*sheet, labels=labels)
    assert again.mapping == first.mapping
    assert columns.new_labels(again.mapping, header, labels) == {}


@pytest.mark.parametrize(
    ("file", "phone"), [("text_consent.csv", 1), ("salesforce.csv", 4), ("number_column.csv", 2), ("fb_lead.csv", 1)]
)
def test_the_known_exports_are_read(file: str, phone: int) -> None:
    header, *rows = csv.reader((Path(__file__).parents[1] / "samples" / "columns" / file).open(encoding="utf-8"))
    made = columns.guess(header, rows, {}, "ZA")
    assert (phone_of(made), made.asked, "message" in made.mapping.values()) == (phone, [], False)


@pytest.mark.parametrize(
    ("mapping", "code"),
    [
        ({0: "value1"}, "no_phone_column"),
        ({}, "no_phone_column"),
        ({0: "phone", 1: "phone"}, "field_twice"),
        ({0: "phone", 1: "colour"}, "unknown_field"),
        ({0: "phone", 1: "name"}, "unknown_field"),
        ({0: "phone", 7: "value1"}, "unknown_column"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(mapping: dict[int, str], code: str) -> None:
    with pytest.raises(ColumnsError) as refused:
        columns.validate(mapping, ["Cell", "Name"])
    assert refused.value.code == code
    assert refused.value.sentence.endswith(".")


def test_a_valid_mapping_is_accepted() -> None:
    columns.validate({1: "phone"}, ["Name", "Cell"])


def test_it_gives_the_cells_of_a_row_by_field() -> None:
    assert columns.apply({2: "phone", 0: "value1", 5: "value2"}, [" Ann ", "x", "0825550100"]) == {
        "phone": "0825550100",
        "value1": "Ann",
        "value2": "",
    }
    assert columns.apply({0: "value1", 1: "message"}, ["Thandi\n K", "Hi\nyou"]) == {
        "value1": "Thandi K",
        "message": "Hi\nyou",
    }


def test_a_stored_mapping_is_restored() -> None:
    mapping = {10: "phone", 2: "value1"}
    assert columns.restored(columns.stored(mapping)) == mapping


def test_values_are_labelled_with_their_headings_each_different() -> None:
    header = ["Amount", "amount", "", "City", "Cell", "Town"]
    mapping = {0: "value1", 1: "value2", 2: "value3", 3: "value4", 4: "phone", 5: "value5"}
    assert columns.new_labels(mapping, header, {"value4": "City", "value6": "Town"}) == {
        "value1": "Amount",
        "value2": "amount 2",
        "value3": "Column 3",
        "value5": "Town 2",
    }
