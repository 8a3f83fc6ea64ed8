"""Takes the pictures of docs/screenshots/: ``make screenshots``. It starts a demo of its own and walks its main pages.

To add a picture, add a line to SHOTS. A file is called as its shot, with ``-dark`` or ``-phone`` where it is not the
wide, light one.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests import debian
from tests.pictures import smaller
from tests.supervised import Baton, own_baton

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
#: A larger picture makes the repository heavy; in bytes.
LARGEST = 100_000
WIDE, PHONE = (1280, 800), (375, 740)
CAMPAIGN = "Sample campaign through SMSPortal"


@dataclass(frozen=True)
class Shot:
    """One picture: how to get to the page from anywhere, who looks at it, and in which looks besides wide and light."""

    name: str
    to: str | Callable[[Page], None]
    person: str = "operator"
    looks: tuple[str, ...] = ()


def campaign(page: Page, tab: str = "") -> None:
    """Open the finished sample campaign."""
    page.goto("/campaigns/")
    page.get_by_role("link", name=CAMPAIGN, exact=True).click()
    if tab:
        page.goto(f"{page.url.split('?')[0]}?tab={tab}")


def report(page: Page) -> None:
    campaign(page)
    page.goto(f"{page.url}report/")


def draft(page: Page, step: str) -> None:
    """Open a step of a copy of the sample campaign; the first call makes the copy."""
    page.goto("/campaigns/?status=draft")
    drafts = page.locator("a.row-anchor")
    if not drafts.count():
        campaign(page)
        page.get_by_role("button", name="More").click()
        page.get_by_role("button", name="Copy to a new draft").click()
        page.goto("/campaigns/?status=draft")
    number = re.search(r"/campaigns/(\d+)/", drafts.first.get_attribute("href") or "")
    assert number
    page.goto(f"/campaigns/{number[1]}/{step}/")


def check(page: Page) -> None:
    draft(page, "check")


SHOTS = (
    Shot("overview", "/", looks=("dark", "phone")),
    Shot("campaigns", "/campaigns/"),
    Shot("step-recipients", lambda page: draft(page, "edit/recipients")),
    Shot("step-message", lambda page: draft(page, "edit/message"), looks=("dark", "phone")),
    Shot("step-when", lambda page: draft(page, "edit/when")),
    Shot("check", check),
    Shot("campaign-result", campaign, looks=("phone",)),
    Shot("campaign-recipients", lambda page: campaign(page, "recipients")),
    Shot("campaign-files", lambda page: campaign(page, "files")),
    Shot("campaign-history", lambda page: campaign(page, "history")),
    Shot("report", report),
    Shot("notices", "/notices/"),
    Shot("contacts", "/contacts/"),
    Shot("accounts", "/accounts/", person="administrator"),
)


def main() -> None:
    # Only says where the project is: the demo has a data directory and settings of its own.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    FOLDER.mkdir(exist_ok=True)
    with own_baton() as baton, sync_playwright() as playwright:
        baton.start(mode="demo").until_ready()
        browser = playwright.chromium.launch(executable_path=debian.find("chromium"), args=["--no-sandbox"])
        for look in ("", "dark", "phone"):
            pages: dict[str, Page] = {}
            for shot in SHOTS:
                if look and look not in shot.looks:
                    continue
                if shot.person not in pages:
                    pages[shot.person] = log_in(browser, baton, shot.person, look)
                take(pages[shot.person], shot, look)
        browser.close()


def log_in(browser: Browser, baton: Baton, person: str, look: str) -> Page:
    width, height = PHONE if look == "phone" else WIDE
    page = browser.new_context(
        base_url=f"http://127.0.0.1:{baton.port}",
        viewport={"width": width, "height": height},
        color_scheme="dark" if look == "dark" else "light",
        reduced_motion="reduce",
        timezone_id="Africa/Johannesburg",
    ).new_page()
    page.goto("/login/")
    page.get_by_label("Username or email").fill(person)
    page.get_by_label("Password").fill(baton.password(person))
    page.get_by_role("button", name="Log in").click()
    return page


def take(page: Page, shot: Shot, look: str) -> None:
    if isinstance(shot.to, str):
        page.goto(shot.to)
    else:
        shot.to(page)
    page.wait_for_load_state("networkidle")
    path = FOLDER / f"{shot.name}{f'-{look}' if look else ''}.png"
    path.write_bytes(smaller(page.screenshot()))
    size = path.stat().st_size
    assert size <= LARGEST, f"{path.name} has {size:,} bytes"
    print(f"{path.name}: {size:,} bytes")


if __name__ == "__main__":
    main()
