"""The page of a provider's folder in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.naming import derive_stem
from tests import debian
from tests.browser.pages import NARROW, WIDE, assert_accessible, log_in
from tests.campaigns.elsewhere import account_at_server
from tests.conftest import MakeUser
from tests.providers import servers
from tests.providers.servers import FileServer

pytestmark = [pytest.mark.slow, debian.needs("chromium")]


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
    page = log_in(browser, live_server.url, "administrator", chosen, account.get_absolute_url())

    page.get_by_role("button", name="Show the provider's folder").click()

    for title in ("Ours: 1", "Leftover uploads of ours: 1", "Not ours: 1"):
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    assert_accessible(page, f"folder-{scheme}")
