"""The steps of a draft in a real browser: few clicks, short pages, Back and Continue always in view."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign, CampaignList
from contacts import queues
from contacts.models import ContactList
from providers.models import Account
from tests import debian
from tests.browser.pages import NARROW, assert_accessible, faults_of, log_in
from tests.campaigns.conftest import _settings, make_list
from tests.conftest import MakeUser

pytestmark = [pytest.mark.slow, debian.needs("chromium")]

__all__ = ["make_list"]

#: The most clicks beyond typing from a spreadsheet to "submitted for approval".
CLICKS = 12
#: Not as high as in the other tests: Back and Continue must be in view.
WIDE: ViewportSize = {"width": 1280, "height": 800}


@pytest.fixture
def spreadsheet(tmp_path: Path) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["First name", "Cell no.", "Town", "Balance", "Notes"])
    for number, name in enumerate(["Thandi", "Sipho", "Anika"]):
        sheet.append([name, f"082 555 01{number:02}", "Paarl", f"R {number}.50", "a note"])
    path = tmp_path / "november.xlsx"
    book.save(path)
    return path


@pytest.fixture
def site(
    live_server: LiveServer, settings: Settings, tmp_path: Path, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Its address. Jobs are done as soon as they are enqueued. There are two accounts, so that one must be chosen."""
    settings.MEDIA_ROOT, settings.JOURNAL_DIR = tmp_path / "media", tmp_path / "journal"
    settings.LOCK_DIR = tmp_path / "locks"
    monkeypatch.setattr(queues, "enqueue_once", lambda job, pk: job(pk))
    make_user("operator")
    for name in ("SMSPortal main", "SMSPortal second"):
        account = Account(name=name, provider="smsportal", host_key="ssh-ed25519 AAAA")
        account.save_settings(_settings("127.0.0.1", 9, "nobody", "nothing"))
    return live_server.url


