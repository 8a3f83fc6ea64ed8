"""A person's browser in tests: logging in, and checking the page that is shown."""

import os
import re
from collections.abc import Iterator
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.conftest import PASSWORD

WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 375, "height": 800}


def log_in(
    browser: Browser, url: str, person: str, context: dict[str, Any], path: str = "/", password: str = PASSWORD
) -> Page:
    """Log in on the site at ``url`` with a browser of one's own; returns it with the page at ``path`` open."""
    page = browser.new_context(**context, base_url=url).new_page()
    page.goto(path)
    page.get_by_label("Username or email").fill(person)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page).not_to_have_url(re.compile("/login/"))
    return page


def tab_to(page: Page, target: Locator) -> None:
    """Move to ``target`` with the Tab key only."""
    for _ in range(120):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"The Tab key does not reach {target}.")


def show(page: Page, scheme: Literal["light", "dark"]) -> None:
    """Axe would measure colours before the style sheet is there, or on their way from one scheme to the other."""
    page.wait_for_load_state()
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
    page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")


def faults_of(page: Page, name: str) -> Iterator[str]:
    """What is wrong with the page that is shown, wide and narrow, light and dark. It ends light, as wide as it was.

    With SHOTS, the directory of that name gets a screenshot of each width.
    """
    # A poll that replaces an element while axe measures it gives wrong colours.
    page.evaluate("void (window.noPoll = (event) => event.preventDefault())")
    page.evaluate("document.addEventListener('htmx:beforeRequest', window.noPoll)")
    # So does the answer to an earlier request, for example from an element that loads itself.
    expect(page.locator(".htmx-request, .htmx-swapping, .htmx-settling")).to_have_count(0)
    show(page, "dark")
    found = violations(page, runOnly=["color-contrast"])
    show(page, "light")
    # Only the colours differ in dark.
    found += violations(page)
    page.evaluate("document.removeEventListener('htmx:beforeRequest', window.noPoll)")
    for violation in found:
        yield f"{name}: {violation['id']} {violation['nodes'][0]['html']}"
    wide = page.viewport_size or WIDE
    for size in (NARROW, wide):
        page.set_viewport_size(size)
        screenshot(page, f"{name.strip('/').replace('/', '-')}-{size['width']}")
        if is_wider_than_the_window(page):
            yield f"{name}: scrolls sideways at {size['width']} px"


def violations(page: Page, **options: Any) -> list[dict[str, Any]]:
    """What axe finds wrong on the page. What it finds in order is much more, and is left out."""
    # Unless its script is loaded again, axe keeps the colours of an earlier run.
    page.evaluate(AXE_SCRIPT)
    run = "options => axe.run(options).then((found) => found.violations)"
    found: list[dict[str, Any]] = page.evaluate(run, {"resultTypes": ["violations"], **options})
    return found


def assert_accessible(page: Page, name: str) -> None:
    """Axe finds nothing on the page as it is, and it is not wider than the window; with SHOTS a screenshot is saved."""
    screenshot(page, name)
    found = violations(page)
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == [], name
    assert not is_wider_than_the_window(page), name


def is_wider_than_the_window(page: Page) -> bool:
    root = "document.documentElement"
    return bool(page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"))


def screenshot(page: Page, name: str) -> None:
    """Save a picture of the whole page as ``name`` in the directory SHOTS, if the environment names one."""
    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/{name}.png", full_page=True)
