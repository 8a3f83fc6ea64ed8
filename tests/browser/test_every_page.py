"""Every page: axe finds nothing in light and dark, nothing scrolls sideways at 375 or 1,280 px, and no script fails."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files import File
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from playwright.sync_api import Browser, ConsoleMessage, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from audit.models import AuditEntry
from campaigns import exporting, follow_up
from campaigns.lifecycle import transition
from campaigns.models import (
    Alarm,
    Erasure,
    Export,
    Heartbeat,
    Notice,
    Purge,
    Template,
    TemplateVersion,
    TestNumber,
)
from campaigns.monitoring.signs import QueueLength, Signs, WorkerSign
from campaigns.views import system
from contacts import jobs, suppression
from contacts.importing import uploading
from contacts.models import BulkAction, ContactList, Import, Segment, Suppression
from providers import checking
from providers.models import Account
from tests.browser.pages import WIDE, faults_of, log_in
from tests.campaigns.conftest import account, freeze, make_campaign, make_list, make_running, own_files
from tests.conftest import PASSWORD

__all__ = ["account", "make_campaign", "make_list", "make_running", "own_files"]

#: The pages are looked at in so many tests, beside each other.
PARTS = 6
#: Pages whose address has no argument.
PLAIN = {
    "campaigns": (
        "list", "new", "test_numbers", "replies", "reply_upload", "templates", "template_new", "notices",
        "notice_choice", "search", "system", "privacy",
    ),
    "contacts": (
        "lists", "list_new", "upload", "imports", "opt_outs", "opt_out_add", "opt_out_paste", "opt_out_upload",
    ),
    "providers": ("accounts", "account_add", "sandbox"),
    "people": ("list", "invite", "profile"),
    "audit": ("entries",),
}  # fmt: skip
#: Addresses that answer a GET with something other than a page.
NO_PAGE = {
    # They take a POST only; tests/browser/test_folder_page.py looks at the page that one of them answers with.
    "campaigns:approve", "campaigns:batch_cancel", "campaigns:batch_release", "campaigns:cancel",
    "campaigns:change", "campaigns:choose", "campaigns:confirm_start", "campaigns:copy", "campaigns:correct_rest",
    "campaigns:dismiss", "campaigns:export_begin", "campaigns:fallback", "campaigns:folder", "campaigns:freeze",
    "campaigns:host_remove", "campaigns:measure", "campaigns:erasure_again",
    "campaigns:notice_read", "campaigns:notices_read", "campaigns:pause", "campaigns:people_remove",
    "campaigns:people_upload", "campaigns:quote", "campaigns:reject", "campaigns:release_canary",
    "campaigns:reply_opt_out", "campaigns:reply_push", "campaigns:reply_read", "campaigns:resume",
    "campaigns:template_delete", "campaigns:template_restore", "campaigns:test_number_delete",
    "contacts:import_apply", "contacts:import_cancel", "contacts:import_fix", "contacts:import_recheck",
    "contacts:import_replace", "contacts:import_sheet", "contacts:import_undo", "contacts:segment_delete",
    "providers:account_test", "providers:sandbox_clear", "providers:sandbox_fault",
    "people:access", "people:link", "people:second_step",
    # They lead to a page, or are a part of one.
    "campaigns:batch_decide", "campaigns:edit", "campaigns:export_progress", "campaigns:notice_open",
    "campaigns:erasure_progress",
    "campaigns:options", "campaigns:preview", "campaigns:progress", "campaigns:recipients", "campaigns:tests",
    "contacts:bulk_progress", "contacts:segment", "contacts:count", "contacts:import_progress",
    # Downloads.
    "campaigns:evidence_file", "campaigns:evidence_reply", "campaigns:export_download", "campaigns:exact_file",
    "campaigns:payload", "campaigns:people_sheet", "campaigns:person_export", "contacts:export", "contacts:import_rows",
    "contacts:opt_out_export", "audit:export",
}  # fmt: skip


def names() -> Iterator[str]:
    """The name of every address of Baton's own apps."""
    for part in get_resolver().url_patterns:
        if isinstance(part, URLResolver) and part.app_name in ("audit", "campaigns", "contacts", "providers", "people"):
            for pattern in part.url_patterns:
                assert isinstance(pattern, URLPattern)
                yield f"{part.app_name}:{pattern.name}"


