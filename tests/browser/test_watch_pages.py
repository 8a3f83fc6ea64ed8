"""The pages of a campaign and the overview in a real browser: wide and light, narrow and dark."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.lifecycle import record_event
from campaigns.models import Batch, Campaign, CampaignList, Event, Recipient, RecipientOutcome
from contacts.models import ContactList
from providers.models import Account
from tests import debian
from tests.browser.pages import NARROW, WIDE, assert_accessible, log_in
from tests.conftest import PASSWORD, MakeUser

pytestmark = [pytest.mark.slow, debian.needs("chromium")]

ROWS = 120
#: The status, the reason and the sentence of each file.
FILES = (
    ("accepted", "processed", ""),
    ("rejected", "InsufficientCredits", "SMSPortal reports too few credits for this file. It says: 0 left."),
    ("accepted", "processed", ""),
    ("handed_over", "", ""),
    ("prepared", "", ""),
)


@pytest.fixture
def campaign(make_user: MakeUser, settings: Settings, tmp_path: Path) -> Campaign:
    """A running campaign with files in every state, numbers that failed, people left out, and a history."""
    settings.MEDIA_ROOT, settings.JOURNAL_DIR = tmp_path / "files", tmp_path / "journal"
    settings.LOCK_DIR = tmp_path / "locks"
    cache.clear()
    operator, approver, now = make_user("operator"), make_user("approver"), timezone.now()
    people = ContactList.objects.create(
        name="Customers", country="ZA", labels={"value1": "First name", "value2": "Balance", "value3": "Branch"}
    )
    account = Account.objects.create(name="SMSPortal main", provider="smsportal")
    made = Campaign.objects.create(
        name="October promo for everybody who bought in the spring",
        account=account,
        text="Hi @@value1|friend@@, your balance is @@value2@@. Reply STOP to opt out.",
        created_by=operator,
        frozen_by=operator,
        approved_by=approver,
        approved_at=now,
        frozen_at=now - timedelta(minutes=30),
        started_at=now - timedelta(minutes=4),
        effective_start_at=now - timedelta(minutes=5),
        status="running",
        counts={
            "selected": ROWS * len(FILES) + 63,
            "excluded": {"opted_out": 61, "duplicate": 1, "missing_field": 1},
            "included": ROWS * len(FILES),
        },
    )
    CampaignList.objects.create(campaign=made, contact_list=people, position=0)
    for number, (status, reason, sentence) in enumerate(FILES, start=1):
        first = 27825550000 + number * 1000
        Recipient.objects.bulk_create(
            Recipient(
                campaign=made, list_id=people.pk, contact_id=1, msisdn=str(first + n), value1=f"Person {n}",
                value2="R 250.00", value3="Cape Town", batch_number=number,
            )
            for n in range(ROWS)
        )  # fmt: skip
        is_out = status != "prepared"
        batch = Batch.objects.create(
            campaign=made, account=account, number=number, stem=f"c{made.pk}-b{number}-g1-3fa9c2d1", key=number,
            name=f"c{made.pk}-b{number}-g1-3fa9c2d1.zip", payload=ContentFile(b"PK", f"{number}.zip"), sha256="0" * 64,
            size=2, rows=ROWS, parts=ROWS, status=status, reason=reason, sentence=sentence,
            uploaded_at=now if is_out else None, handed_over_at=now if is_out else None,
            settled_at=now if status in ("accepted", "rejected") else None,
        )  # fmt: skip
        record_event(made, "prepared", f"{batch.name} was created for {ROWS} recipients.", batch=batch)
        if is_out:
            Event.objects.create(campaign=made, batch=batch, from_status="committing", to_status="handed_over")
        if batch.settled_at:
            Event.objects.create(campaign=made, batch=batch, from_status="handed_over", to_status=status, reason=reason)
    Event.objects.create(campaign=made, from_status="frozen", to_status="approved", user=approver)
    batch = made.batches.get(number=1)
    for recipient in made.recipients.filter(batch_number=1)[:7]:
        RecipientOutcome.objects.create(
            batch=batch, recipient=recipient, result="row_error", code="MSISDN.NoNetworkFound",
            sentence="SMSPortal found no network for this number.", source=f"{batch.name}.errors.txt", line=4,
        )  # fmt: skip
    Batch.objects.filter(pk=batch.pk).update(
        row_errors=7,
        causes=[["row_error", "MSISDN.NoNetworkFound", "", "SMSPortal found no network for this number.", 7]],
    )
    Campaign.objects.create(
        name="September reminder", account=account, text="Hi", created_by=operator, status="closed",
        started_at=now, closed_at=now, counts={"selected": 0, "excluded": {}, "included": 0},
    )  # fmt: skip
    return made


def check(page: Page, name: str) -> None:
    """Axe finds nothing, and nothing is wider than the window or scrolls inside the page."""
    assert_accessible(page, name)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll("main *")].filter((box) =>
            ["auto", "scroll"].includes(getComputedStyle(box).overflowY) && box.tagName !== "TEXTAREA" &&
            (box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1))
            .map((box) => box.className)"""
    )
    assert boxes == [], name


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", NARROW)])
def test_the_pages_of_a_campaign_are_short_accessible_and_fit(
    live_server: LiveServer,
    campaign: Campaign,
    make_user: MakeUser,
    browser: Browser,
    browser_context_args: dict[str, Any],
    scheme: str,
    viewport: dict[str, int],
) -> None:
    chosen = browser_context_args | {"color_scheme": scheme, "viewport": viewport}
    page = log_in(browser, live_server.url, "operator", chosen)
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_text("The same as a table").click()
    check(page, f"overview-{scheme}")
    page.goto(reverse("campaigns:list"))
    check(page, f"campaigns-{scheme}")

    page.goto(campaign.get_absolute_url())
    expect(page.get_by_role("heading", name="What now")).to_be_visible()
    check(page, f"result-{scheme}")
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height < (1200 if viewport == WIDE else 1900)
    # The action is in reach without scrolling.
    expect(page.get_by_role("button", name="Pause")).to_be_in_viewport(ratio=1)
    # What is unfolded stays so while the page refreshes itself.
    page.locator("#told-1 summary").click()
    Batch.objects.filter(campaign=campaign, number=4).update(status="accepted", settled_at=timezone.now())
    expect(page.locator("#tile-accepted").locator("xpath=../../*[2]")).to_have_text("353")
    expect(page.get_by_text("It says: 0 left.")).to_be_visible()

    # Every part is reached with the keyboard, and every number leads to its people.
    page.get_by_role("link", name="Files", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("a.file-name")).to_have_count(len(FILES))
    check(page, f"files-{scheme}")
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.get_by_text("approved it")).to_be_visible()
    page.get_by_text("steps").first.click()
    check(page, f"history-{scheme}")
    page.get_by_role("link", name="Result", exact=True).click()
    page.get_by_role("link", name="7 people").click()
    expect(page.locator("#recipients tbody tr")).to_have_count(7)
    check(page, f"recipients-{scheme}")
    page.locator("#recipients .row-anchor").first.click()
    expect(page.get_by_role("heading", name="Values")).to_be_visible()
    check(page, f"recipient-{scheme}")
    assert errors == []

    User.objects.create_user("newcomer", password=PASSWORD)
    other = log_in(browser, live_server.url, "newcomer", chosen)
    expect(other.get_by_role("heading", name="You have no role yet")).to_be_visible()
    check(other, f"no-role-{scheme}")
