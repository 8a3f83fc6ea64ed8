"""How long a browser test waits, and what is closed after it."""

import pytest
from playwright.sync_api import Browser, expect

# On a busy machine an answer takes longer than the 5 seconds for which Playwright waits. No test waits for a failure.
expect.set_options(timeout=20_000)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """No page goes on refreshing itself while the tables are emptied, or during the next test.

    A fixture would be torn down after those of the database.
    """
    browser: Browser | None = getattr(item, "funcargs", {}).get("browser")
    for context in browser.contexts if browser else ():
        context.close()
