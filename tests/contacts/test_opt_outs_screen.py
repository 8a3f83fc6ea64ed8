"""The pages of opt-outs: the list, three ways to add opt-outs, the export, and opting back in."""

import csv
import io
from collections.abc import Callable
from datetime import date

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from contacts import importing, jobs, suppression
from contacts.models import Consent, Import, Suppression

pytestmark = pytest.mark.postgresql

LogIn = Callable[[User], Client]
NUMBER = "27825550100"
SHOWN = "+27 82 555 0100"


@pytest.fixture
def client(operator: User, logged_in: LogIn) -> Client:
    return logged_in(operator)


@pytest.fixture
def opt_out(db: None) -> Suppression:
    suppression.suppress([NUMBER], "manual", "Phoned us")
    return Suppression.objects.get()


def page_of(client: Client, query: str = "") -> str:
    return client.get(f"/contacts/opt-outs/{query}").content.decode()


def test_it_explains_opt_outs_while_there_are_none(client: Client) -> None:
    assert "Nobody has opted out yet" in page_of(client)


def test_it_lists_opt_outs_with_their_proof(client: Client, opt_out: Suppression) -> None:
    page = page_of(client)
    assert SHOWN in page
    assert "Phoned us" in page
    assert "Entered by hand" in page
    assert "1 number that no campaign texts" in page


@pytest.mark.parametrize(
    ("query", "is_shown"),
    [
        ("?q=082+555+0100", True),
        ("?q=%2B27825550100", True),
        ("?q=082+55", True),
        ("?q=278255", True),
        ("?q=%2B27+82", True),
        ("?q=5550100", False),
        ("?q=0825550199", False),
        ("?q=nobody", False),
        ("?source=manual", True),
        ("?source=provider", False),
        ("?status=lifted", False),
        ("?status=all", True),
    ],
)
def test_it_filters(client: Client, opt_out: Suppression, query: str, is_shown: bool) -> None:
    assert (SHOWN in page_of(client, query)) is is_shown


def test_it_pages(client: Client) -> None:
    suppression.suppress([f"2782555{n:04}" for n in range(120)], "paste")
    for query in ("", "?q=082+555", "?source=paste", "?status=all"):
        seen: list[str] = []
        answer = client.get(f"/contacts/opt-outs/{query}")
        while True:
            numbers = [row.record.msisdn for row in answer.context["table"].rows]
            seen += numbers
            if not answer.context["pages"].next:
                break
            following = client.get(f"/contacts/opt-outs/{answer.context['pages'].next}")
            back = client.get(f"/contacts/opt-outs/{following.context['pages'].previous}")
            assert [row.record.msisdn for row in back.context["table"].rows] == numbers
            answer = following
        assert sorted(seen) == [f"2782555{n:04}" for n in range(120)], query


def test_it_adds_one(client: Client, operator: User) -> None:
    data = {"phone": "082 555 0100", "country": "ZA", "note": "By phone", "opted_out_on": "2026-03-01"}
    answer = client.post("/contacts/opt-outs/add/", data, follow=True)
    assert f"{SHOWN} is opted out." in answer.content.decode()
    found = Suppression.objects.get()
    assert (found.msisdn, found.source, found.note, found.created_by) == (NUMBER, "manual", "By phone", operator)
    assert found.opted_out_on == date(2026, 3, 1)
    answer = client.post("/contacts/opt-outs/add/", data, follow=True)
    assert "was already opted out" in answer.content.decode()
    assert Suppression.objects.count() == 1


@pytest.mark.parametrize(("phone", "words"), [("", "Enter the phone number."), ("12345", "too short")])
def test_it_refuses_an_invalid_number_at_its_field(client: Client, phone: str, words: str) -> None:
    answer = client.post("/contacts/opt-outs/add/", {"phone": phone, "country": "ZA"})
    assert answer.status_code == 422
    assert words in answer.context["form"].errors["phone"][0]
    assert not Suppression.objects.exists()


def test_it_adds_pasted_numbers_and_shows_invalid_lines(client: Client, opt_out: Suppression) -> None:
    text = "082 555 0100\n082 555 0101, 082 555 0102\nhello\n"
    answer = client.post("/contacts/opt-outs/paste/", {"text": text, "country": "ZA", "note": "October list"})
    result = answer.context["result"]
    assert (result.read, result.added, result.already, result.invalid) == (4, 2, 1, 1)
    assert [(issue.line, issue.value) for issue in result.issues] == [(3, "hello")]
    assert "hello" in answer.content.decode()
    assert "October list" in Suppression.objects.get(msisdn="27825550102").note


