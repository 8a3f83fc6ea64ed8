"""The provider screens in a real browser: choosing an account, rehearsing faults, and no overlapping elements."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign, CampaignList
from contacts.models import Contact, ContactList
from providers import checking, registry
from providers.models import Account
from providers.sandbox.server import Sandbox
from tests import debian
from tests.browser.pages import WIDE, faults_of, log_in
from tests.conftest import MakeUser

pytestmark = [pytest.mark.slow, debian.needs("chromium")]


class World(NamedTuple):
    url: str
    accounts: dict[str, Account]
    campaign: Campaign


@pytest.fixture
def world(live_server: LiveServer, sandbox: Sandbox, settings: Settings, make_user: MakeUser, tmp_path: Path) -> World:
    """A tested account with each sandbox provider, five people, and a draft."""
    settings.LOCK_DIR, settings.JOURNAL_DIR = tmp_path / "locks", tmp_path / "journal"
    make_user("administrator")
    operator = make_user("operator")
    accounts = {slug: make_account(slug, sandbox.providers[slug]) for slug in registry.all_adapters()}
    people = ContactList.objects.create(name="Customers", country="ZA", labels={"value1": "First name"})
    Contact.objects.bulk_create(
        Contact(list=people, msisdn=str(27825550100 + n), phone=str(27825550100 + n), value1="Zoë") for n in range(5)
    )
    campaign = Campaign.objects.create(
        name="October promo", account=accounts["smsportal"], text="Hi @@value1@@", created_by=operator
    )
    CampaignList.objects.create(campaign=campaign, contact_list=people, position=1)
    return World(live_server.url, accounts, campaign)


def make_account(slug: str, known: dict[str, Any]) -> Account:
    account = Account(name=f"{slug} here", provider=slug)
    initial = {name: field.initial or "" for name, field in account.adapter.SettingsForm.base_fields.items()}
    account.save_settings(initial | known)
    account.host_key = str(known.get("host_key", ""))
    account.save()
    checking.test_connection(account)
    return account


def addresses(world: World) -> list[str]:
    slugs = list(world.accounts)
    return [
        "/accounts/",
        "/accounts/new/",
        *(f"/accounts/new/?provider={slug}" for slug in slugs),
        *(account.get_absolute_url() for account in world.accounts.values()),
        "/accounts/sandbox/",
        f"/campaigns/{world.campaign.pk}/compare/",
    ]


def test_every_screen_about_providers_can_be_used_by_everybody(
    world: World, browser: Browser, browser_context_args: dict[str, Any], sandbox: Sandbox
) -> None:
    sandbox.fault("smsportal:slow", 5)
    page = log_in(browser, world.url, "administrator", browser_context_args | {"viewport": WIDE})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    faults: list[str] = []
    for address in addresses(world):
        page.goto(address)
        faults += faults_of(page, address)
    assert faults == []
    assert said == []


def test_an_account_is_chosen_while_a_campaign_is_written(
    world: World, browser: Browser, browser_context_args: dict[str, Any]
) -> None:
    page = log_in(browser, world.url, "operator", browser_context_args | {"viewport": WIDE})
    page.goto("/campaigns/new/")
    page.locator("#id_lists_1").select_option(label="Customers")
    page.get_by_role("button", name="Continue").last.click()
    page.locator("#id_text").fill("Hi @@value1@@")
    page.get_by_role("button", name="Compare accounts").click()
    checks = page.locator("#account-checks")
    expect(checks).to_contain_text("GatewayAPI's files take GSM characters only; not ë")
    checks.get_by_role("button", name="Choose clickatell here").click()
    expect(page.locator("#id_account")).to_have_value(str(world.accounts["clickatell"].pk))
    page.get_by_text("Advanced: sender and provider options").click()
    expect(page.get_by_label("Maximum parts per text")).to_have_value("3")
    page.get_by_label("Unicode").check()
    page.get_by_role("button", name="Compare accounts").click()
    chosen = checks.get_by_role("listitem").filter(has_text="clickatell here")
    expect(chosen).to_contain_text("All can be handed over")
    expect(chosen).to_contain_text("5 texts as Unicode")
    assert Campaign.objects.latest("pk").text == "", "comparing and choosing save nothing"


def test_an_account_is_chosen_on_the_check(
    world: World, browser: Browser, browser_context_args: dict[str, Any]
) -> None:
    page = log_in(browser, world.url, "operator", browser_context_args | {"viewport": WIDE})
    page.goto(f"/campaigns/{world.campaign.pk}/check/")
    page.locator("summary", has_text="Accounts").click()
    page.get_by_role("button", name="Choose bulksms here").click()
    expect(page.get_by_text("October promo now goes through bulksms here.")).to_be_visible()
    world.campaign.refresh_from_db()
    assert world.campaign.account == world.accounts["bulksms"]


def test_a_fault_is_switched_on_and_off(
    world: World, browser: Browser, browser_context_args: dict[str, Any], sandbox: Sandbox
) -> None:
    page = log_in(browser, world.url, "operator", browser_context_args | {"viewport": WIDE})
    page.get_by_role("link", name="Sandbox").click()
    page.get_by_role("link", name="GatewayAPI").click()
    fault = page.locator("#gatewayapi-reject-insufficient-credit")
    fault.get_by_role("button", name="5 times").click()
    expect(fault).to_contain_text("On, 5 times")
    assert sandbox.state()["faults"] == {"gatewayapi:reject:insufficient-credit": 5}
    fault.get_by_role("button", name="Switch off").click()
    expect(fault.get_by_role("button", name="once")).to_be_visible()
    assert sandbox.state()["faults"] == {}
