"""The main job as a user does it: a real browser, Valkey, workers, clock, and the sandbox's SFTP server."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from playwright.sync_api import Browser, Locator, Page, expect

from tests import debian
from tests.browser.pages import NARROW, is_wider_than_the_window, log_in, tab_to
from tests.supervised import Baton

pytestmark = debian.needs("chromium")

PEOPLE = [(f"083 555 01{n:02}", name) for n, name in enumerate(["Thandi", "Sipho", "Zanele", "Pieter", "Naledi"])]


@pytest.fixture
def spreadsheet(tmp_path: Path) -> Path:
    """Five people, one of them twice, and one with a number that Excel damaged."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Cell no.", "First name", "Notes"])
    for phone, name in [*PEOPLE, ("27835550100", "Thandi again"), ("2.78E+10", "Ruined")]:
        sheet.append([phone, name, "a note"])
    path = tmp_path / "november.xlsx"
    book.save(path)
    return path


def log_in_to(baton: Baton, browser: Browser, role: str, context: dict[str, Any]) -> Page:
    return log_in(browser, f"http://127.0.0.1:{baton.port}", role, context, password=baton.password(role))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_main_job_is_done_with_the_keyboard_and_with_the_mouse(
    baton: Baton, browser: Browser, browser_context_args: dict[str, Any], spreadsheet: Path
) -> None:
    """One demo for both, because its start takes longer than either."""
    baton.start(mode="demo").until_ready()
    the_main_job_is_done_with_the_keyboard_in_a_narrow_window(baton, browser, browser_context_args, spreadsheet)
    from_a_spreadsheet_to_accepted(baton, browser, browser_context_args, spreadsheet)


def from_a_spreadsheet_to_accepted(
    baton: Baton, browser: Browser, browser_context_args: dict[str, Any], spreadsheet: Path
) -> None:
    ledger = baton.data / "sandbox" / "ledger.jsonl"
    texted_before = len(ledger.read_text().splitlines())
    operator = log_in_to(baton, browser, "operator", browser_context_args)

    # Upload a file, assign its columns, check the result, import it.
    operator.goto("/contacts/upload/")
    operator.get_by_label("Name of the new list").fill("November")
    operator.set_input_files("input[type=file]", spreadsheet)
    operator.get_by_role("button", name="Upload").click()
    expect(operator.get_by_role("heading", name="november.xlsx")).to_be_visible()
    expect(operator.get_by_label("First name goes to")).to_have_value("value1")
    operator.get_by_role("button", name="Check rows").click()
    expect(operator.get_by_text("Excel rounded this number")).to_be_visible(timeout=20_000)
    operator.get_by_role("button", name="Import 5 rows").click()
    expect(operator.get_by_role("link", name="View November")).to_be_visible(timeout=20_000)
    assert "7 rows read = 5 created + 1 duplicate" in " ".join(operator.locator(".balance").inner_text().split())

    # One of them opts out.
    operator.goto("/contacts/opt-outs/add/")
    operator.get_by_label("Phone number").fill(PEOPLE[4][0])
    operator.get_by_role("button", name=re.compile("opt", re.I)).last.click()

    # Write the campaign in its steps, check it, submit it.
    operator.goto("/campaigns/new/")
    operator.get_by_label("Name").first.fill("November promo")
    operator.locator("#id_lists_1").select_option(label="November")
    operator.get_by_role("button", name="Continue").last.click()
    operator.locator("#id_account").select_option(label="SMSPortal sandbox")
    operator.locator("#id_text").fill("Hi @@value1|friend@@, €5 off until Sunday.")
    operator.get_by_role("button", name="Continue").last.click()
    operator.get_by_role("button", name="Continue to the check").click()
    preview = operator.locator("#preview .bubble")
    shown = {}
    for position in range(4):
        name = PEOPLE[position][1]
        expect(preview).to_have_text(f"Hi {name}, €5 off until Sunday.")
        shown[f"278355501{position:02}"] = preview.inner_text()
        if position < 3:
            operator.get_by_role("link", name="Next recipient").click()
    operator.get_by_role("button", name="Submit for approval (4 recipients)").click()
    expect(operator.get_by_text("You cannot approve this.")).to_be_visible(timeout=20_000)
    address = operator.url

    # Somebody else approves, after entering their password again.
    approver = log_in_to(baton, browser, "approver", browser_context_args)
    approver.goto(address)
    approver.get_by_role("button", name="Approve and hand over 4 messages").click()
    if approver.get_by_label("Your password").count():
        approver.get_by_label("Your password").fill(baton.password("approver"))
        approver.get_by_role("button", name="Confirm").click()

    # Watch the campaign until its file is accepted.
    operator.reload()
    accepted = operator.locator(".tile", has=operator.locator("#tile-accepted"))
    expect(accepted.locator(".tile-number")).to_have_text("4", timeout=60_000)
    expect(operator.get_by_text("All 5 accounted for")).to_be_visible()

    taken = [json.loads(line) for line in ledger.read_text().splitlines()[texted_before:]]
    assert {message["msisdn"]: message["text"] for message in taken} == shown
    assert set(Counter(message["msisdn"] for message in taken).values()) == {1}
    books = json.loads(baton.manage("balance", "November promo", "--json"))["campaigns"][0]
    assert books["status"] == "closed"
    assert books["balanced"]
    assert books["excluded"] == {"opted_out": 1}
    assert books["outcomes"]["accepted"] == len(taken) == 4


