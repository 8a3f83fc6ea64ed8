"""From a spreadsheet to a campaign in a real browser, by somebody who presses only main buttons."""

from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from playwright.sync_api import Browser, ViewportSize, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from contacts import queues
from contacts.models import ContactList, Import
from providers.models import Account
from tests import debian
from tests.browser.pages import NARROW, WIDE, assert_accessible, faults_of, log_in, tab_to
from tests.campaigns.conftest import _settings
from tests.conftest import MakeUser

pytestmark = [pytest.mark.slow, debian.needs("chromium")]

UPLOAD = "/contacts/upload/"


@pytest.fixture
def spreadsheet(tmp_path: Path) -> Path:
    """Five columns below title rows, two of them likely phones; a hidden row, a second sheet and a hidden one."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "May"
    sheet.append(["Client list May 2024"])
    sheet.append([])
    sheet.append(["First name", "Phone", "Mobile", "Town", "Balance"])
    for number, name in enumerate(["Thandi", "Sipho", "Anika", "Pieter", "Naledi", "Hidden"]):
        sheet.append([name, f"011 555 01{number:02}", f"082 555 01{number:02}", "Paarl", 100 + number])
    sheet.row_dimensions[9].hidden = True
    april = book.create_sheet("April")
    april.append(["First name", "Mobile"])
    april.append(["Old", "0825550199"])
    book.create_sheet("Notes").append(["internal"])
    book["Notes"].sheet_state = "hidden"
    path = tmp_path / "may_clients.xlsx"
    book.save(path)
    return path


@pytest.fixture
def site(
    live_server: LiveServer, settings: Settings, tmp_path: Path, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Its address. Jobs are done as soon as they are enqueued."""
    settings.MEDIA_ROOT, settings.JOURNAL_DIR = tmp_path / "media", tmp_path / "journal"
    monkeypatch.setattr(queues, "enqueue_once", lambda job, pk: job(pk))
    make_user("operator")
    account = Account(name="SMSPortal main", provider="smsportal", host_key="ssh-ed25519 AAAA")
    account.save_settings(_settings("127.0.0.1", 9, "nobody", "nothing"))
    return live_server.url


@pytest.mark.timeout(120)
@pytest.mark.parametrize("viewport", [WIDE, NARROW])
def test_main_buttons_lead_from_a_sheet_to_a_campaign_that_greets_by_name(
    site: str,
    browser: Browser,
    browser_context_args: dict[str, Any],
    spreadsheet: Path,
    viewport: ViewportSize,
) -> None:
    page = log_in(browser, site, "operator", browser_context_args | {"viewport": viewport}, UPLOAD)

    def look(name: str) -> None:
        if viewport == NARROW:
            assert_accessible(page, f"{name}-narrow")
        else:
            assert list(faults_of(page, name)) == []

    look("upload")
    page.set_input_files("input[type=file]", spreadsheet)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("heading", name="may_clients.xlsx")).to_be_visible()
    expect(page.get_by_role("radio", name="Row 3")).to_be_checked()
    look("columns")
    page.get_by_role("button", name="Check rows").click()
    page.get_by_role("button", name="Import 5 rows").click()
    look("result")
    page.get_by_role("button", name="Write a campaign to this list").click()
    page.locator("#id_text").fill("Hi ")
    page.get_by_role("button", name="First name", exact=True).click()
    look("message")
    page.get_by_role("button", name="Continue").last.click()
    look("when")
    page.get_by_role("button", name="Continue to the check").click()
    expect(page.locator("#preview .bubble")).to_have_text("Hi Thandi")
    expect(page.locator("#preview")).to_contain_text("+27 82 555 0100")
    look("check")
    assert ContactList.objects.get(name="may clients").labels == {
        "value1": "First name",
        "value2": "Phone",
        "value3": "Town",
        "value4": "Balance",
    }


@pytest.mark.timeout(120)
def test_the_header_is_changed_and_the_rows_are_checked_with_the_keyboard(
    site: str, browser: Browser, browser_context_args: dict[str, Any], spreadsheet: Path
) -> None:
    page = log_in(browser, site, "operator", browser_context_args, UPLOAD)
    page.set_input_files("input[type=file]", spreadsheet)
    tab_to(page, page.get_by_role("button", name="Upload", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="may_clients.xlsx")).to_be_visible()
    tab_to(page, page.get_by_role("radio", name="Leave it out"))
    page.keyboard.press("ArrowDown")
    tab_to(page, page.get_by_role("radio", name="Row 3"))
    page.keyboard.press("ArrowDown")
    tab_to(page, page.get_by_role("button", name="Read the sheet again"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Row 4")).to_be_checked()
    expect(page.get_by_role("radio", name="Take it in")).to_be_checked()
    tab_to(page, page.get_by_role("radio", name="Row 4"))
    page.keyboard.press("ArrowUp")
    # The main button reads the sheet again first, and shows what came of it.
    tab_to(page, page.get_by_role("button", name="Check rows"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Row 3")).to_be_checked()
    tab_to(page, page.get_by_role("button", name="Check rows"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Import 6 rows")).to_be_visible()
    assert Import.objects.get().takes_hidden_rows
