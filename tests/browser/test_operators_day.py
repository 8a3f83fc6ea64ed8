"""The day of an operator and an approver: one campaign with everything, and the follow-up of whoever got no text."""

import csv
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from playwright.sync_api import Browser, Page, expect

from tests import debian
from tests.browser.test_main_job import log_in_to
from tests.supervised import Baton

pytestmark = [pytest.mark.slow, debian.needs("chromium")]

#: Milliseconds until workers have done something on a busy machine.
SOON = 60_000
PHONE = "083 555 0299"
#: The sandbox has no network for numbers that end with 99901.
WRONG, CORRECTED = "083 559 9901", "083 555 0204"
PEOPLE = [
    ("083 555 0200", "Zoë", "Durban"),
    ("083 555 0201", "Danië", "Durban"),
    ("083 555 0202", "Thandi", "Durban"),
    (WRONG, "Renée", "Durban"),
    ("083 555 0205", "Pieter", "Paarl"),
    ("083 555 0206", "Noëlle", "Durban"),
]
TEXT = "Hi @@value1@@, €5 off today. Reply STOP to opt out."
CHANGED = "Hi @@value1@@, €5 off until Sunday. Reply STOP to opt out."


def msisdn(number: str) -> str:
    return "27" + number.replace(" ", "")[1:]


#: ë is replaced, because SMSPortal lacks it; é is not.
TEXTS = {
    msisdn(number): CHANGED.replace("@@value1@@", name.replace("ë", "e"))
    for number, name, town in PEOPLE
    if town == "Durban"
}


@pytest.fixture
def spreadsheet(tmp_path: Path) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("Cell no.", "First name", "Town"), *PEOPLE):
        sheet.append(row)
    path = tmp_path / "branches.xlsx"
    book.save(path)
    return path


def press(page: Page, button: str | re.Pattern[str]) -> None:
    page.get_by_role("button", name=button).last.click()


def follow(page: Page, link: str) -> None:
    page.get_by_role("link", name=link).first.click()


def tile(page: Page, outcome: str, number: int) -> None:
    """Wait until the campaign's page shows this many people with the outcome."""
    shown = page.locator(".tile", has=page.locator(f"#tile-{outcome}")).locator(".tile-number")
    expect(shown).to_have_text(str(number), timeout=SOON)


def import_people(operator: Page, spreadsheet: Path) -> None:
    operator.goto("/contacts/upload/")
    operator.get_by_label("Name of the new list").fill("Branches")
    operator.set_input_files("input[type=file]", spreadsheet)
    press(operator, "Upload")
    press(operator, "Check rows")
    operator.get_by_role("button", name="Import 6 rows").click(timeout=SOON)
    operator.get_by_role("link", name="View Branches").click(timeout=SOON)
    operator.get_by_text("Filter", exact=True).click()
    operator.get_by_label("Town", exact=True).fill("Durban")
    press(operator, "Show contacts that match")
    expect(operator.get_by_text("5 contacts")).to_be_visible()
    follow(operator, "Save as segment")
    operator.get_by_label("Name").fill("Durban branch")
    press(operator, "Save segment")


def write_campaign(operator: Page) -> None:
    """A segment, special letters, hours that are open now, and two people first."""
    operator.goto("/campaigns/new/")
    operator.get_by_label("Name").first.fill("Branch promo")
    branch = operator.locator("#id_lists_1 option", has_text="Durban branch").get_attribute("value")
    operator.locator("#id_lists_1").select_option(branch)
    expect(operator.locator("#equation")).to_contain_text("5 recipients")
    press(operator, "Continue")
    operator.locator("#id_account").select_option(label="SMSPortal sandbox")
    operator.locator("#id_text").fill(TEXT)
    operator.get_by_label("Replace them with similar letters").check()
    press(operator, "Continue")
    operator.get_by_label("Own hours").check()
    for field in operator.locator(".own-hours input[type=time]").all():
        field.fill("00:00")
    operator.get_by_label("Public holidays").select_option("")
    operator.get_by_text("How fast, and to whom first").click()
    operator.get_by_label("Only this many recipients first").fill("2")
    press(operator, "Continue to the check")


def test_on_the_shop_phone(operator: Page, administrator: Page) -> None:
    administrator.goto("/test-numbers/")
    administrator.get_by_label("Name").fill("Shop phone")
    administrator.get_by_label(re.compile("Number|Phone")).last.fill(PHONE)
    press(administrator, "Add test number")
    expect(administrator.get_by_text("Shop phone").first).to_be_visible()
    follow(operator, "Test")
    press(operator, "Test now")
    expect(operator.locator("#tests").get_by_text("Accepted")).to_be_visible(timeout=SOON)
    expect(operator.locator("#tests .bubble")).to_have_text("Hi Zoe, €5 off today. Reply STOP to opt out.")


# A step of the day, not a test of its own.
test_on_the_shop_phone.__test__ = False  # type: ignore[attr-defined]


def submit(operator: Page, people: str) -> str:
    """Submit the draft whose check is shown; returns the address of the campaign."""
    press(operator, f"Submit for approval ({people})")
    expect(operator.get_by_text("You cannot approve this.")).to_be_visible(timeout=SOON)
    return operator.url