class Keyboard:
    """A person with a narrow window and no mouse. Every page on which they press something fits the window."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def press(self, role: Any, name: str | re.Pattern[str]) -> None:
        """Reach a control with Tab, and press it with Enter."""
        self._reach(self.page.get_by_role(role, name=name).last)
        self.page.keyboard.press("Enter")

    def write(self, field: Locator, text: str) -> None:
        """Reach a field with Tab, and type into it; in a choice, the beginning of an option chooses it."""
        self._reach(field)
        self.page.keyboard.type(text)

    def _reach(self, target: Locator) -> None:
        expect(target).to_be_visible(timeout=20_000)
        assert not is_wider_than_the_window(self.page), self.page.url
        tab_to(self.page, target)
        expect(target).to_be_in_viewport()


def the_main_job_is_done_with_the_keyboard_in_a_narrow_window(
    baton: Baton, browser: Browser, browser_context_args: dict[str, Any], spreadsheet: Path
) -> None:
    narrow = browser_context_args | {"viewport": NARROW}
    page = log_in_to(baton, browser, "operator", narrow)
    operator = Keyboard(page)
    operator.press("button", "Menu")
    operator.press("link", "Campaigns")
    operator.press("link", "New campaign")
    operator.write(page.locator("#id_name"), "By keyboard")
    operator.press("button", "Upload a spreadsheet")

    operator.write(page.get_by_label("Name of the new list"), "Keyboard list")
    # The browser's own dialog chooses the file.
    page.set_input_files("input[type=file]", spreadsheet)
    operator.press("button", "Upload")
    operator.press("button", "Check rows")
    operator.press("button", "Import 5 rows")
    operator.press("link", "Continue the campaign with Keyboard list")

    operator.press("button", "Continue")
    operator.write(page.get_by_label("Account"), "SMSPortal")
    operator.write(
        page.get_by_role("textbox", name="Text", exact=True), "Hi @@value1|friend@@, EUR 5 off until Sunday."
    )
    operator.press("button", "Continue")
    operator.press("button", "Continue to the check")
    expect(page.locator("#preview .bubble")).to_have_text("Hi Thandi, EUR 5 off until Sunday.")
    operator.press("button", "Submit for approval (5 recipients)")
    expect(page.get_by_text("You cannot approve this.")).to_be_visible(timeout=20_000)

    approver = Keyboard(log_in_to(baton, browser, "approver", narrow))
    approver.press("link", "By keyboard")
    approver.press("button", "Approve and hand over 5 messages")
    accepted = approver.page.locator(".tile", has=approver.page.locator("#tile-accepted"))
    expect(accepted.locator(".tile-number")).to_have_text("5", timeout=60_000)
