"""The overview: what needs a decision, what is running, what comes next, and the health of the accounts."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.db.models import Count, F, Max, Min, OuterRef, Subquery, Sum
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from campaigns import timing
from campaigns.audience.spec import rehearsal_of
from campaigns.decisions import may_stop
from campaigns.handover.waiting import needs_a_person, waiting_for
from campaigns.models import Alarm, Batch, Campaign, Event, Heartbeat
from campaigns.monitoring.problems import gaps
from campaigns.results import balance, summary
from campaigns.results.rate import rate_of
from campaigns.statuses import ACTIVE, PAUSED_BY_USER, SYSTEM_ALARMS
from campaigns.templatetags.badges import local_words, reason_word
from campaigns.views.forecasts import last_of
from campaigns.views.sent_back import sent_back
from contacts.snapshots import snapshot
from contacts.timing import REFRESH_SECONDS
from providers import checking
from providers.models import Account

DAYS = 30
#: Recently finished campaigns shown.
FINISHED = 10

#: The token of a form, which is different in each answer.
_TOKEN = re.compile(r'(?<=name="csrfmiddlewaretoken" value=")[^"]*')

#: One line of the inbox.
Line = dict[str, Any]


@require_GET
@permission_required("campaigns.view_campaign", raise_exception=True)
def overview(request: HttpRequest) -> HttpResponse:
    """The page. htmx asks for its live part, which answers 204 if nothing has changed."""
    with snapshot():
        context = _live() | {"sent_back": sent_back(request.user), "may_stop": may_stop(request.user)}
    live = render_to_string("campaigns/_overview.html", context, request)
    seen = hashlib.sha256(_TOKEN.sub("", live).encode()).hexdigest()[:16]
    context |= {"live": live, "seen": seen}
    if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted"):
        if seen == request.GET.get("seen"):
            return HttpResponse(status=204)
        return render(request, "campaigns/_overview_live.html", context)
    context |= {"days": _days(), "is_new": not Campaign.objects.exists()}
    context["has_days"] = bool(context["days"]["rows"])
    context["chart"] = {key: context["days"][key] for key in ("days", "series")}
    return render(request, "campaigns/overview.html", context)


def _live() -> dict[str, Any]:
    now = timezone.now()
    active = Campaign.objects.filter(status__in=ACTIVE).select_related("account", "approved_by")
    recent = Campaign.objects.filter(
        status__in=(Campaign.Status.CLOSED, Campaign.Status.CANCELLED),
        closed_at__gte=now - timing.CHECK_ENDED_FOR,
    ).select_related("account")
    campaigns, ended = list(active), list(recent)
    totals = balance.totals_of([*campaigns, *ended])
    for campaign in [*campaigns, *ended]:
        campaign.books = balance.of(campaign, totals[campaign.pk])  # type: ignore[attr-defined]
        campaign.rate = rate_of(campaign, campaign.books, now)  # type: ignore[attr-defined]
    accounts = list(Account.objects.filter(is_active=True).order_by("name"))
    for account in accounts:
        account.health = checking.health(account)  # type: ignore[attr-defined]
    # The page of a campaign shows its test handovers; here they matter only if somebody has to act.
    regular = [row for row in campaigns if row.kind == Campaign.Kind.REGULAR]
    started = (Campaign.Status.FREEZING, Campaign.Status.RUNNING, Campaign.Status.PAUSED)
    return {
        "inbox": _inbox(campaigns, ended, accounts),
        "running": [_with_waiting(row) for row in regular if row.status in started],
        "coming": sorted(
            (row for row in regular if row.status in (Campaign.Status.APPROVED, Campaign.Status.FROZEN)),
            key=lambda row: (not row.is_early and row.effective_start_at) or row.start_at or row.created_at,
        ),
        "finished": _finished([row for row in ended if row.kind == Campaign.Kind.REGULAR]),
        "accounts": accounts,
        "is_live": any(
            row.status in (Campaign.Status.FREEZING, Campaign.Status.RUNNING, Campaign.Status.APPROVED)
            for row in campaigns
        ),
        "refresh_seconds": REFRESH_SECONDS,
    }


def _with_waiting(campaign: Campaign) -> Campaign:
    """The campaign with ``waiting_for`` and ``last_sentence``: what it waits for, and when its last file goes.

    While it waits, no rate is shown.
    """
    now = timezone.now()
    waiting = campaign.books.waiting  # type: ignore[attr-defined]
    campaign.waiting_for = waiting_for(campaign, waiting, now)  # type: ignore[attr-defined]
    if campaign.waiting_for:  # type: ignore[attr-defined]
        campaign.rate = ""  # type: ignore[attr-defined]
    is_running = campaign.status == Campaign.Status.RUNNING
    campaign.last_sentence = last_of(campaign, waiting, now) if is_running else ""  # type: ignore[attr-defined]
    return campaign


def _finished(ended: list[Campaign]) -> list[Campaign]:
    """The campaigns that ended lately, the newest first, each with its result as ``summary``."""
    for campaign in ended:
        campaign.summary = summary.of_books(campaign, campaign.books)  # type: ignore[attr-defined]
    return sorted(ended, key=lambda row: row.closed_at or row.created_at, reverse=True)[:FINISHED]


def _inbox(campaigns: list[Campaign], ended: list[Campaign], accounts: Sequence[Account]) -> list[Line]:
    """What needs a person's attention, the most serious first: one line for each campaign and cause."""
    return [
        *_system_alarms(),
        *_mismatches([*campaigns, *ended]),
        *_stopped_accounts(accounts),
        *_files_to_decide(),
        *_contradictions(),
        *_waiting_campaigns(campaigns),
    ]


