"""Invitations, passkeys and the admin's filters in a real browser."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from contacts.models import Contact, ContactList
from tests import debian
from tests.browser.pages import WIDE, faults_of, log_in
from tests.conftest import PASSWORD, MakeUser

pytestmark = [pytest.mark.slow, debian.needs("chromium")]
CHOSEN = "correct horse battery staple"


@pytest.fixture
def url(transactional_db: None, live_server: LiveServer, settings: Settings) -> str:
    """The address of Baton. A passkey needs a host name, and without TLS the name localhost."""
    cache.clear()
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    return live_server.url.replace("127.0.0.1", "localhost")


def connect_authenticator(page: Page) -> None:
    """Give the browser a device that proves passkeys without a touch."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_person_is_invited_and_logs_in_with_a_passkey(url: str, browser: Browser, make_user: MakeUser) -> None:
    make_user("administrator")
    faults: list[str] = []
    page = log_in(browser, url, "administrator", {"viewport": WIDE})
    page.get_by_role("link", name="People").click()
    page.get_by_role("link", name="Invite a person").click()
    page.get_by_label("Username").fill("thandi")
    page.get_by_label("Operator").check()
    page.get_by_role("button", name="Invite").click()
    faults += faults_of(page, "link")
    link = page.locator("#link").inner_text()

    visitor = browser.new_context(viewport=WIDE).new_page()
    visitor.goto(link)
    faults += faults_of(visitor, "choose a password")
    visitor.get_by_label("Password", exact=True).fill(CHOSEN)
    visitor.get_by_label("Repeat the password").fill(CHOSEN)
    visitor.get_by_role("button", name="Save password").click()
    expect(visitor.get_by_role("heading", name="Password saved")).to_be_visible()

    theirs = log_in(browser, url, "thandi", {"viewport": WIDE}, password=CHOSEN)
    connect_authenticator(theirs)
    theirs.goto("/login/2fa/webauthn/add/")
    if theirs.get_by_label("Your password").is_visible():
        theirs.get_by_label("Your password").fill(CHOSEN)
        theirs.get_by_role("button", name="Confirm").click()
    faults += faults_of(theirs, "add a passkey")
    theirs.get_by_label("Name").fill("Office laptop")
    theirs.get_by_role("button", name="Add", exact=True).click()
    expect(theirs.get_by_role("heading", name="Recovery codes")).to_be_visible()
    for path in ("/login/2fa/webauthn/", "/login/2fa/", "/login/2fa/webauthn/reauthenticate/"):
        theirs.goto(path)
        faults += faults_of(theirs, path)

    theirs.goto("/login/logout/")
    theirs.get_by_role("main").get_by_role("button", name="Log out").click()
    theirs.goto("/login/login/")
    theirs.get_by_label("Username or email").fill("thandi")
    theirs.get_by_label("Password").fill(CHOSEN)
    theirs.get_by_role("button", name="Log in").click()
    expect(theirs.get_by_role("heading", name="Two-step login")).to_be_visible()
    faults += faults_of(theirs, "second step")
    theirs.get_by_role("button", name="Use a passkey").click()
    expect(theirs.get_by_role("heading", name="Overview")).to_be_visible()

    page.goto(f"/people/{User.objects.get(username='thandi').pk}/")
    faults += faults_of(page, "person")
    page.get_by_role("button", name="Reset two-step login").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset").click()
    expect(page.get_by_text("Two-step login of thandi is off")).to_be_visible()
    assert faults == []


def test_the_admin_filters_by_a_list_that_is_searched_for(url: str, browser: Browser) -> None:
    User.objects.create_superuser("root", "root@example.org", PASSWORD)
    for name in ("Customers", "Visitors"):
        made = ContactList.objects.create(name=name)
        Contact.objects.create(list=made, msisdn=f"2782555010{made.pk % 10}", phone="0825550100", value1=f"Of {name}")
    page = log_in(browser, url, "root", {"viewport": WIDE}, "/admin/contacts/contact/")
    expect(page.get_by_text("Of Visitors")).to_be_visible()
    page.locator(".baton-filter .select2-selection").click()
    page.locator(".select2-search__field").fill("cust")
    page.get_by_role("option", name="Customers").click()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("Of Customers")).to_be_visible()
    expect(page.get_by_text("Of Visitors")).not_to_be_visible()
