"""The page of a provider's folder in a real browser."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.naming import derive_stem
from tests import debian
from tests.campaigns.elsewhere import account_at_server
from tests.conftest import PASSWORD, MakeUser
from tests.providers import servers
from tests.providers.servers import FileServer

pytestmark = [pytest.mark.slow, debian.needs("chromium")]

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 375, "height": 800}


@pytest.fixture
def server(tmp_path: Path, settings: Settings) -> Iterator[FileServer]:
    """A folder with one file of each group, and one of the longest possible name."""
    settings.ALLOW_PRIVATE_HOSTS = True
    settings.LOCK_DIR = tmp_path / "locks"
    with servers.pyftpdlib(tmp_path / "home") as running:
        stem = derive_stem(12, 3, 1)
        for name in (
            f"{stem}.csv.utf8.success",
            f"{stem}-a1.csv",
            "a-report-with-a-rather-long-name-of-another-program.csv",
        ):
            (running.home / name).write_bytes(b"x" * 2000)
        yield running


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", NARROW)])
def test_a_folder_is_opened_from_its_account(
    live_server: LiveServer,
    server: FileServer,
    make_user: MakeUser,
    browser: Browser,
    browser_context_args: dict[str, Any],
    scheme: str,
    viewport: dict[str, int],
) -> None:
    make_user("administrator")
    account = account_at_server("gatewayapi", server)
    chosen = browser_context_args | {"color_scheme": scheme, "viewport": viewport}
    page = browser.new_context(**chosen, base_url=live_server.url).new_page()
    page.goto(account.get_absolute_url())
    page.get_by_label("Username or email").fill("administrator")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()

    page.get_by_role("button", name="Show the provider's folder").click()

    for title in ("Ours: 1", "Leftover uploads of ours: 1", "Not ours: 1"):
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/folder-{scheme}.png", full_page=True)
    found = Axe().run(page).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