def test_it_refuses_an_empty_paste(client: Client) -> None:
    answer = client.post("/contacts/opt-outs/paste/", {"text": " ", "country": "ZA"})
    assert answer.context["form"].errors == {"text": ["Paste the numbers."]}


def upload(client: Client, text: str | bytes, name: str = "stop.csv", country: str = "ZA") -> Import:
    """The import of an uploaded sheet, whose columns are still to be confirmed."""
    content = text if isinstance(text, bytes) else text.encode()
    answer = client.post("/contacts/opt-outs/upload/", {"file": SimpleUploadedFile(name, content), "country": country})
    import_ = Import.objects.latest("pk")
    assert answer.headers["Location"] == f"/contacts/imports/{import_.pk}/"
    return import_


def press_main_buttons(client: Client, import_: Import) -> str:
    """Confirm the columns as guessed, and opt out; the page of the result."""
    page = f"/contacts/imports/{import_.pk}/"
    form = client.get(page, follow=True).context["form"]
    client.post(f"{page}columns/", {name: form[name].value() or "" for name in form.fields})
    jobs.check_import(import_.pk)
    assert "If you opt these numbers out now" in client.get(page).content.decode()
    client.post(f"{page}apply/")
    jobs.apply_import(import_.pk)
    return client.get(page).content.decode()


@pytest.mark.usefixtures("valkey")
@pytest.mark.parametrize(
    "text",
    [
        "Name,Cell no.\nThandi,082 555 0100\nSipho,082 555 0101\n",
        "082 555 0100\n082 555 0101\n",
    ],
)
def test_it_adds_the_numbers_of_a_sheet(client: Client, text: str) -> None:
    import_ = upload(client, text)
    assert not Suppression.objects.exists()
    page = press_main_buttons(client, import_)
    assert "Opted out." in page
    assert "newly opted out" in page
    assert set(Suppression.objects.values_list("msisdn", "source")) == {(NUMBER, "file"), ("27825550101", "file")}
    assert "stop.csv" in Suppression.objects.get(msisdn=NUMBER).note


@pytest.mark.usefixtures("valkey")
def test_a_sheet_of_opt_outs_goes_the_way_of_imports(client: Client) -> None:
    import_ = upload(client, "Name,Phone,Mobile\nAnn,0115550100,0825550100\nBen,,12345\n,,\nCid,0825550101,\n")
    columns = client.get(f"/contacts/imports/{import_.pk}/columns/").content.decode()
    assert columns.count('<option value="phone" selected>') == 2
    assert "Label in texts" not in columns
    page = press_main_buttons(client, import_)
    for words in ("Opt-outs</a>", "View opt-outs", "too short", "Ben"):
        assert words in page
    for words in ("Undo this import", "Write a campaign", "contacts imported", "Into the list"):
        assert words not in page.partition('id="main"')[2]
    assert "Opt-outs" in client.get("/contacts/imports/").content.decode().partition("<tbody")[2]
    assert set(Suppression.objects.values_list("msisdn", flat=True)) == {"27115550100", NUMBER, "27825550101"}


@pytest.mark.usefixtures("valkey")
def test_a_cancelled_sheet_opts_out_nobody(client: Client) -> None:
    import_ = upload(client, "Cell\n0825550100\n")
    answer = client.post(f"/contacts/imports/{import_.pk}/cancel/", follow=True)
    assert "Nobody was opted out." in answer.content.decode()
    assert not Suppression.objects.exists()


@pytest.mark.usefixtures("valkey")
def test_the_other_sheets_are_named_and_can_be_read_too(client: Client) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["Cell"])
    book.worksheets[0].append(["0825550100"])
    june = book.create_sheet("June")
    june.append(["Removals"])
    june.append(["Mobile"])
    june.append(["0825550101"])
    content = io.BytesIO()
    book.save(content)
    first = upload(client, content.getvalue(), "stop.xlsx")
    assert "Opt out the numbers of “June” as well" in press_main_buttons(client, first)
    assert client.post(f"/contacts/imports/{first.pk}/sheet/", {"sheet": "July"}).status_code == 404
    client.post(f"/contacts/imports/{first.pk}/sheet/", {"sheet": "June"})
    second = Import.objects.latest("pk")
    assert (second.sheet, second.header_row, second.mapping) == ("June", 2, {})
    press_main_buttons(client, second)
    assert Suppression.objects.get(msisdn="27825550101").note == "stop.xlsx, sheet June, row 3"


