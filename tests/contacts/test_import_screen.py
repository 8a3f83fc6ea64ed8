"""The pages of an import: upload, columns, check, import, result."""

import io
import json
from collections.abc import Callable

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from contacts import importing, suppression
from contacts.models import Contact, ContactList, Import

LogIn = Callable[[User], Client]
ENQUEUES = list[tuple[str, int]]

pytestmark = pytest.mark.usefixtures("enqueued")

SHEET = (
    "Cell no.,First name,Notes\n"
    "082 555 0100,Thandi,a\n"
    "082 555 0101,Sipho,b\n"
    "12345,Short,=1+1\n"
    "+27 82 555 0100,Thandi again,c\n"
    ",,\n"
    "082 555 0102,Opted out,d\n"
)


@pytest.fixture
def customers(db: None) -> ContactList:
    return ContactList.objects.create(name="Customers", country="ZA", labels={"value1": "First name"})


@pytest.fixture
def client(operator: User, logged_in: LogIn) -> Client:
    return logged_in(operator)


def a_file(text: str | bytes = SHEET, name: str = "customers.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text)


def uploaded(client: Client, contact_list: ContactList, text: str | bytes = SHEET) -> Import:
    answer = client.post("/contacts/upload/", {"list": contact_list.pk, "file": a_file(text)})
    import_ = Import.objects.order_by("-pk")[0]
    assert answer["Location"] == f"/contacts/imports/{import_.pk}/"
    return import_


def checked(client: Client, contact_list: ContactList, text: str = SHEET) -> Import:
    import_ = uploaded(client, contact_list, text)
    mapping = {"country": "ZA", "column_0": "phone", "column_1": "value1"}
    assert client.post(f"/contacts/imports/{import_.pk}/columns/", mapping).status_code == 302
    importing.check_rows(import_.pk)
    import_.refresh_from_db()
    return import_


def page_of(client: Client, import_: Import) -> str:
    return " ".join(client.get(f"/contacts/imports/{import_.pk}/").content.decode().split())


# -- upload ---------------------------------------------------------------------------------------------------------


def test_it_stores_an_upload_and_asks_about_the_columns(
    client: Client, customers: ContactList, operator: User, enqueued: ENQUEUES
) -> None:
    import_ = uploaded(client, customers)
    assert (import_.status, import_.original_name, import_.created_by) == ("uploaded", "customers.csv", operator)
    assert client.get(f"/contacts/imports/{import_.pk}/")["Location"] == f"/contacts/imports/{import_.pk}/columns/"
    assert enqueued == []


def test_it_makes_a_new_list(client: Client) -> None:
    client.post("/contacts/upload/", {"list": "", "new_list": "October", "file": a_file()})
    assert Import.objects.get().contact_list.name == "October"


def test_an_upload_by_script_gets_the_next_page_as_json(client: Client, customers: ContactList) -> None:
    data = {"list": customers.pk, "file": a_file()}
    answer = client.post("/contacts/upload/", data, headers={"Accept": "application/json"})
    assert json.loads(answer.content) == {"url": f"/contacts/imports/{Import.objects.get().pk}/"}


def test_the_list_it_was_opened_from_is_chosen(client: Client, customers: ContactList) -> None:
    page = client.get(f"/contacts/{customers.pk}/upload/").content.decode()
    assert f'<option value="{customers.pk}" selected>Customers</option>' in page


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (None, "Choose a file."),
        (a_file(""), "This file is empty."),
        (a_file("x", "photo.png"), "Baton reads .xlsx, .xls, .ods, .csv and .tsv files"),
        (a_file("Phone,Name\n"), "row"),
        (a_file(b"PK\x03\x04 not really", "customers.xlsx"), "cannot be read"),
    ],
)
def test_it_refuses_a_file_at_its_field_and_keeps_nothing(
    client: Client, file: SimpleUploadedFile | None, words: str
) -> None:
    if file is not None:
        file.seek(0)
    data = {"new_list": "October", **({"file": file} if file else {})}
    answer = client.post("/contacts/upload/", data)
    assert answer.status_code == 422
    assert words in answer.context["form"].errors["file"][0]
    assert answer.context["form"].errors["file"][0].split("“")[0][:20] in answer.content.decode()
    assert not Import.objects.exists()
    assert not ContactList.objects.exists()


def test_it_refuses_a_file_that_is_too_large(client: Client, customers: ContactList, settings: object) -> None:
    settings.UPLOAD_MAX_BYTES = 10  # type: ignore[attr-defined]
    answer = client.post("/contacts/upload/", {"list": customers.pk, "file": a_file()})
    assert "Split it." in answer.context["form"].errors["file"][0]


def test_a_new_list_without_a_name_is_named_after_the_file(client: Client, customers: ContactList) -> None:
    client.post("/contacts/upload/", {"file": a_file(name="june_customers.csv")})
    client.post("/contacts/upload/", {"file": a_file(name="Customers.csv")})
    names = set(ContactList.objects.values_list("name", flat=True))
    assert names == {"Customers", "june customers", "Customers 2"}


