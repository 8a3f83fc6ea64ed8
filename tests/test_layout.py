"""The frame of every page: vendored files, what templates may contain, and the error pages."""

import re
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.conf import settings as project
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.template.loader import get_template, render_to_string
from django.test import Client, RequestFactory, override_settings
from django.views.csrf import csrf_failure
from django.views.defaults import bad_request, permission_denied, server_error

from config.components import NOTICE_ICONS
from config.navigation import ADMIN, ADMINISTRATION, ENTRIES, SANDBOX, find_active
from contacts.elements import CHIP_ICONS, chip
from tests.pages import html_of

STATIC = Path(project.BASE_DIR) / "static"
TEMPLATES = Path(project.BASE_DIR) / "templates"
PAGES = sorted(TEMPLATES.rglob("*.html"))
VENDORED = {
    "bootstrap/bootstrap.min.css": "bootstrap/LICENSE",
    "bootstrap/bootstrap.bundle.min.js": "bootstrap/LICENSE",
    "chartjs/chart.umd.min.js": "chartjs/LICENSE.md",
    "bootstrap-icons/icons.svg": "bootstrap-icons/LICENSE",
}


def luminance(colour: str) -> float:
    """The relative luminance of ``#rrggbb``. WCAG 2.2: "relative luminance"."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def colours(theme: str) -> dict[str, str]:
    block = re.search(rf'\[data-bs-theme="{theme}"\] \{{(.*?)\}}', (STATIC / "site.css").read_text(), re.DOTALL)
    assert block is not None
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block[1]))


@pytest.mark.parametrize(("file", "licence"), VENDORED.items())
def test_it_has_every_vendored_file_with_its_licence(file: str, licence: str) -> None:
    assert (STATIC / "vendor" / file).stat().st_size > 1000
    assert "MIT" in (STATIC / "vendor" / licence).read_text()


def test_it_vendors_nothing_without_naming_it_here() -> None:
    found = {str(path.relative_to(STATIC / "vendor")) for path in (STATIC / "vendor").rglob("*") if path.is_file()}
    assert found == set(VENDORED) | set(VENDORED.values())


def test_it_collects_static_files_under_hashed_names(tmp_path: Path) -> None:
    """A source map that is not vendored, or a wrong url() in a style, would stop this command."""
    storages = {
        **project.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    with override_settings(STATIC_ROOT=tmp_path, STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
        assert list(tmp_path.glob("site.*.css"))
        assert "/static/site." in render_to_string("404.html")


@pytest.mark.parametrize("template", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_template_holds_an_inline_script_or_style(template: Path) -> None:
    text = template.read_text()
    assert not re.findall(r"<style\b", text)
    assert not re.findall(r"\sstyle\s*=", text)
    assert not re.findall(r"\son[a-z]+\s*=\s*[\"']", text)
    assert not re.findall(r"\shx-on\b", text)
    assert not re.findall(r"javascript:", text)
    for script in re.findall(r"<script\b[^>]*>", text):
        assert "src=" in script


@pytest.mark.parametrize("template", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_every_template_compiles_and_loads_nothing_from_other_sites(template: Path) -> None:
    get_template(str(template.relative_to(TEMPLATES)))
    assert not re.findall(r"(?:src|href|action)=[\"'](?:https?:)?//", template.read_text())


@pytest.mark.parametrize("app", ["providers", "contacts"])
def test_the_templates_of_a_lower_app_name_nothing_of_campaigns(app: str) -> None:
    pages = list((TEMPLATES / app).rglob("*.html"))
    assert pages
    assert not [page.name for page in pages if re.search(r"campaigns[:/.]", page.read_text())]


def test_every_icon_that_a_template_names_is_in_the_sprite() -> None:
    there = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "vendor/bootstrap-icons/icons.svg").read_text()))
    text = "".join(page.read_text() for page in PAGES)
    named = set(re.findall(r'\{% icon "([\w-]+)"', text))
    named |= set(re.findall(r'\bicon="([\w-]+)"', text))
    assert named
    named |= {*CHIP_ICONS.values(), *NOTICE_ICONS.values()} | {
        entry.icon for entry in (*ENTRIES, SANDBOX, *ADMINISTRATION, ADMIN)
    }
    assert named <= there


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_enough_contrast(theme: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1 for text; 1.4.11: 3 to 1 for the edge of a field."""
    colour = colours(theme)
    for background in ("page", "surface", "surface-quiet"):
        for ink in ("ink", "ink-quiet", "accent", "rejected", "decision"):
            assert contrast(colour[ink], colour[background]) >= 4.5, f"{ink} on {background}"
    for kind in ("accepted", "provider", "waiting", "decision", "rejected", "excluded"):
        assert contrast(colour[kind], colour[f"{kind}-soft"]) >= 4.5, kind
    assert contrast(colour["accent-ink"], colour["accent"]) >= 4.5
    assert contrast(colour["accent-strong"], colour["accent-soft"]) >= 4.5
    assert contrast(colour["line-strong"], colour["surface"]) >= 3