def approve(approver: Page, baton: Baton, address: str, people: str) -> None:
    approver.goto(address)
    press(approver, f"Approve and hand over {people}")
    if approver.get_by_label("Your password").count():
        approver.get_by_label("Your password").fill(baton.password("approver"))
        press(approver, "Confirm")
    expect(approver.locator("#progress")).to_be_visible()


def send_back_and_change(operator: Page, approver: Page, address: str) -> None:
    """The approver sees the test and sends the campaign back; the operator changes the text and submits it again."""
    approver.goto(address)
    expect(approver.locator("#tests")).to_contain_text("Test to Shop phone")
    expect(approver.locator("#tests")).to_contain_text("Accepted")
    approver.get_by_label("Send back with a reason").fill("It runs until Sunday.")
    press(approver, "Send back")
    operator.goto("/")
    expect(operator.get_by_text("Sent back by approver: It runs until Sunday.")).to_be_visible()
    operator.get_by_role("link", name="Edit Branch promo").click()
    operator.get_by_role("link", name="Message").first.click()
    operator.locator("#id_text").fill(CHANGED)
    press(operator, "Continue")
    press(operator, "Continue to the check")
    submit(operator, "5 recipients")


def pause_and_resume(operator: Page, address: str) -> None:
    """Two people are texted first. A pause says for how many it is too late; nobody is lost by it."""
    operator.goto(address)
    tile(operator, "accepted", 2)
    press(operator, "Pause")
    for words, count in (("Handed over for good", "2"), ("Not handed over yet", "3")):
        shown = operator.locator(".tile", has_text=words).locator(".tile-number")
        expect(shown).to_have_text(count)
    press(operator, "Resume")
    press(operator, "Continue with the remaining 3")
    tile(operator, "row_error", 1)
    tile(operator, "accepted", 4)
    expect(operator.get_by_text("Finished: 1 of 5 failed")).to_be_visible(timeout=SOON)


def repair(operator: Page, approver: Page, baton: Baton) -> None:
    """The wrong number gets its text through a follow-up campaign with the right number."""
    follow(operator, "Correct this number")
    expect(operator.get_by_text("This cannot text anybody twice.")).to_be_visible()
    press(operator, "Create the draft")
    expect(operator.get_by_text("SMSPortal found no network for this number.")).to_be_visible()
    operator.get_by_role("link", name="Correct").first.click()
    operator.get_by_label("Number", exact=True).fill(CORRECTED)
    press(operator, "Save")
    follow(operator, "Continue")
    expect(operator.get_by_role("textbox", name="Text")).to_contain_text("Hi First name, €5")
    press(operator, "Continue")
    press(operator, "Continue to the check")
    address = submit(operator, "1 recipient")
    approve(approver, baton, address, "1 message")
    operator.goto(address)
    tile(operator, "accepted", 1)


def exported(operator: Page, address: str) -> list[dict[str, str]]:
    operator.goto(f"{address}?tab=recipients")
    with operator.expect_download() as download:
        operator.get_by_role("link", name="csv").click()
    return list(csv.DictReader(download.value.path().read_text(encoding="utf-8-sig").splitlines()))


@pytest.mark.timeout(300)
def test_a_day_of_an_operator_and_an_approver(
    baton: Baton, browser: Browser, browser_context_args: dict[str, Any], spreadsheet: Path
) -> None:
    baton.start(mode="demo").until_ready()
    ledger = baton.data / "sandbox" / "ledger.jsonl"
    texted_before = len(ledger.read_text().splitlines())
    operator, approver, administrator = (
        log_in_to(baton, browser, role, browser_context_args) for role in ("operator", "approver", "administrator")
    )
    errors: list[str] = []
    for page in (operator, approver):
        page.on("pageerror", lambda error: errors.append(str(error)))
    import_people(operator, spreadsheet)
    write_campaign(operator)
    test_on_the_shop_phone(operator, administrator)
    address = submit(operator, "5 recipients")
    send_back_and_change(operator, approver, address)
    approve(approver, baton, address, "5 messages")
    pause_and_resume(operator, address)
    repair(operator, approver, baton)

    # Each number got one text, with ë replaced; the wrong number got none, and the right one its own.
    taken = [json.loads(line) for line in ledger.read_text().splitlines()[texted_before:]]
    texts = {line["msisdn"]: line["text"] for line in taken if line["msisdn"] != msisdn(PHONE)}
    assert set(Counter(line["msisdn"] for line in taken).values()) == {1}
    assert texts == {(msisdn(CORRECTED) if number == msisdn(WRONG) else number): text for number, text in TEXTS.items()}

    rows = exported(operator, address)
    assert {row["Number"]: row["Full text"] for row in rows} == TEXTS
    assert {row["Number"]: row["Outcome"] for row in rows if row["Outcome"] != "Accepted"} == {
        msisdn(WRONG): "Failed number"
    }
    operator.goto(address)
    operator.locator(".page-actions, .action-bar").get_by_role("button").last.click()
    follow(operator, "Report to print")
    expect(operator.get_by_text("All accounted for")).to_be_visible()
    expect(operator.get_by_role("main")).to_contain_text("Branch promo (again)")
    for name, counts in (("Branch promo", (4, 1)), ("Branch promo (again)", (1, 0))):
        books = json.loads(baton.manage("balance", name, "--json"))["campaigns"][0]
        assert (books["status"], books["balanced"]) == ("closed", True)
        assert (books["outcomes"]["accepted"], books["outcomes"]["row_error"]) == counts
    assert errors == []