def test_a_new_list_needs_a_name_of_its_own(client: Client, customers: ContactList) -> None:
    answer = client.post("/contacts/upload/", {"file": a_file(), "new_list": "Customers"})
    assert "A list with this name already exists." in answer.context["form"].errors["new_list"][0]


# -- encoding -------------------------------------------------------------------------------------------------------


def test_it_asks_for_the_encoding_and_previews_each_one(client: Client, customers: ContactList) -> None:
    import_ = uploaded(client, customers, "Phone,Name\n0825550100,Zoë\n".encode("cp1252"))
    assert import_.header == []
    page = client.get(f"/contacts/imports/{import_.pk}/columns/").content.decode()
    assert "Choose the one in which names look right." in page
    assert "Zoë" in page
    client.post(f"/contacts/imports/{import_.pk}/columns/", {"encoding": "cp1252"})
    import_.refresh_from_db()
    assert (import_.encoding, import_.header, import_.samples) == ("cp1252", ["Phone", "Name"], [["0825550100", "Zoë"]])
    assert "Zoë" in client.get(f"/contacts/imports/{import_.pk}/columns/").content.decode()


def test_it_refuses_an_encoding_that_fails(client: Client, customers: ContactList) -> None:
    import_ = uploaded(client, customers, "Phone,Name\n0825550100,Zoë\n".encode("cp1252"))
    answer = client.post(f"/contacts/imports/{import_.pk}/columns/", {"encoding": "utf-8"})
    assert answer.status_code == 422
    assert "encoding" in answer.context["form"].errors


# -- columns --------------------------------------------------------------------------------------------------------


def test_it_guesses_columns_and_shows_samples(client: Client, customers: ContactList) -> None:
    import_ = uploaded(client, customers)
    answer = client.get(f"/contacts/imports/{import_.pk}/columns/")
    form = answer.context["form"]
    assert [form[f"column_{n}"].value() for n in range(3)] == ["phone", "value1", "value2"]
    page = answer.content.decode()
    assert "082 555 0100" in page
    assert "Sipho" in page
    assert "Value 1 “First name”" in page


def test_it_records_the_mapping_and_enqueues_the_check(
    client: Client, customers: ContactList, enqueued: ENQUEUES
) -> None:
    import_ = uploaded(client, customers)
    client.post(
        f"/contacts/imports/{import_.pk}/columns/", {"country": "GB", "column_0": "phone", "column_2": "value2"}
    )
    import_.refresh_from_db()
    assert (import_.mapping, import_.country) == ({"0": "phone", "2": "value2"}, "GB")
    assert enqueued == [("check_import", import_.pk)]
    assert "Waiting for a worker" in page_of(client, import_)


def test_it_refuses_columns_without_a_phone(client: Client, customers: ContactList, enqueued: ENQUEUES) -> None:
    import_ = uploaded(client, customers)
    answer = client.post(f"/contacts/imports/{import_.pk}/columns/", {"country": "ZA", "column_1": "value1"})
    assert answer.status_code == 422
    assert "No column is mapped to Phone." in answer.content.decode()
    import_.refresh_from_db()
    assert (import_.mapping, enqueued) == ({}, [])


def test_it_refuses_a_field_twice_at_the_second_column(client: Client, customers: ContactList) -> None:
    import_ = uploaded(client, customers)
    data = {"country": "ZA", "column_0": "phone", "column_1": "phone"}
    answer = client.post(f"/contacts/imports/{import_.pk}/columns/", data)
    assert list(answer.context["form"].errors) == ["column_1"]
    assert 'id="id_column_1_error"' in answer.content.decode()


def test_it_refuses_an_unknown_country(client: Client, customers: ContactList) -> None:
    import_ = uploaded(client, customers)
    answer = client.post(f"/contacts/imports/{import_.pk}/columns/", {"country": "XX", "column_0": "phone"})
    assert "country" in answer.context["form"].errors


# -- check, import, result ------------------------------------------------------------------------------------------


def test_it_shows_the_forecast_and_every_bad_row(client: Client, customers: ContactList) -> None:
    Contact.objects.create(list=customers, msisdn="27825550101", phone="082 555 0101", value1="Sipho")
    suppression.suppress(["27825550102"], "manual")
    import_ = checked(client, customers)
    answer = client.get(f"/contacts/imports/{import_.pk}/")
    assert answer.context["buckets"] == [
        ("created", 1), ("unchanged", 1), ("duplicate", 1), ("opted out", 1), ("invalid", 1), ("blank", 1),
    ]  # fmt: skip
    assert sum(count for _, count in answer.context["buckets"]) == import_.read == 6
    page = page_of(client, import_)
    assert "If you import now" in page
    assert "Import 3 rows" in page
    assert "Row 2 has the same number." in page
    assert "too short" in page
    assert Contact.objects.count() == 1


