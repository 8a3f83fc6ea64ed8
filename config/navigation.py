"""Navigation between the apps: the entries of the main navigation, and the buttons of an account's page.

An app's own templates name no view of an app above it; here the views of all apps may be named.
"""

from typing import Any, NamedTuple

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse
from django.utils import timezone

from campaigns import timing
from campaigns.models import Alarm, Notice
from campaigns.statuses import AlarmKind
from config import outages
from contacts.outages import Outage, is_disk_full

register = template.Library()


class Entry(NamedTuple):
    label: str
    icon: str
    view: str
    owns: tuple[str, ...] = ()
    """Beginnings of the names of the views below this entry; the longest that fits a view decides."""
    permission: str = ""
    """Who sees an entry of administrators."""


ENTRIES = (
    Entry("Overview", "grid-1x2", "overview", ("overview",)),
    Entry("Campaigns", "megaphone", "campaigns:list", ("campaigns:",)),
    Entry("Templates", "card-text", "campaigns:templates", ("campaigns:template",)),
    Entry("Contacts", "people", "contacts:lists", ("contacts:",)),
    Entry("Opt-outs", "slash-circle", "contacts:opt_outs", ("contacts:opt_out",)),
    Entry("Replies", "envelope", "campaigns:replies", ("campaigns:repl",)),
    Entry(
        "Accounts",
        "hdd-network",
        "providers:accounts",
        ("providers:", "campaigns:folder", "campaigns:price", "campaigns:reply_address", "campaigns:test_number"),
    ),
)
SANDBOX = Entry("Sandbox", "activity", "providers:sandbox", ("providers:sandbox",))
ADMINISTRATION = (
    Entry("People", "person-check", "people:list", ("people:",), "auth.view_user"),
    Entry("Audit", "eye", "audit:entries", ("audit:",), "audit.view_auditentry"),
    Entry(
        "Personal data",
        "shield-lock",
        "campaigns:privacy",
        ("campaigns:privacy", "campaigns:erasure"),
        "campaigns.add_erasure",
    ),
    Entry("System", "plug", "campaigns:system", ("campaigns:system",), "campaigns.delete_heartbeat"),
)
"""The entries of administrators, below the others."""
ADMIN = Entry("Admin", "gear", "admin:index")
OUTSIDE = ("campaigns:search", "campaigns:notice", "people:profile")
"""Views that belong to no entry."""


class AccountLink(NamedTuple):
    """A button on an account's page that leads to ``view``, whose only argument is the account's primary key."""

    heading: str
    label: str
    view: str
    permission: str
    needs_folder: bool = False
    """Whether it makes sense only with a provider that exchanges files in a folder."""
    posts: bool = True
    """Whether it posts, because opening the page costs something."""


ACCOUNT_LINKS = (
    AccountLink("Files", "Show the provider's folder", "campaigns:folder", "providers.open_folder", needs_folder=True),
    AccountLink("Prices", "Prices of a part", "campaigns:prices", "providers.change_account", posts=False),
    AccountLink(
        "Replies", "Address for replies", "campaigns:reply_address", "campaigns.change_replyaddress", posts=False
    ),
)


def find_active(view: str) -> Entry | None:
    """The entry that the view named ``view`` belongs to, None where it belongs to none."""
    if view.startswith(OUTSIDE):
        return None
    entries = (*ENTRIES, SANDBOX, *ADMINISTRATION)
    owned = [(len(start), entry) for entry in entries for start in entry.owns if view.startswith(start)]
    return max(owned, key=lambda pair: pair[0])[1] if owned else None


@register.inclusion_tag("components/nav.html", takes_context=True)
def main_nav(context: Context) -> dict[str, Any]:
    """The groups of entries that this user sees on this installation, each with its heading, the active one marked."""
    request: HttpRequest | None = context.get("request")
    user = context.get("user")
    daily = [*ENTRIES, SANDBOX] if settings.SANDBOX_URL else [*ENTRIES]
    administration = [entry for entry in ADMINISTRATION if user and user.has_perm(entry.permission)]
    if user and user.is_superuser:
        administration.append(ADMIN)
    match = request.resolver_match if request else None
    active = find_active(match.view_name) if match else None

    def drawn(entries: list[Entry]) -> list[tuple[Entry, str, bool]]:
        return [(entry, reverse(entry.view), entry is active) for entry in entries]

    groups = [("", drawn(daily)), ("Administration", drawn(administration))]
    return {"groups": [(heading, entries) for heading, entries in groups if entries]}


@register.inclusion_tag("components/notice_bell.html", takes_context=True)
def notice_bell(context: Context) -> dict[str, Any]:
    """The link to the notices of this user, with how many are unread."""
    user = context.get("user")
    if user is None or not user.is_authenticated:
        return {"is_shown": False}
    return {"is_shown": True, "unread": Notice.objects.filter(user=user, read_at=None).count()}


@register.inclusion_tag("components/outages.html")
def outage_notices() -> dict[str, Any]:
    """What does not work at the moment, for pages that can be shown all the same."""
    seen_lately = timezone.now() - timing.ALARM_IS_CURRENT_FOR
    is_redis_away = Alarm.objects.filter(ended_at=None, kind=AlarmKind.REDIS, seen_at__gte=seen_lately).exists()
    present = {Outage.REDIS: is_redis_away, Outage.DISK: is_disk_full()}
    return {"outages": [outages.WORDS[outage] for outage, is_present in present.items() if is_present]}


@register.inclusion_tag("components/account_links.html", takes_context=True)
def account_links(context: Context) -> dict[str, Any]:
    """The rows of an account's facts that lead to other apps, for the user and the account of the context."""
    account, user = context["account"], context["user"]
    links = [
        (link, reverse(link.view, args=[account.pk]))
        for link in ACCOUNT_LINKS
        if user.has_perm(link.permission) and (account.adapter.keeps_folder or not link.needs_folder)
    ]
    return {"links": links}


@register.simple_tag(takes_context=True)
def new_campaign_url(context: Context, list_id: int) -> str:
    """The page that writes a campaign to this list; "" for users who may not write campaigns.

    Posting nothing to it makes the draft with an offered name at once.
    """
    if not context["user"].has_perm("campaigns.add_campaign"):
        return ""
    return f"{reverse('campaigns:new')}?list={list_id}"


@register.simple_tag
def test_numbers_url() -> str:
    """The page of the phones that administrators keep for test handovers."""
    return reverse("campaigns:test_numbers")


@register.simple_tag
def sends_email() -> bool:
    """Whether this installation has a mail server."""
    return bool(settings.EMAIL_URL)
