"""How long a browser test waits, and what is closed when it ends."""

import pytest
from playwright.sync_api import Browser, expect

# On a busy machine an answer may take longer than Playwright's default of 5 seconds. No test waits for a failure.
expect.set_options(timeout=20_000)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Close the pages, so that none refreshes itself while the tables are emptied or during the next test.

    A fixture would be torn down too late: after the fixtures of the database.
    """
    browser: Browser | None = getattr(item, "funcargs", {}).get("browser")
    for context in browser.contexts if browser else ():
        context.close()