def test_it_imports_and_shows_the_result(client: Client, customers: ContactList, enqueued: ENQUEUES) -> None:
    import_ = checked(client, customers)
    client.post(f"/contacts/imports/{import_.pk}/apply/")
    assert enqueued[-1] == ("apply_import", import_.pk)
    assert "Importing" in page_of(client, import_)
    importing.apply(import_.pk)
    page = page_of(client, import_)
    assert "<b>6</b> rows read" in page
    assert "<b>3</b> created" in page
    assert "Download 2 rows with reasons" in page
    assert Contact.objects.count() == 3


def test_it_imports_once(client: Client, customers: ContactList, enqueued: ENQUEUES) -> None:
    import_ = checked(client, customers)
    client.post(f"/contacts/imports/{import_.pk}/apply/")
    answer = client.post(f"/contacts/imports/{import_.pk}/apply/", follow=True)
    assert "Only an import that has been checked can be applied" in answer.content.decode()
    assert enqueued.count(("apply_import", import_.pk)) == 1


def test_it_cancels_before_anything_is_changed(client: Client, customers: ContactList) -> None:
    import_ = checked(client, customers)
    answer = client.post(f"/contacts/imports/{import_.pk}/cancel/", follow=True)
    assert "No contacts were changed." in answer.content.decode()
    import_.refresh_from_db()
    assert import_.status == "cancelled"
    answer = client.post(f"/contacts/imports/{import_.pk}/cancel/", follow=True)
    assert "can be cancelled" in answer.content.decode()


def test_it_stops_polling_when_nothing_runs(client: Client, customers: ContactList) -> None:
    import_ = checked(client, customers)
    path = f"/contacts/imports/{import_.pk}/progress/"
    answer = client.get(path)
    assert answer.status_code == 286
    assert "hx-get" not in answer.content.decode()
    assert "<html" not in answer.content.decode()
    Import.objects.filter(pk=import_.pk).update(status="applying")
    answer = client.get(path)
    assert answer.status_code == 200
    assert f'hx-get="{path}"' in answer.content.decode()


def test_it_says_why_an_import_failed(client: Client, customers: ContactList) -> None:
    import_ = uploaded(client, customers)
    Import.objects.filter(pk=import_.pk).update(
        status="failed", mapping={"0": "phone"}, failure_sentence="The file broke off at row 12."
    )
    assert "The file broke off at row 12." in page_of(client, import_)


def test_it_warns_of_the_same_file_and_does_not_refuse_it(client: Client, customers: ContactList) -> None:
    first = checked(client, customers)
    importing.begin_apply(first)
    importing.apply(first.pk)
    second = uploaded(client, customers)
    assert (
        "This file has been imported before." in client.get(f"/contacts/imports/{second.pk}/columns/").content.decode()
    )
    new = uploaded(client, customers, SHEET + "0825550109,New,e\n")
    assert "imported before" not in client.get(f"/contacts/imports/{new.pk}/columns/").content.decode()


def test_bad_rows_are_downloaded_as_texts_never_formulas(client: Client, customers: ContactList) -> None:
    import_ = checked(client, customers)
    answer = client.get(f"/contacts/imports/{import_.pk}/rows/left_out/")
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active  # type: ignore[attr-defined]
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    assert rows == [
        ("Cell no.", "First name", "Notes", "Reason"),
        ("12345", "Short", "=1+1", import_.issues.get(row=4).sentence),
        ("+27 82 555 0100", "Thandi again", "c", "Row 2 has the same number."),
    ]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} == {"s"}


def test_it_lists_every_import(client: Client, customers: ContactList) -> None:
    assert "No uploads yet" in client.get("/contacts/imports/").content.decode()
    checked(client, customers)
    page = client.get("/contacts/imports/").content.decode()
    assert "customers.csv" in page
    assert "Checked" in page


def test_a_viewer_reads_and_imports_nothing(
    client: Client, customers: ContactList, viewer: User, logged_in: LogIn, enqueued: ENQUEUES
) -> None:
    import_ = checked(client, customers)
    reading = logged_in(viewer)
    at = f"/contacts/imports/{import_.pk}/"
    for path in ("/contacts/imports/", at, f"{at}progress/"):
        assert reading.get(path).status_code in (200, 286), path
    assert reading.get(f"{at}rows/left_out/").status_code == 403
    assert "rows/left_out" not in page_of(reading, import_)
    assert "Import 3 rows" not in page_of(reading, import_)
    for path in ("/contacts/upload/", f"{at}columns/"):
        assert reading.get(path).status_code == 403, path
    operations = ("apply", "cancel", "check-again", "correct", "corrected-file", "undo")
    for path in ("/contacts/upload/", *(f"{at}{operation}/" for operation in operations)):
        assert reading.post(path).status_code == 403, path
    assert ("apply_import", import_.pk) not in enqueued
    unmapped = uploaded(client, customers)
    assert "have not been confirmed yet" in page_of(reading, unmapped)


def test_operations_are_post_only(client: Client, customers: ContactList) -> None:
    import_ = checked(client, customers)
    for verb in ("apply", "cancel", "check-again", "correct", "corrected-file", "undo"):
        assert client.get(f"/contacts/imports/{import_.pk}/{verb}/").status_code == 405
