"""Notices, exports and the report in a real browser: wide, narrow, dark and on paper."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns import exporting
from campaigns.lifecycle import transition
from campaigns.models import Campaign, Export, Notice
from providers.models import Account
from tests import debian
from tests.campaigns.conftest import account, make_campaign, make_list, make_running, own_files
from tests.conftest import PASSWORD

__all__ = ["account", "make_campaign", "make_list", "make_running", "own_files"]
pytestmark = [pytest.mark.slow, debian.needs("chromium")]

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 375, "height": 800}


@pytest.fixture
def campaign(account: Account, make_running: Any, settings: Settings) -> Campaign:
    cache.clear()
    made: Campaign = make_running(account)
    now = timezone.now()
    for step in ("uploading", "committing", "handed_over", "accepted"):
        transition(made.batches.get(), step, handed_over_at=now, settled_at=now)
    transition(made, "closed", closed_at=now)
    for number, kind in enumerate(("finished", "approved", "batch_rejected")):
        Notice.objects.create(
            user=User.objects.get(username="operator"),
            kind=kind,
            cause=str(number),
            sentence="1 file of October promo was rejected: 10,000 recipients.",
            path=made.get_absolute_url(),
            created_at=now,
            mail_after=now,
            mailed_at=now,
        )
    return made


def log_in(browser: Browser, server: LiveServer, context: dict[str, Any]) -> Page:
    page = browser.new_context(**context, base_url=server.url).new_page()
    page.goto("/login/")
    page.get_by_label("Username or email").fill("operator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    return page


def look(page: Page, path: str, name: str) -> None:
    """Axe finds nothing and nothing is wider than the window; with SHOTS a screenshot is saved."""
    page.goto(path)
    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/{name}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), name


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("light", {"viewport": WIDE, "color_scheme": "light"}),
        ("dark", {"viewport": WIDE, "color_scheme": "dark"}),
        ("narrow", {"viewport": NARROW, "color_scheme": "light"}),
    ],
)
def test_every_page_is_accessible_and_fits(
    campaign: Campaign, live_server: LiveServer, browser: Browser, name: str, context: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setattr(exporting, "AT_ONCE", 3)
    page = log_in(browser, live_server, context)
    look(page, "/notices/", f"notices-{name}")
    look(page, "/notices/choice/", f"notice-choice-{name}")
    look(page, f"/campaigns/{campaign.pk}/report/", f"report-{name}")
    look(page, f"/campaigns/{campaign.pk}/export/?format=csv", f"export-begin-{name}")

    # No worker runs here: the page shows the progress until the test does the worker's work.
    page.get_by_role("button", name="Make the csv file").click()
    expect(page.get_by_text("0 of 5 recipients")).to_be_visible()
    made = Export.objects.latest("pk")
    look(page, f"/exports/{made.pk}/", f"export-running-{name}")
    exporting.write(made.pk, timezone.now)
    link = page.get_by_role("link", name="Download the csv file")
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    assert download.value.path().read_text().count("\n") == 6
    look(page, f"/exports/{made.pk}/", f"export-done-{name}")


def test_the_report_prints_on_whole_pages_without_the_menus(
    campaign: Campaign, live_server: LiveServer, browser: Browser, tmp_path: Path
) -> None:
    page = log_in(browser, live_server, {"viewport": WIDE, "color_scheme": "dark"})
    page.goto(f"/campaigns/{campaign.pk}/report/")
    page.emulate_media(media="print")
    for hidden in (".sidebar", ".number-search", "[data-print]"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.locator(".print-only").is_visible()
    paper = Path(os.environ.get("SHOTS") or tmp_path) / "report.pdf"
    page.pdf(path=paper, format="A4", print_background=False)
    pages = re.findall(rb"/Type\s*/Page\b", paper.read_bytes())
    assert 1 <= len(pages) <= 3
