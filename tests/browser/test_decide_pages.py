"""Deciding about unclear files in a real browser."""

import hashlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.handover import journal
from campaigns.models import Batch, Campaign
from campaigns.naming import derive_stem
from campaigns.results.evidence import keep_observation
from providers.base import Observation, ObservedFile
from providers.models import Account
from tests import debian
from tests.browser.pages import NARROW, WIDE, assert_accessible, log_in
from tests.conftest import PASSWORD, MakeUser, age_login

pytestmark = [pytest.mark.slow, debian.needs("chromium")]

ROWS = (1_000, 250, 202)


@pytest.fixture
def campaign(make_user: MakeUser, settings: Settings, tmp_path: Path) -> Campaign:
    """Three files at Clickatell, each cut off during the upload, with its first part in the folder."""
    settings.MEDIA_ROOT, settings.JOURNAL_DIR = tmp_path / "files", tmp_path / "journal"
    settings.LOCK_DIR = tmp_path / "locks"
    cache.clear()
    account = Account.objects.create(name="Clickatell ZA", provider="clickatell")
    made = Campaign.objects.create(
        name="October promo", account=account, text="Hi", created_by=make_user("operator"), status="running"
    )
    now = timezone.now() - timedelta(minutes=7)
    for number, rows in enumerate(ROWS, start=1):
        stem, body = derive_stem(made.pk, number, 1), b"to:27825550100\n" * rows
        batch = Batch.objects.create(
            campaign=made,
            account=account,
            number=number,
            stem=stem,
            key=number,
            name=f"{stem}.txt",
            payload=ContentFile(body, f"{stem}.txt"),
            sha256=hashlib.sha256(body).hexdigest(),
            size=len(body),
            rows=rows,
            parts=rows,
            status="unclear",
            reason="waiting_after_break",
            sentence="A file of this batch lies in the folder, but not the whole of it.",
            first_intent_at=now,
        )
        journal.intend(batch, 1, f"{stem}-a1.txt", now)
        batch.attempts.create(
            number=1, name=f"{stem}-a1.txt", host="ftp.example.org", started_at=now, ending="unclear", staged_size=88
        )
        seen = ObservedFile("", f"{stem}-a1.txt", len(body) // 2, now, None, "ftp.example.org")
        log = ObservedFile("", f"history-{number}.txt", 321, now, b"a log", "ftp.example.org")
        keep_observation(batch, Observation(now, ("ftp.example.org",), (seen, log)))
    return made


def log_in_early(browser: Browser, server: LiveServer, context: dict[str, Any], path: str) -> Page:
    """Log in as the approver 16 minutes ago: after 15, a decision asks for the password again."""
    page = log_in(browser, server.url, "approver", context, path)
    for key in Session.objects.values_list("session_key", flat=True):
        age_login(SessionStore(key), minutes=16)
    page.reload()
    return page


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", NARROW)])
def test_several_files_are_chosen_and_decided_about(
    live_server: LiveServer,
    campaign: Campaign,
    make_user: MakeUser,
    browser: Browser,
    browser_context_args: dict[str, Any],
    scheme: str,
    viewport: dict[str, int],
) -> None:
    make_user("approver")
    chosen = browser_context_args | {"color_scheme": scheme, "viewport": viewport}
    page = log_in_early(browser, live_server, chosen, reverse("campaigns:unclear", args=[campaign.pk]))
    boxes = page.locator("input[name=batches]")
    expect(boxes).to_have_count(3)
    assert not any(box.is_checked() for box in boxes.all())

    # The password comes first: the choice and the reason survive it, and only then can a log be chosen.
    boxes.nth(0).check()
    page.get_by_label("Reason").fill("They wrote so.")
    expect(page.locator("input[type=file]")).to_be_disabled()
    page.get_by_role("button", name="Confirm your password first").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_label("Reason")).to_have_value("They wrote so.")
    expect(page.locator("input[type=file]")).to_be_enabled()
    expect(boxes.nth(0)).to_be_checked()

    # The button and the question name what is chosen; with nothing chosen there is no question.
    expect(page.get_by_role("button", name="Decide about 1 file with 1,000 recipients")).to_be_visible()
    page.get_by_role("button", name="Choose all 3 files").click()
    expect(page.get_by_role("button", name="Decide about 3 files with 1,452 recipients")).to_be_visible()
    page.get_by_role("button", name="Choose none").click()
    page.get_by_label("Cancel it").check()
    page.get_by_role("button", name="Decide about the chosen files").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    boxes.nth(1).check()
    boxes.nth(2).check()
    for summary in page.locator("summary").all():
        summary.click()
    assert_accessible(page, f"unclear-{scheme}")
    page.get_by_role("button", name="Decide about 2 files with 452 recipients").click()
    question = page.get_by_role("dialog", name="Decide about 2 files with 452 recipients?")
    expect(question).to_contain_text("Cancel it: it will not be handed over again")
    expect(question).to_contain_text("The decision about 2 files with 452 recipients cannot be undone.")
    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/question-{scheme}.png")
    question.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("Decided about 2 files")).to_be_visible()
    assert list(campaign.batches.order_by("number").values_list("status", flat=True)) == [
        "unclear",
        "cancelled",
        "cancelled",
    ]


@pytest.mark.parametrize(("scheme", "viewport"), [("dark", WIDE), ("light", NARROW)])
def test_a_refusal_is_seen_beside_the_decision(
    live_server: LiveServer,
    campaign: Campaign,
    make_user: MakeUser,
    browser: Browser,
    browser_context_args: dict[str, Any],
    scheme: str,
    viewport: dict[str, int],
) -> None:
    make_user("approver")
    chosen = browser_context_args | {"color_scheme": scheme, "viewport": viewport}
    batch = campaign.batches.get(number=1)
    page = log_in_early(browser, live_server, chosen, reverse("campaigns:batch", args=[batch.pk]))
    page.get_by_role("button", name="Confirm your password first").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    # Missing input is reported before the question.
    page.get_by_role("button", name="Decide about 1,000 recipients").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_label("Part of it was texted").check()
    page.get_by_label("Reason").fill("Their log.")
    page.get_by_role("button", name="Decide about 1,000 recipients").click()
    page.get_by_role("dialog").get_by_role("button", name="Decide").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose the provider's log")
    expect(page.get_by_role("alert")).to_be_in_viewport()
    assert_accessible(page, f"batch-{scheme}")