@pytest.fixture
def pages(
    db: None,
    account: Account,
    make_campaign: Any,
    make_list: Any,
    make_running: Any,
    operator: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, list[str]]:
    """The addresses to look at, by name; a page that differs much from one state to another has several."""
    cache.clear()
    monkeypatch.setattr(exporting, "AT_ONCE", 3)
    monkeypatch.setattr(checking, "fetch_host_key", lambda account: account.host_key)
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    now = timezone.now()
    people: ContactList = make_list()
    unused: ContactList = make_list(name="Unused", first=27825550300)
    draft = make_campaign(account, people, name="Draft")
    waiting = freeze(make_campaign(account, people, name="Waits for approval"), operator)
    ended = make_running(account, people, name="Ended")
    for status in ("uploading", "committing", "handed_over", "rejected"):
        reason = "InsufficientCredits" if status == "rejected" else ""
        transition(ended.batches.get(), status, reason=reason, sentence="Too few credits.", handed_over_at=now)
    transition(ended, "closed", closed_at=now)
    again = follow_up.follow_up(ended, ["rejected"], operator, now)
    running = make_running(account, people, name="Running")
    batch = running.batches.get()
    for status in ("uploading", "committing", "unclear"):
        transition(batch, status, reason="silent", sentence="Nothing was reported.", handed_over_at=now)
    template = Template.objects.create(name="Sale", text="Hi @@value1@@", labels={"value1": "First name"})
    TemplateVersion.objects.create(template=template, number=1, text="Hi")
    TestNumber.objects.create(name="Shop phone", msisdn="27835550299")
    segment = Segment.objects.create(
        list=people, name="Person 1", conditions=[{"field": "value1", "is": "equals", "value": "Person 1"}]
    )
    suppression.suppress(["27825550199"], "manual", "Phoned")
    opt_out = Suppression.objects.get().pk
    uploaded, checked = (imported(people, operator) for _ in range(2))
    uploading.confirm(checked, {0: "phone", 1: "value1"})
    jobs.check_import(checked.pk)
    bulk = BulkAction.objects.create(list=people, kind="delete", created_by=operator, confirmed_at=now, beat_at=now)
    root = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    export, written = (
        Export.objects.create(campaign=ended, created_by=root, format="csv", name="a", total=5, created_at=now)
        for _ in range(2)
    )
    exporting.write(written.pk, timezone.now)
    for number, kind in enumerate(("finished", "approved", "batch_rejected")):
        Notice.objects.create(
            user=root, kind=kind, cause=str(number), sentence="1 file of Ended was rejected: 10,000 recipients.",
            path=ended.get_absolute_url(), created_at=now, mail_after=now, mailed_at=now,
        )  # fmt: skip
    found = a_bad_day(now)
    monkeypatch.setattr(system, "read_signs", lambda: found)
    contact = people.contacts.earliest("pk").pk
    asked = {"msisdn": "27825550399", "note": "E-mail of 3 March", "created_by": root, "created_at": now}
    erasures = (
        Erasure.objects.create(**asked, status="running"),
        Erasure.objects.create(**asked, status="blocked", left=["The campaign “Running” has not ended."]),
        Erasure.objects.create(**asked, status="done", ended_at=now, report=[["Contacts on lists", 1200]]),
    )
    Purge.objects.create(
        started_at=now, ended_at=now, report=[{"kind": "uploads", "items": 1, "rows": 2, "left": ["This stayed."]}]
    )

    def of(app: str, *found: tuple[Any, ...]) -> dict[str, list[str]]:
        made: dict[str, list[str]] = {}
        for name, *arguments in found:
            made.setdefault(f"{app}:{name}", []).append(reverse(f"{app}:{name}", args=arguments))
        return made

    opt_out_page = reverse("campaigns:number_opt_out")
    erase_page = reverse("campaigns:erase")
    return {
        "campaigns:number_opt_out": [f"{opt_out_page}?number=27825550100"],
        "campaigns:erase": [f"{erase_page}?number={number}" for number in ("27825550100", "27825550300")],
        "contacts:segment_new": [f"{reverse('contacts:segment_new', args=[people.pk])}?value1=Person+1"],
        **of(
            "campaigns",
            *((name,) for name in PLAIN["campaigns"]),
            *(
                (name, draft.pk)
                for name in ("recipients_step", "message_step", "when_step", "check", "compare", "test")
            ),
            *((name, draft.pk) for name in ("files", "letters")),
            *(("campaign", campaign.pk) for campaign in (waiting, running, ended)),
            *((name, again.pk) for name in ("people", "message_step", "check")),
            ("person", again.pk, again.people.earliest("pk").pk),
            *((name, ended.pk) for name in ("follow_up", "report", "export")),
            ("standing", running.pk),
            ("unclear", running.pk),
            ("batch", batch.pk),
            ("recipient", ended.pk, ended.recipients.earliest("pk").pk),
            *(("erasure", made.pk) for made in erasures),
            *(("export_page", made.pk) for made in (export, written)),
            *((name, account.pk) for name in ("prices", "reply_address")),
            ("template", template.pk),
            ("template_version", template.pk, 1),
        ),
        **of(
            "contacts",
            *((name,) for name in PLAIN["contacts"]),
            *((name, people.pk) for name in ("list", "list_edit", "contact_new", "upload")),
            ("list_delete", unused.pk),
            ("bulk_new", people.pk, "copy"),
            ("bulk_action", bulk.pk),
            ("segment_edit", segment.pk),
            ("contact", contact),
            ("contact_delete", contact),
            ("import", checked.pk),
            ("columns", uploaded.pk),
            ("opt_back_in", opt_out),
        ),
        **of("audit", *((name,) for name in PLAIN["audit"]), ("entry", AuditEntry.objects.latest("id").pk)),
        **of(
            "providers",
            *((name,) for name in PLAIN["providers"]),
            ("account", account.pk),
            ("account_host_key", account.pk),
        ),
        **of("people", *((name,) for name in PLAIN["people"]), *(("person", pk) for pk in (operator.pk, root.pk))),
    }


