"""Notices, exports and the report in a real browser: wide, narrow, dark and on paper."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
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
from tests.browser.pages import NARROW, WIDE, faults_of, log_in
from tests.campaigns.conftest import account, make_campaign, make_list, make_running, own_files

__all__ = ["account", "make_campaign", "make_list", "make_running", "own_files"]
pytestmark = [pytest.mark.slow, debian.needs("chromium")]


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


def look(page: Page, path: str, name: str) -> None:
    page.goto(path)
    assert list(faults_of(page, name)) == []


def test_every_page_is_accessible_and_fits(
    campaign: Campaign, live_server: LiveServer, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Narrow; test_every_page.py looks at these pages in a wide window."""
    monkeypatch.setattr(exporting, "AT_ONCE", 3)
    page = log_in(browser, live_server.url, "operator", {"viewport": NARROW})
    look(page, "/notices/", "notices")
    look(page, "/notices/choice/", "notice-choice")
    look(page, f"/campaigns/{campaign.pk}/report/", "report")
    look(page, f"/campaigns/{campaign.pk}/export/?format=csv", "export-begin")

    # No worker runs here: the page shows the progress until the test does the worker's work.
    page.get_by_role("button", name="Make the csv file").click()
    expect(page.get_by_text("0 of 5 recipients")).to_be_visible()
    made = Export.objects.latest("pk")
    look(page, f"/exports/{made.pk}/", "export-running")
    exporting.write(made.pk, timezone.now)
    link = page.get_by_role("link", name="Download the csv file")
    expect(link).to_be_visible()
    with page.expect_download() as download:
        link.click()
    assert download.value.path().read_text().count("\n") == 6
    look(page, f"/exports/{made.pk}/", "export-done")


def test_the_report_prints_on_whole_pages_without_the_menus(
    campaign: Campaign, live_server: LiveServer, browser: Browser, tmp_path: Path
) -> None:
    page = log_in(browser, live_server.url, "operator", {"viewport": WIDE, "color_scheme": "dark"})
    page.goto(f"/campaigns/{campaign.pk}/report/")
    page.emulate_media(media="print")
    for hidden in (".sidebar", ".number-search", "[data-print]"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.locator(".print-only").is_visible()
    paper = Path(os.environ.get("SHOTS") or tmp_path) / "report.pdf"
    page.pdf(path=paper, format="A4", print_background=False)
    pages = re.findall(rb"/Type\s*/Page\b", paper.read_bytes())
    assert 1 <= len(pages) <= 3