@pytest.mark.parametrize(
    ("kind", "icon"),
    [
        ("accepted", "check-circle"),
        ("provider", "arrow-up-right-circle"),
        ("waiting", "clock"),
        ("decision", "exclamation-triangle"),
        ("rejected", "x-circle"),
        ("excluded", "dash-circle"),
    ],
)
def test_a_badge_shows_its_status_by_icon_word_and_colour(kind: str, icon: str) -> None:
    drawn = chip(kind, "A <word>")
    assert f"chip-{kind}" in drawn
    assert f"#{icon}" in drawn
    assert "A &lt;word&gt;" in drawn


@pytest.mark.parametrize(
    ("view", "label"),
    [
        ("overview", "Overview"),
        ("campaigns:batch", "Campaigns"),
        ("campaigns:template_new", "Templates"),
        ("campaigns:search", None),
        ("campaigns:folder", "Accounts"),
        ("contacts:import", "Contacts"),
        ("contacts:opt_out_add", "Opt-outs"),
        ("providers:account", "Accounts"),
        ("providers:sandbox_clear", "Sandbox"),
        ("mfa_index", None),
        ("people:person", "People"),
        ("campaigns:system", "System"),
        ("campaigns:erasure", "Personal data"),
        ("people:profile", None),
    ],
)
def test_the_navigation_marks_the_entry_that_a_page_belongs_to(view: str, label: str | None) -> None:
    found = find_active(view)
    assert (found.label if found else None) == label


def test_progress_is_shown_in_words() -> None:
    drawn = html_of(
        render_to_string("components/progress.html", {"done": 64000, "total": 100000, "words": "4 min left"})
    )
    assert "64,000 of 100,000 · 4 min left" in drawn
    assert 'max="100000" value="64000"' in drawn


def test_progress_without_a_total_still_counts() -> None:
    drawn = render_to_string("components/progress.html", {"done": 1200, "unknown": True})
    assert "<progress" not in drawn
    assert "1,200" in drawn


@pytest.mark.django_db
def test_the_login_page_lets_the_browser_run_nothing_but_our_own_files(client: Client) -> None:
    answer = client.get("/login/login/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "signup" not in answer.content.decode()
    assert "password/reset" not in answer.content.decode()


@pytest.mark.django_db
def test_a_wrong_password_is_reported_in_a_sentence_and_the_name_stays(client: Client) -> None:
    answer = client.post("/login/login/", {"login": "thandi", "password": "not this one"})
    assert "Incorrect username or password." in answer.content.decode()
    assert 'value="thandi"' in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/login/password/change/", "Current password"),
        ("/login/logout/", "Running campaigns continue"),
        ("/login/reauthenticate/", "Confirm your identity"),
        ("/login/2fa/", "Authenticator app"),
        ("/profile/", "Time zone"),
    ],
)
def test_the_pages_of_ones_own_account_are_rendered(client: Client, address: str, words: str) -> None:
    client.force_login(User.objects.create_user("thandi", password="correct horse battery"))
    answer = client.get(address)
    assert answer.status_code == 200
    assert words in answer.content.decode()