def a_bad_day(now: datetime) -> Signs:
    """A clock and a monitor that are silent, a worker of one queue, a disk that is nearly full, and their alarms."""
    silent = now - timedelta(minutes=10)
    beats = [
        Heartbeat.objects.create(process=process, host="baton-1.example.org", seen_at=silent, started_at=silent)
        for process in ("clock", "monitor")
    ]
    beats[1].disks = [{"label": "Data directory", "path": "/var/lib/baton", "free": 9 * 10**8, "total": 10**11}]
    for ended_at in (None, now):
        Alarm.objects.create(
            kind="disk", cause=f"disk, ended {ended_at}", sentence="The disk of /var/lib/baton is nearly full.",
            path=reverse("campaigns:system"), began_at=silent, seen_at=now, ended_at=ended_at,
        )  # fmt: skip
    workers = [WorkerSign("baton-1.example.org", 4242, "handover", "busy", now)]
    return Signs(workers, [QueueLength("handover", 3, silent), QueueLength("imports", 0, None)], beats[0], [beats[1]])


def imported(people: ContactList, operator: User) -> Import:
    sheet = BytesIO(b"Cell no.,First name\n082 555 0110,Anna\n12345,Ben\n")
    return uploading.upload(people, File(sheet, "people.csv"), "people.csv", operator)


def test_every_address_is_a_page_here_or_known_to_be_none(pages: dict[str, list[str]], client: Client) -> None:
    """A new page must be added above, so that it is looked at."""
    assert set(names()) == {*pages, *NO_PAGE}
    assert not NO_PAGE & set(pages)
    client.force_login(User.objects.get(username="root"), backend="django.contrib.auth.backends.ModelBackend")
    answers = {path: client.get(path) for paths in pages.values() for path in paths}
    wrong = {path: answer.status_code for path, answer in answers.items() if b"<main" not in answer.content}
    assert wrong == {}


def log_in_and_note(browser: Browser, url: str, context: dict[str, Any], errors: list[str]) -> Page:
    """Log in as the superuser; what the browser's console reports from then on is added to ``errors``."""
    page = log_in(browser, url, "root", {**context, "viewport": WIDE, "reduced_motion": "reduce"})

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(f"{page.url}: {message.text}")

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
    return page


@pytest.mark.slow
@pytest.mark.needs("chromium")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_page_has_a_barrier_in_light_or_dark_or_scrolls_sideways(
    pages: dict[str, list[str]],
    live_server: LiveServer,
    browser: Browser,
    browser_context_args: dict[str, Any],
    part: int,
) -> None:
    errors: list[str] = []
    page = log_in_and_note(browser, live_server.url, browser_context_args, errors)
    faults: list[str] = []
    for path in ["/", *(path for paths in pages.values() for path in paths)][part::PARTS]:
        page.goto(path)
        faults += faults_of(page, path)
    assert faults == []
    assert errors == []


@pytest.mark.slow
@pytest.mark.needs("chromium")
@pytest.mark.timeout(600)
def test_no_page_about_logging_in_and_no_error_page_has_a_barrier(
    make_user: Any, live_server: LiveServer, browser: Browser, browser_context_args: dict[str, Any]
) -> None:
    make_user("operator")
    stranger = browser.new_context(**browser_context_args, viewport=WIDE, base_url=live_server.url).new_page()
    person = log_in(browser, live_server.url, "operator", {**browser_context_args, "viewport": WIDE})
    alone, known = ("account_login", "account_reset_password"), ("account_reauthenticate", "account_change_password")
    faults: list[str] = []
    for page, addresses in (
        (stranger, [*map(reverse, alone), f"{reverse('account_login')}?next=/contacts/"]),
        (person, [*map(reverse, (*known, "account_logout", "mfa_index", "mfa_activate_totp")), "/no-such-page/"]),
    ):
        for path in addresses:
            page.goto(path)
            faults += faults_of(page, path)
    assert faults == []
