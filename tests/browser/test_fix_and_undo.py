"""A newcomer fixes two bad cells in place, imports and undoes the import, with the keyboard only, in a real browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from openpyxl import Workbook
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from contacts import queues
from contacts.models import Contact, ContactList, Import
from tests import debian
from tests.browser.pages import WIDE, faults_of, tab_to
from tests.conftest import PASSWORD, MakeUser

pytestmark = [pytest.mark.slow, debian.needs("chromium")]

#: Milliseconds for a page on a busy machine.
SOON = 20_000


@pytest.fixture(autouse=True)
def jobs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that a view enqueues runs at once instead of in a worker."""

    def run(job: Callable[[int], None], pk: int) -> bool:
        job(pk)
        return True

    monkeypatch.setattr(queues, "enqueue_once", run)


@pytest.fixture
def spreadsheet(tmp_path: Path) -> Path:
    """Five people: two have bad numbers, and one of those a fixed line."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Cell no.", "First name", "Town"],
        ["082 555 0100", "Thandi", "Durban"],
        ["12345", "Sipho", "Paarl"],
        ["082 555 0102", "Zanele", "Durban"],
        ["2.78E+10", "Pieter", "George"],
        ["021 555 0104", "Office", "Cape Town"],
    ):
        sheet.append(row)
    path = tmp_path / "people.xlsx"
    book.save(path)
    return path


def press(page: Page, role: Any, name: str) -> None:
    """Reach a control with Tab and press it with Enter."""
    target = page.get_by_role(role, name=name, exact=True).last
    expect(target).to_be_visible(timeout=SOON)
    tab_to(page, target)
    page.keyboard.press("Enter")


@pytest.mark.timeout(300)
def test_two_cells_are_fixed_in_place_and_the_import_is_undone(
    live_server: LiveServer,
    make_user: MakeUser,
    browser: Browser,
    browser_context_args: dict[str, Any],
    spreadsheet: Path,
) -> None:
    operator: User = make_user("operator")
    page = browser.new_context(
        **browser_context_args, viewport=WIDE, reduced_motion="reduce", base_url=live_server.url
    ).new_page()
    page.goto("/contacts/upload/")
    page.get_by_label("Username or email").fill("operator")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_label("Name of the new list").fill("People")
    page.set_input_files("input[type=file]", spreadsheet)
    press(page, "button", "Upload")
    press(page, "button", "Check rows")
    expect(page.get_by_role("heading", name="3 rows left out")).to_be_visible(timeout=SOON)
    assert list(faults_of(page, "check")) == []

    # The first bad cell: a wrong correction shows its new reason, then a right one takes the row in.
    field = page.get_by_label("Cell no. in row 3")
    for text, words in (("99", "Row 3 is still left out."), ("082 555 0101", "Row 3 was corrected")):
        field.focus()
        page.keyboard.press("Control+A")
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(page.get_by_text(words)).to_be_visible(timeout=SOON)
    # The next bad cell has the focus now.
    expect(page.locator("input[name=text]:focus")).to_have_count(1, timeout=SOON)
    page.get_by_label("Cell no. in row 5").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("082 555 0103")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 row left out")).to_be_visible(timeout=SOON)
    assert list(faults_of(page, "fixed")) == []

    press(page, "button", "Take them in : Fixed lines")
    press(page, "button", "Import 5 rows")
    expect(page.get_by_role("heading", name="Import result")).to_be_visible(timeout=SOON)
    assert sorted(Contact.objects.values_list("msisdn", "value1")) == [
        ("27215550104", "Office"),
        ("27825550100", "Thandi"),
        ("27825550101", "Sipho"),
        ("27825550102", "Zanele"),
        ("27825550103", "Pieter"),
    ]
    assert list(faults_of(page, "imported")) == []

    press(page, "button", "Undo this import")
    expect(page.get_by_text("This removes 5 created contacts.")).to_be_visible(timeout=SOON)
    press(page, "button", "Undo 5 rows")
    expect(page.get_by_role("heading", name="Result of the undo")).to_be_visible(timeout=SOON)
    assert list(faults_of(page, "undone")) == []
    assert not Contact.objects.exists()
    import_ = Import.objects.get()
    assert (import_.undone_by, import_.undo_counts) == (operator, {"reverted": 5, "kept": 0, "in_use": 0})

    press(page, "button", "Delete the empty list")
    page.get_by_role("dialog").get_by_role("button", name="Delete the empty list").press("Enter")
    expect(page.get_by_role("heading", name="Contacts", exact=True)).to_be_visible(timeout=SOON)
    assert not ContactList.objects.exists()
