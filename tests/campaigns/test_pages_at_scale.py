"""No query of a page that refreshes itself is about recipients, and no other page reads more of them with their number.

The bounds are read off the plans of the queries, so a few recipients are enough to test what ten million would cost.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from campaigns.models import Batch, Campaign, Export, RecipientOutcome
from campaigns.views import watch
from contacts import browsing
from contacts.models import Contact, ContactList, Import
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign, count_causes
from tests.plans import READS_ALL, plan_of, queries_over_growing_tables

pytestmark = pytest.mark.usefixtures("enqueued")

LogIn = Callable[[User], Client]
PEOPLE = 120


@pytest.fixture
def campaign(account: Account, make_running: MakeCampaign, make_list: Callable[..., ContactList]) -> Campaign:
    """A running campaign with allowed hours, a pace and first recipients, and a file with failed numbers."""
    made = make_running(account, make_list(count=PEOPLE))
    batch = made.batches.get()
    for recipient in made.recipients.order_by("msisdn")[:30]:
        RecipientOutcome.objects.create(batch=batch, recipient=recipient, result="row_error", code="MSISDN.Optout")
    Batch.objects.filter(pk=batch.pk).update(status="accepted", row_errors=30, rows=100, settled_at=timezone.now())
    made.recipients.filter(pk__in=list(made.recipients.order_by("-msisdn").values_list("pk", flat=True)[:20])).update(
        batch_number=None
    )
    Campaign.objects.filter(pk=made.pk).update(pace=1000, canary=100, freeze_total=PEOPLE, nobody_waits_up_to="")
    count_causes(made)
    made.refresh_from_db()
    return made


def queries(client: Client, address: str, headers: dict[str, str] | None = None) -> list[str]:
    """The queries of a page, or a download, about tables that grow."""
    with queries_over_growing_tables() as found:
        answer: Any = client.get(address, headers=headers)
        if answer.streaming:
            answer.getvalue()
    assert answer.status_code in (200, 204, 286), (address, answer.status_code)
    return found


@pytest.mark.parametrize("status", ["freezing", "approved", "running", "paused", "closed"])
def test_no_query_of_a_polled_page_is_about_recipients(
    status: str, campaign: Campaign, approver: User, logged_in: LogIn
) -> None:
    client = logged_in(approver)
    Campaign.objects.filter(pk=campaign.pk).update(status=status, closed_at=timezone.now())
    imported = Import.objects.create(
        list=ContactList.objects.earliest("pk"), original_name="a.csv", country="ZA", file="imports/a.csv",
        status="applying", mapping={"0": "phone"}, total=PEOPLE, progress=7,
    )  # fmt: skip
    export = Export.objects.create(campaign=campaign, created_by=approver, name="export", created_at=timezone.now())
    found = {}
    pages: tuple[tuple[str, list[Any], dict[str, str]], ...] = (
        ("overview", [], {}),
        *(("campaigns:progress", [campaign.pk], {"status": status, "tab": tab}) for tab in watch.TABS),
        *(("campaigns:campaign", [campaign.pk], {"tab": tab}) for tab in ("result", "files", "history")),
        ("campaigns:export_progress", [export.pk], {}),
        ("campaigns:export_page", [export.pk], {}),
        ("contacts:import_progress", [imported.pk], {}),
        ("contacts:import", [imported.pk], {}),
        ("providers:accounts", [], {}),
        ("providers:account", [campaign.account_id], {}),
    )
    for name, args, query in pages:
        address = reverse(name, args=args, query=query)
        is_bounded_sample = name == "campaigns:campaign" and status in ("approved", "closed")
        for headers in ({}, {"HX-Request": "true"}):
            sqls = queries(client, address, headers)
            if sqls and not is_bounded_sample:
                found[address] = sqls
    assert found == {}


@pytest.fixture
def no_scan_of_few_rows(db: None) -> None:
    """Without this, PostgreSQL scans a table of few rows, whatever indexes there are."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")