def _system_alarms() -> Iterator[Line]:
    """What is wrong with the installation: the open alarms, and why there may be more."""
    url = reverse("campaigns:system")
    for alarm in Alarm.objects.filter(ended_at=None, kind__in=SYSTEM_ALARMS).order_by("id"):
        yield _line("Baton", alarm.get_kind_display().lower(), alarm.sentence, url, "red", alarm.began_at)
    monitors = list(Heartbeat.objects.filter(process=Heartbeat.Process.MONITOR))
    for gap in gaps(monitors, timezone.now()):
        yield _line("Baton", "monitor stalled", gap.sentence, url, "red", gap.since)


def _mismatches(campaigns: list[Campaign]) -> Iterator[Line]:
    """Campaigns whose books do not balance."""
    for campaign in campaigns:
        mismatch = campaign.alarm or campaign.books.mismatch  # type: ignore[attr-defined]
        if mismatch:
            yield _line(campaign.name, "the numbers do not add up", mismatch, campaign.get_absolute_url(), "red")


def _stopped_accounts(accounts: Sequence[Account]) -> Iterator[Line]:
    """Accounts that hand nothing over until a connection test passes."""
    for account in accounts:
        if account.is_stopped:
            sentence = f"{account.stopped_sentence} Nothing is handed over until a connection test passes."
            yield _line(account.name, "stopped", sentence, account.get_absolute_url(), at=account.stopped_at)


def _files_to_decide() -> Iterator[Line]:
    """Unclear and held files: one line for each campaign and reason."""
    events = Event.objects.filter(batch=OuterRef("pk"), to_status=OuterRef("status")).order_by("-id")
    groups = (
        Batch.objects.filter(status__in=(Batch.Status.UNCLEAR, Batch.Status.HELD))
        .annotate(changed_at=Subquery(events.values("at")[:1]))
        .order_by()
        .values("campaign_id", "campaign__name", "status", "reason")
        .annotate(
            files=Count("pk"),
            left=Sum(F("rows") - F("row_errors") - F("accepted_rows")),
            first=Min("pk"),
            number=Min("number"),
            one_sentence=Min("sentence"),
            other_sentence=Max("sentence"),
            since=Min("changed_at"),
        )
    )
    for group in groups:
        if group["files"] == 1:
            url = reverse("campaigns:batch", args=[group["first"]])
        elif group["status"] == Batch.Status.UNCLEAR:
            url = reverse("campaigns:unclear", args=[group["campaign_id"]])
            url += f"?{urlencode({'reason': group['reason']})}"
        else:
            url = f"{reverse('campaigns:campaign', args=[group['campaign_id']])}?tab=files"
        what = f"file {group['number']}" if group["files"] == 1 else f"{group['files']:,} files"
        what = f"{what} {group['status']}, {_people(group['left'])}"
        sentence = group["one_sentence"]
        if group["other_sentence"] != sentence:
            sentence = f"{reason_word(group['reason'])}. One of them: {sentence}"
        yield _line(group["campaign__name"], what, sentence, url, at=group["since"])