@pytest.mark.django_db
def test_a_second_step_can_be_set_up_and_gives_recovery_codes(client: Client) -> None:
    User.objects.create_user("thandi", "thandi@example.org", "correct horse battery")
    client.post("/login/login/", {"login": "thandi", "password": "correct horse battery", "next": "/login/2fa/"})
    # allauth stores the address as not verified when a link is made, which must not block the person.
    EmailAddress.objects.create(user=User.objects.get(), email="thandi@example.org")
    asked = client.get("/login/2fa/totp/activate/", follow=True).content.decode()
    assert "Confirm your identity" in asked
    refused = client.post("/login/reauthenticate/", {"password": "wrong", "next": "/login/2fa/totp/activate/"})
    assert "Incorrect password." in refused.content.decode()
    page = client.post(
        "/login/reauthenticate/",
        {"password": "correct horse battery", "next": "/login/2fa/totp/activate/"},
        follow=True,
    ).content.decode()
    assert 'src="data:image/svg+xml' in page
    wrong = client.post("/login/2fa/totp/activate/", {"code": "not a code"}).content.decode()
    assert "invalid-feedback" in wrong
    secret = re.search(r'id="totp-secret">(\w+)<', wrong)
    assert secret is not None
    code = format_hotp_value(hotp_value(secret[1], next(iter(yield_hotp_counters_from_time()))))
    done = client.post("/login/2fa/totp/activate/", {"code": code}, follow=True).content.decode()
    assert 'id="recovery-codes"' in done
    index = client.get("/login/2fa/").content.decode()
    assert "On: you log in with your password and a code or a passkey" in index
    assert "10 unused codes" in index
    for address, words in (
        ("totp/deactivate/", "Switch off the authenticator app"),
        ("recovery-codes/generate/", "Your 10 unused codes will stop working"),
        ("reauthenticate/", "The six digits from your authenticator app"),
    ):
        assert words in client.get(f"/login/2fa/{address}").content.decode()
    client.logout()
    second = client.post(
        "/login/login/", {"login": "thandi", "password": "correct horse battery", "next": "/login/2fa/"}, follow=True
    )
    assert "Two-step login" in second.content.decode()


@pytest.mark.django_db
def test_the_frame_shows_who_is_in_and_logs_out_by_a_form(client: Client) -> None:
    client.force_login(User.objects.create_user("thandi", first_name="Thandi", last_name="Mokoena"))
    page = client.get("/login/2fa/").content.decode()
    assert "Thandi Mokoena" in page
    assert '<form method="post" action="/login/logout/">' in page
    assert "/admin/" not in page
    assert 'href="#main"' in page


@pytest.mark.django_db
def test_an_address_that_leads_nowhere_says_so(client: Client) -> None:
    client.force_login(User.objects.create_user("thandi"))
    answer = client.get("/nothing-is-here/")
    assert answer.status_code == 404
    assert "Page not found" in answer.content.decode()


def test_a_refusal_shows_its_own_sentence_or_names_the_role() -> None:
    request = RequestFactory().get("/")
    own = permission_denied(request, PermissionDenied("You wrote this campaign; someone else approves it."))
    assert own.status_code == 403
    assert "someone else approves it" in own.content.decode()
    assert "Your role does not allow this" not in own.content.decode()
    plain = permission_denied(request, PermissionDenied())
    assert "Your role does not allow this" in plain.content.decode()


@pytest.mark.django_db
def test_somebody_without_a_role_is_told_how_to_get_one(client: Client) -> None:
    person = User.objects.create_user("thandi")
    client.force_login(person)
    answer = client.get("/")
    assert answer.status_code == 403
    assert "You have no role yet" in answer.content.decode()
    person.groups.add(Group.objects.get(name="viewer"))
    assert client.get("/").status_code == 200
    refused = client.get("/campaigns/new/")
    assert refused.status_code == 403
    assert "You do not have permission" in refused.content.decode()


def test_the_other_failures_say_what_to_do() -> None:
    request = RequestFactory().get("/")
    assert "Go back and try again" in html_of(bad_request(request, ValueError()))
    assert "is not handed over twice" in html_of(server_error(request))
    forged = csrf_failure(request)
    assert forged.status_code == 403
    assert "reload the page" in html_of(forged)