@pytest.mark.postgresql
@pytest.mark.usefixtures("no_scan_of_few_rows")
def test_the_pages_of_recipients_and_contacts_read_by_key(campaign: Campaign, operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    page, recipient = campaign.get_absolute_url(), campaign.recipients.order_by("msisdn")[60]
    people = ContactList.objects.earliest("pk")
    contact = Contact.objects.order_by("msisdn")[60]
    wide = {}
    for address in (
        *(f"{page}?tab=recipients{query}" for query in (
            "", f"&after={recipient.pk}", f"&before={recipient.pk}", "&number=0825550", "&number=%2B27825550101",
            "&batch=1", "&outcome=row_error", "&outcome=excluded", "&outcome=waiting", "&outcome=rejected",
            "&code=MSISDN.Optout", "&code=missing_field",
        )),
        f"/campaigns/{campaign.pk}/recipients/",
        f"/campaigns/{campaign.pk}/recipients/{recipient.pk}/",
        f"/search/?number={recipient.msisdn}",
        f"/contacts/{people.pk}/",
        f"/contacts/{people.pk}/?after={contact.pk}",
        f"/contacts/{people.pk}/?q=0825550",
        f"/contacts/people/{contact.pk}/",
        f"/campaigns/{campaign.pk}/export/?format=csv",
        f"/campaigns/{campaign.pk}/export/?format=csv&outcome=row_error",
        f"/contacts/{people.pk}/export/?format=csv",
    ):  # fmt: skip
        for sql in queries(client, address):
            plan = plan_of(sql)
            if READS_ALL.search(plan):
                wide[address] = (sql, plan)
            assert "LIKE '%" not in sql, address
    # No index contains parts of values, so the page reads a window of the list, and an index finds its bounds.
    for sql in queries(client, f"/contacts/{people.pk}/?q=Thandi"):
        if READS_ALL.search(plan := plan_of(sql)):
            wide["by name"] = (sql, plan)
    assert wide == {}


def test_recipients_are_paged_by_key_in_both_directions(campaign: Campaign, viewer: User, logged_in: LogIn) -> None:
    client = logged_in(viewer)
    expected = list(campaign.recipients.order_by("msisdn", "id").values_list("pk", flat=True))
    address, shown = f"/campaigns/{campaign.pk}/recipients/", []
    while address:
        context: Any = client.get(address).context
        shown.append([row.record.pk for row in context["table"].rows])
        previous, last = context["pages"].previous, address
        address = context["pages"].next and f"/campaigns/{campaign.pk}/recipients/{context['pages'].next}"
    assert [pk for rows in shown for pk in rows] == expected
    assert len(shown) == 3
    back = client.get(f"/campaigns/{campaign.pk}/recipients/{previous}").context
    assert [row.record.pk for row in back["table"].rows] == shown[-2]
    assert last


def test_a_page_of_recipients_reads_few_more_than_it_shows(
    campaign: Campaign, viewer: User, logged_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, address = logged_in(viewer), f"/campaigns/{campaign.pk}/recipients/"
    middle = campaign.recipients.order_by("msisdn")[60].pk
    for query in ("", f"?after={middle}", f"?before={middle}", "?number=0825550", "?batch=1"):
        skipped = [int(n) for sql in queries(client, address + query) for n in re.findall(r"OFFSET (\d+)", sql)]
        assert 0 < max(skipped) <= browsing.PAGE, query
    # A filter that few of them match reads them in ever larger windows.
    monkeypatch.setattr(browsing, "WINDOW_GROWTH", 2)
    monkeypatch.setattr(browsing, "PAGE", 10)
    skipped = [
        int(n) for sql in queries(client, f"{address}?outcome=excluded") for n in re.findall(r"OFFSET (\d+)", sql)
    ]
    assert skipped == [10, 21, 43, 87]


def test_every_page_is_looked_at_or_reads_no_recipient(campaign: Campaign, approver: User, logged_in: LogIn) -> None:
    """Walks the URLconf: a page that reads recipients or contacts is named here, so that a new one is thought of."""
    cache.clear()
    client, reading = logged_in(approver), set()
    client.raise_request_exception = False
    Campaign.objects.filter(pk=campaign.pk).update(batches_due_at=timezone.now() + timedelta(hours=1))
    for part in get_resolver().url_patterns:
        if not isinstance(part, URLResolver) or part.app_name not in ("campaigns", "contacts", "providers"):
            continue
        for pattern in part.url_patterns:
            assert isinstance(pattern, URLPattern)
            names = list(pattern.pattern.converters)
            arguments = dict.fromkeys(names, campaign.pk) if "token" not in names else {"token": "x" * 40}
            try:
                address = reverse(f"{part.app_name}:{pattern.name}", kwargs=arguments)
            except Exception:  # noqa: S112 - an argument that is no number
                continue
            with queries_over_growing_tables() as found:
                client.get(address)
            if found:
                reading.add(f"{part.app_name}:{pattern.name}")
    assert not reading & {"campaigns:progress", "campaigns:tests", "campaigns:export_progress", "providers:account"}
    assert reading <= LOOKED_AT


#: Pages that read recipients or contacts by a bounded look-up, in windows, or for a download or a draft.
LOOKED_AT = {
    "campaigns:campaign", "campaigns:recipients", "campaigns:recipient", "campaigns:export", "campaigns:files",
    "campaigns:exact_file", "campaigns:follow_up", "campaigns:people", "campaigns:preview", "campaigns:standing",
    "campaigns:recipients_step", "campaigns:message_step", "campaigns:when_step", "campaigns:check",
    "campaigns:letters", "campaigns:compare", "campaigns:search", "campaigns:number_opt_out", "campaigns:new",
    "campaigns:test", "campaigns:edit", "campaigns:quote", "campaigns:choose", "campaigns:person",
    "campaigns:people_sheet", "campaigns:templates", "campaigns:template", "campaigns:template_new",
    "contacts:lists", "contacts:list", "contacts:count", "contacts:export", "contacts:contact",
    "contacts:contact_delete", "contacts:contact_new", "contacts:list_delete", "contacts:list_edit",
    "contacts:segment", "contacts:segment_edit", "contacts:segment_new", "contacts:bulk_new", "contacts:import",
    "contacts:columns",
}  # fmt: skip
