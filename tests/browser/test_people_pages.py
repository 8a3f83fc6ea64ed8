"""The pages of people in a real browser: a list with its filter, segments, bulk actions, and one number."""

import pytest
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from contacts import suppression
from contacts.models import Contact, ContactList, Segment
from tests import debian
from tests.browser.pages import WIDE, faults_of, log_in
from tests.conftest import MakeUser

pytestmark = [pytest.mark.slow, debian.needs("chromium")]


@pytest.fixture
def customers(transactional_db: None, make_user: MakeUser) -> ContactList:
    cache.clear()
    make_user("operator")
    made = ContactList.objects.create(name="Customers", labels={"value1": "First name", "value2": "Town"})
    for number in range(60):
        town = "Durban" if number % 2 else "Cape Town"
        msisdn = f"278255501{number:02}"
        Contact.objects.create(list=made, msisdn=msisdn, phone=msisdn, value1=f"Person {number}", value2=town)
    suppression.suppress(["27825550100"], "manual", "Phoned the shop")
    return made


@pytest.fixture
def page(customers: ContactList, browser: Browser, live_server: LiveServer) -> Page:
    """The browser of the operator, who has logged in."""
    return log_in(browser, live_server.url, "operator", {"viewport": WIDE})


def test_an_operator_filters_saves_a_segment_and_moves_its_contacts(customers: ContactList, page: Page) -> None:
    vip = ContactList.objects.create(name="VIP")
    page.goto(customers.get_absolute_url())
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Town", exact=True).fill("durban")
    page.get_by_role("button", name="Show contacts that match").click()
    expect(page.get_by_text("30 contacts")).to_be_visible()
    page.get_by_role("link", name="Save as segment").click()
    page.get_by_label("Name").fill("Durban")
    page.get_by_role("button", name="Save segment").click()
    expect(
        page.get_by_role("navigation", name="Segments").get_by_role("link", name="Durban", exact=True)
    ).to_be_visible()
    page.locator(".section-head").get_by_role("button").click()
    page.get_by_role("link", name="Move to another list").click()
    page.get_by_label("To the list").select_option("VIP")
    page.get_by_role("button", name="Move 30 contacts to another list").click()
    expect(page.get_by_text("Moved")).to_be_visible()
    assert vip.contacts.filter(value2="Durban").count() == 30
    assert customers.contacts.count() == 30


def test_no_page_has_a_barrier_or_scrolls_sideways(customers: ContactList, page: Page) -> None:
    """test_every_page.py has one page of each kind; these have a filter, another question or a number."""
    segment = Segment.objects.create(
        list=customers, name="Durban", conditions=[{"field": "value2", "is": "equals", "value": "Durban"}]
    )
    at, durban = customers.get_absolute_url(), "?value2=Durban"
    pages = (
        at,
        f"{at}?value2_is=at_least&value2=x",
        f"/contacts/segments/{segment.pk}/",
        f"{at}bulk/delete/{durban}",
        f"{at}bulk/opt_out/{durban}",
        f"{at}bulk/move/{durban}",
        "/search/?number=27825550100",
        "/search/?number=27825559999",
    )
    faults: list[str] = []
    for path in pages:
        page.goto(path)
        faults += faults_of(page, path)
    assert faults == []


def test_a_number_is_printed_without_menus_in_black_on_white(customers: ContactList, page: Page) -> None:
    page.goto("/search/?number=27825550100")
    page.emulate_media(media="print")
    expect(page.locator(".sidebar")).to_be_hidden()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.get_by_text("printed")).to_be_visible()
    colours = "const style = getComputedStyle(document.body); return [style.color, style.backgroundColor]"
    assert page.evaluate(f"() => {{ {colours} }}") == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