class Clicks:
    """Clicks as a person does and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, target: Locator) -> None:
        target.click()
        self.count += 1

    def choose(self, target: Locator, label: str) -> None:
        target.select_option(label=label)
        self.count += 1

    def upload(self, page: Page, spreadsheet: Path) -> None:
        """Choosing a file counts as one click, whatever the dialog of the system needs."""
        page.set_input_files("input[type=file]", spreadsheet)
        self.count += 1
        self(page.get_by_role("button", name="Upload", exact=True))
        self(page.get_by_role("button", name="Check rows"))
        self(page.get_by_role("button", name="Import 3 rows"))

    def write(self, page: Page) -> None:
        self.choose(page.locator("#id_account"), "SMSPortal main")
        page.locator("#id_text").fill("20 % off until Sunday. Reply STOP to opt out. Hi ")
        self(page.get_by_role("button", name="First name", exact=True))


def submitted(page: Page) -> Campaign:
    page.wait_for_url("**/campaigns/*/")
    campaign = Campaign.objects.get()
    assert campaign.status == "frozen"
    assert campaign.counts["included"] == 3
    return campaign


@pytest.mark.timeout(120)
def test_a_new_campaign_is_submitted_in_few_clicks_with_a_spreadsheet_uploaded_on_the_spot(
    site: str, browser: Browser, browser_context_args: dict[str, Any], spreadsheet: Path
) -> None:
    page, click = log_in(browser, site, "operator", browser_context_args | {"viewport": WIDE}), Clicks()
    click(page.get_by_role("link", name="New campaign").first)
    click(page.get_by_role("button", name="Upload a spreadsheet"))
    click.upload(page, spreadsheet)
    click(page.get_by_role("link", name="Continue the campaign with november"))
    expect(page.locator("#id_lists_1 option:checked")).to_have_text("november")
    click(page.get_by_role("button", name="Continue").last)
    click.write(page)
    # Nothing is to be said about the time, so the step "When" is passed over.
    click(page.get_by_role("button", name="Check To do"))
    click(page.get_by_role("button", name="Submit for approval (3 recipients)"))
    submitted(page)
    assert click.count <= CLICKS


@pytest.mark.timeout(120)
def test_a_spreadsheet_becomes_a_submitted_campaign_in_few_clicks(
    site: str, browser: Browser, browser_context_args: dict[str, Any], spreadsheet: Path
) -> None:
    page, click = log_in(browser, site, "operator", browser_context_args | {"viewport": WIDE}), Clicks()
    click(page.get_by_role("link", name="Contacts").first)
    click(page.get_by_role("link", name="Upload").first)
    click.upload(page, spreadsheet)
    click(page.get_by_role("button", name="Write a campaign to this list"))
    click.write(page)
    click(page.get_by_role("button", name="Continue").last)
    click(page.get_by_role("button", name="Continue to the check"))
    click(page.get_by_role("button", name="Submit for approval (3 recipients)"))
    submitted(page)
    assert click.count <= CLICKS


def is_in_view(page: Page, target: Locator) -> bool:
    box, size = target.bounding_box(), page.viewport_size
    assert box is not None
    assert size is not None
    return box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("viewport", [WIDE, NARROW])
def test_each_step_is_accessible_and_keeps_its_buttons_in_view(
    site: str,
    browser: Browser,
    browser_context_args: dict[str, Any],
    make_list: Callable[..., ContactList],
    viewport: ViewportSize,
) -> None:
    make_list()
    page = log_in(browser, site, "operator", browser_context_args | {"viewport": viewport})

    def look(name: str, button: str) -> None:
        assert is_in_view(page, page.get_by_role("button", name=button).last), name
        if viewport == NARROW:
            assert_accessible(page, name)
        else:
            assert list(faults_of(page, name)) == []

    page.goto("/campaigns/new/")
    look("new", "Continue")
    page.locator("#id_lists_1").select_option(label="Customers")
    expect(page.locator("#equation")).to_contain_text("5 recipients")
    expect(page.locator("#step-missing")).not_to_contain_text("Choose who gets the text.")
    # The keyboard alone: Enter in a field continues.
    page.locator("#id_name").press("Enter")
    expect(page.locator("#step-missing")).to_contain_text("Choose an account. Write the text of the message.")
    look("message", "Continue")
    page.locator("#id_account").select_option(label="SMSPortal main")
    page.locator("#id_text").fill("Hi @@first@@. Reply STOP to opt out.")
    expect(page.locator("#step-missing")).to_contain_text("is not a field")
    page.get_by_role("button", name="When Done").click()
    expect(page.get_by_text("Fix the fields marked below.")).to_be_visible()
    expect(page.locator("#id_account")).to_have_value(str(Account.objects.get(name="SMSPortal main").pk))
    expect(page.locator("#id_text")).to_have_value("Hi @@first@@. Reply STOP to opt out.")
    look("message with an error", "Continue")
    page.locator("#id_text").fill("Hi @@value1@@. Reply STOP to opt out.")
    page.get_by_text("Advanced: sender and provider options").click()
    page.get_by_label("Sender").fill("ACME")
    look("message with its options", "Continue")
    page.get_by_role("button", name="When Done").click()
    look("when", "Continue to the check")
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_label("Sender")).to_have_value("ACME")
    page.get_by_role("button", name="Check To do").click()
    look("check", "Submit for approval (5 recipients)")


@pytest.mark.timeout(120)
def test_fields_are_chips_with_their_labels_and_are_stored_as_fields(
    site: str,
    browser: Browser,
    browser_context_args: dict[str, Any],
    make_list: Callable[..., ContactList],
) -> None:
    campaign = Campaign.objects.create(name="Promo")
    CampaignList.objects.create(campaign=campaign, contact_list=make_list(), position=1)
    page = log_in(browser, site, "operator", browser_context_args | {"viewport": WIDE})
    page.goto(f"/campaigns/{campaign.pk}/edit/message/")
    editor, text = page.get_by_role("textbox", name="Text"), page.locator("#id_text")
    # Each line: what is done, and the text that the form would save.
    page.locator("label[for=id_text]").click()
    for act, stored in (
        (lambda: page.keyboard.type("Hi "), "Hi "),
        (lambda: page.get_by_role("button", name="First name").click(), "Hi @@value1@@"),
        (lambda: page.keyboard.type("!"), "Hi @@value1@@!"),
        (lambda: page.keyboard.press("Enter"), "Hi @@value1@@!\n"),
        (lambda: page.keyboard.type("@@value1|there@@ "), "Hi @@value1@@!\n@@value1|there@@ "),
        (lambda: page.keyboard.press("Backspace"), "Hi @@value1@@!\n@@value1|there@@"),
        (lambda: page.keyboard.press("Backspace"), "Hi @@value1@@!\n"),
        (lambda: page.keyboard.press("Control+z"), "Hi @@value1@@!\n@@value1|there@@"),
        (lambda: page.keyboard.press("Control+y"), "Hi @@value1@@!\n"),
        (lambda: page.keyboard.press("Control+Home"), "Hi @@value1@@!\n"),
        (lambda: page.keyboard.press("Delete"), "i @@value1@@!\n"),
        (lambda: page.keyboard.press("Delete"), " @@value1@@!\n"),
        (lambda: page.keyboard.press("Delete"), "@@value1@@!\n"),
        (lambda: page.keyboard.press("Delete"), "!\n"),
        (lambda: page.keyboard.press("Control+a"), "!\n"),
        (lambda: page.keyboard.press("Delete"), ""),
        # Other scripts of the page and password managers write into the textarea.
        (lambda: text.fill("Hi @@value1|friend@@"), "Hi @@value1|friend@@"),
    ):
        act()
        expect(text).to_have_value(stored)
    expect(editor).to_have_text("Hi First name, or “friend”")
    page.get_by_role("button", name="Continue").last.click()
    page.wait_for_url("**/edit/when/")
    campaign.refresh_from_db()
    assert campaign.text == "Hi @@value1|friend@@"