@pytest.mark.usefixtures("valkey")
def test_who_may_not_opt_out_applies_no_sheet(client: Client, operator: User) -> None:
    import_ = upload(client, "Cell\n0825550100\n")
    importing.confirm(import_, {0: "phone"})
    importing.check_rows(import_.pk)
    role = operator.groups.get()
    role.permissions.remove(*role.permissions.filter(codename="add_suppression"))
    assert client.post(f"/contacts/imports/{import_.pk}/apply/").status_code == 403
    assert client.get("/contacts/opt-outs/upload/").status_code == 403


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("stop.csv", "", "empty"),
        ("stop.png", "x", "Baton reads .xlsx, .xls, .ods, .csv and .tsv files"),
    ],
)
def test_it_refuses_a_sheet_at_its_field(client: Client, name: str, text: str, words: str) -> None:
    file = SimpleUploadedFile(name, text.encode())
    answer = client.post("/contacts/opt-outs/upload/", {"file": file, "country": "ZA"})
    assert answer.status_code == 422
    assert words in answer.context["form"].errors["file"][0]
    assert not Suppression.objects.exists()


def test_it_exports_what_is_shown(client: Client, opt_out: Suppression) -> None:
    suppression.suppress(["27825550101"], "provider", "=1+1")
    answer = client.get("/contacts/opt-outs/export/?format=csv&source=provider")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.reader(io.StringIO(text)))
    assert [row[:3] for row in rows] == [
        ["Number", "Source", "Proof"],
        ["27825550101", "Reported by the provider", "'=1+1"],
    ]
    answer = client.get("/contacts/opt-outs/export/?format=xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active  # type: ignore[attr-defined]
    assert sheet is not None
    assert [row[0] for row in sheet.iter_rows(values_only=True)] == ["Number", "27825550101", NUMBER]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value} == {"s"}


def test_a_filter_that_does_not_exist_exports_no_opt_outs(client: Client, opt_out: Suppression) -> None:
    answer = client.get("/contacts/opt-outs/export/?format=csv&source=nonsense")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/contacts/opt-outs/?format=csv&source=nonsense")


def test_opting_back_in_needs_the_proof(client: Client, opt_out: Suppression) -> None:
    answer = client.post(f"/contacts/opt-outs/{opt_out.pk}/opt-back-in/", {"note": "  "})
    assert answer.status_code == 422
    assert "Without proof the opt-out stays." in answer.content.decode()
    assert suppression.is_suppressed(NUMBER)


def test_it_opts_back_in_and_keeps_the_history(client: Client, opt_out: Suppression, operator: User) -> None:
    path = f"/contacts/opt-outs/{opt_out.pk}/opt-back-in/"
    answer = client.post(path, {"note": "Wrote to us on 3 October"}, follow=True)
    assert f"{SHOWN} can be texted again." in answer.content.decode()
    assert not suppression.is_suppressed(NUMBER)
    consent = Consent.objects.get()
    assert (consent.msisdn, consent.note, consent.created_by) == (NUMBER, "Wrote to us on 3 October", operator)
    assert SHOWN not in page_of(client)
    assert "Opted back in" in page_of(client, "?status=all")
    assert client.post(path, {"note": "Again"})["Location"] == "/contacts/opt-outs/"
    assert Consent.objects.count() == 1


def test_opening_the_form_to_opt_back_in_changes_nothing(client: Client, opt_out: Suppression) -> None:
    assert client.get(f"/contacts/opt-outs/{opt_out.pk}/opt-back-in/").status_code == 200
    assert suppression.is_suppressed(NUMBER)


def test_a_viewer_reads_and_changes_nothing(viewer: User, logged_in: LogIn, opt_out: Suppression) -> None:
    reading = logged_in(viewer)
    page = page_of(reading)
    assert SHOWN in page
    assert "Opt back in" not in page
    assert "Add opt-out" not in page
    assert "Export" not in page
    assert reading.get("/contacts/opt-outs/export/").status_code == 403
    for path in ("add/", "paste/", "upload/", f"{opt_out.pk}/opt-back-in/"):
        assert reading.get(f"/contacts/opt-outs/{path}").status_code == 403, path
        assert reading.post(f"/contacts/opt-outs/{path}", {"note": "x"}).status_code == 403, path
    assert suppression.is_suppressed(NUMBER)


@pytest.mark.usefixtures("valkey")
def test_a_sheet_in_another_encoding_is_asked_about(client: Client) -> None:
    import_ = upload(client, b"phone,name\n0825550100,Ren\xe9\n")
    page = f"/contacts/imports/{import_.pk}/columns/"
    assert "encoding" in client.get(page).content.decode()
    client.post(page, {"encoding": "cp1252"})
    press_main_buttons(client, import_)
    assert suppression.is_suppressed(NUMBER)