def _contradictions() -> Iterator[Line]:
    """Files with an alarm: one line for each campaign and alarm."""
    alarms = (
        Batch.objects.exclude(alarm="")
        .order_by()
        .values("campaign_id", "campaign__name", "alarm")
        .annotate(files=Count("pk"), first=Min("pk"))
    )
    for alarm in alarms:
        url = reverse("campaigns:batch", args=[alarm["first"]])
        yield _line(alarm["campaign__name"], "evidence contradicts itself", alarm["alarm"], url, "red")


def _waiting_campaigns(campaigns: list[Campaign]) -> Iterator[Line]:
    """Campaigns that wait for a person: missed starts, those that Baton paused, approvals, first recipients."""
    since = _in_status_since(campaigns)
    for campaign in campaigns:
        url, at = campaign.get_absolute_url(), since.get(campaign.pk)
        if campaign.status == Campaign.Status.HELD:
            start = (
                f"It was due to start {local_words(campaign.effective_start_at)}."
                if campaign.effective_start_at
                else campaign.sentence
            )
            yield _line(campaign.name, "missed its start", start, url, at=at)
        elif campaign.status == Campaign.Status.PAUSED and campaign.reason != PAUSED_BY_USER:
            yield _line(campaign.name, "paused by Baton", campaign.sentence, url, at=at)
        elif campaign.status == Campaign.Status.FROZEN and campaign.kind == Campaign.Kind.REGULAR:
            what = f"waiting for approval, {_people(campaign.counts.get('included', 0))}"
            yield _line(campaign.name, what, campaign.sentence, url, at=at)
        elif needs_a_person(campaign, waiting := campaign.books.waiting):  # type: ignore[attr-defined]
            yield _line(campaign.name, "waiting to continue", waiting_for(campaign, waiting, timezone.now()), url)


def _in_status_since(campaigns: list[Campaign]) -> dict[int, datetime]:
    """Since when the campaigns that wait for a person have had their status."""
    waiting = [
        row.pk
        for row in campaigns
        if row.status in (Campaign.Status.HELD, Campaign.Status.PAUSED, Campaign.Status.FROZEN)
    ]
    events = Event.objects.filter(campaign__in=waiting, batch=None, to_status=F("campaign__status"))
    return dict(events.order_by().values_list("campaign_id").annotate(at=Max("at")))


def _people(count: int) -> str:
    return f"{count:,} recipient{'' if count == 1 else 's'}"


def _line(who: str, what: str, sentence: str, url: str, colour: str = "", at: datetime | None = None) -> Line:
    return {"who": who, "what": what, "sentence": sentence, "url": url, "is_red": colour == "red", "at": at}


def _days() -> dict[str, Any]:
    """Recipients by outcome for each of the last 30 days, by the day their file was settled; without rehearsals."""
    today = timezone.localdate()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    accepted, row_errors, rejected = (dict.fromkeys(days, 0) for _ in range(3))
    since = timezone.now() - timedelta(days=DAYS + 1)
    settled = Batch.objects.filter(settled_at__gte=since, campaign__kind=Campaign.Kind.REGULAR)
    campaigns = Campaign.objects.filter(pk__in=settled.values("campaign_id")).select_related("account")
    found = (
        settled.exclude(campaign__in=[campaign.pk for campaign in campaigns if rehearsal_of(campaign)])
        .order_by()
        .annotate(day=TruncDate("settled_at"))
        .values("day", "status")
        .annotate(all_rows=Sum("rows"), errors=Sum("row_errors"), taken=Sum("accepted_rows"))
    )
    for row in found:
        if row["day"] not in accepted:
            continue
        row_errors[row["day"]] += row["errors"]
        accepted[row["day"]] += row["taken"]
        left = row["all_rows"] - row["errors"] - row["taken"]
        if row["status"] == Batch.Status.ACCEPTED:
            accepted[row["day"]] += left
        elif row["status"] == Batch.Status.REJECTED:
            rejected[row["day"]] += left
    columns = (accepted, row_errors, rejected)
    return {
        # The table under the chart: the same numbers, without the days that have none.
        "rows": [(day, *(column[day] for column in columns)) for day in reversed(days) if any(c[day] for c in columns)],
        "days": [day.isoformat() for day in days],
        "series": [
            {"kind": "accepted", "label": "Accepted", "values": list(accepted.values())},
            {"kind": "decision", "label": "Failed numbers", "values": list(row_errors.values())},
            {"kind": "rejected", "label": "Rejected", "values": list(rejected.values())},
        ],
    }
