"""One number, one page: everything that was ever done about it, and opting it out."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.models import Attempt, Batch, Campaign, Recipient, RecipientOutcome, Reply
from campaigns.views import timeline
from contacts import suppression
from contacts.models import Consent, Contact, ContactList, Import, ImportRow, Suppression
from providers.models import Account
from tests.pages import html_of

pytestmark = pytest.mark.postgresql

LogIn = Callable[[User], Client]
NUMBER = "27825550100"


@pytest.fixture
def reading(viewer: User, logged_in: LogIn) -> Client:
    return logged_in(viewer)


@pytest.fixture
def client(operator: User, logged_in: LogIn) -> Client:
    return logged_in(operator)


@pytest.fixture
def handed_over(account: Account, make_running: Callable[..., Campaign], approver: User) -> Campaign:
    """A campaign whose only file was handed over an hour ago, and whose first number the provider refused."""
    campaign = make_running(account)
    at = timezone.now() - timedelta(hours=1)
    Batch.objects.update(status="accepted", first_intent_at=at, handed_over_at=at, provider_ref="ref-77")
    batch = campaign.batches.get()
    Attempt.objects.create(batch=batch, number=1, name="a.zip", started_at=at, receipt=b"226 Transfer complete")
    RecipientOutcome.objects.create(
        batch=batch,
        recipient=Recipient.objects.get(msisdn=NUMBER),
        result="row_error",
        code="MSISDN.Blocked",
        sentence="The network blocks this number.",
        source="errors.csv",
        line=12,
    )
    return campaign


@pytest.mark.parametrize("typed", [NUMBER, "082 555 0100", "+27 82 555 0100"])
def test_it_finds_lists_opt_outs_and_the_words_that_were_handed_over(
    typed: str, handed_over: Campaign, reading: Client
) -> None:
    now = timezone.now()
    Suppression.objects.create(msisdn=NUMBER, source="provider", note="Said STOP", created_at=now, lifted_at=now)
    Suppression.objects.create(msisdn=NUMBER, source="manual", note="Called us", created_at=now)
    Consent.objects.create(msisdn=NUMBER, note="Signed a form", created_at=now)
    account = handed_over.account
    Reply.objects.create(
        account=account, msisdn=NUMBER, phone=NUMBER, text="Who is this?", recorded_at=now, source="push", action="read"
    )

    page = html_of(reading.get("/search/", {"number": typed}))

    for words in (
        "+27 82 555 0100", "Customers", "First name", "Person 0", "Opted out", "Said STOP", "Called us",
        "Signed a form", "Who is this?", "October promo",
        '<blockquote class="sms">Hi Person 0, 20 % off ends Sunday.',
        handed_over.batches.get().name, "recipient 1 of 5", "approver", "submitted by operator",
        "Failed number", "MSISDN.Blocked", "The network blocks this number.", "errors.csv, line 12",
        "ref-77", "226 Transfer complete",
    ):  # fmt: skip
        assert words in page
    assert "Not handed over" not in page


def test_the_newest_is_first(handed_over: Campaign) -> None:
    suppression.suppress([NUMBER], "manual", "Called us")
    kinds = [entry.kind for entry in timeline.timeline_of(NUMBER).entries]
    assert kinds[0] == "opted_out"
    assert set(kinds) == {"opted_out", "text", "added"}
    times = [entry.at for entry in timeline.timeline_of(NUMBER).entries]
    assert times == sorted(times, reverse=True)


def test_a_text_that_was_not_handed_over_says_so(
    account: Account, make_running: Callable[..., Campaign], reading: Client
) -> None:
    make_running(account)
    assert "Not handed over" in html_of(reading.get("/search/", {"number": NUMBER}))


def test_a_file_that_was_replaced_is_named(handed_over: Campaign, reading: Client) -> None:
    batch = handed_over.batches.get()
    old = Batch.objects.get(pk=batch.pk)
    old.pk, old.generation, old.status, old.name = None, 9, "superseded", "c1-b1-g9.zip"
    old.stem, old.key, old.provider_ref = "other", 99, ""
    old.save()
    page = html_of(reading.get("/search/", {"number": NUMBER}))
    assert "Earlier file" in page
    assert "c1-b1-g9.zip" in page


def test_the_row_of_the_spreadsheet_is_named(make_list: Callable[..., ContactList], operator: User) -> None:
    contact_list = make_list()
    imported = Import.objects.create(
        list=contact_list, original_name="customers.xlsx", country="ZA", file="imports/a.xlsx", created_by=operator
    )
    ImportRow.objects.create(import_of=imported, row=113, msisdn=NUMBER, bucket="created")
    ImportRow.objects.create(import_of=imported, row=114, msisdn="27825550101", bucket="created")
    found = [entry.row.row for entry in timeline.timeline_of(NUMBER).entries if entry.kind == "imported"]
    assert found == [113]


def test_many_texts_are_paged_by_key_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, account: Account, make_list: Callable[..., ContactList], reading: Client
) -> None:
    monkeypatch.setattr(timeline, "TEXTS", 3)
    contact_list, now = make_list(count=1), timezone.now()
    for number in range(7):
        campaign = Campaign.objects.create(name=f"Promo {number}", account=account, text="Hi")
        Campaign.objects.filter(pk=campaign.pk).update(created_at=now + timedelta(days=number))
        Recipient.objects.create(campaign=campaign, list_id=contact_list.pk, contact_id=1, msisdn=NUMBER)
        Suppression.objects.create(
            msisdn=NUMBER, source="manual", note=f"n{number}", lifted_at=now,
            created_at=now + timedelta(days=number, hours=1),
        )  # fmt: skip
    seen, before = [], 0
    while True:
        page = timeline.timeline_of(NUMBER, before)
        seen += page.entries
        if page.older is None:
            break
        before = page.older
    assert [entry.kind for entry in seen] == ["opted_out", "text"] * 7 + ["added"]
    assert seen == sorted(seen, key=lambda entry: entry.at, reverse=True)
    first = reading.get("/search/", {"number": NUMBER})
    assert "Promo 6" in first.content.decode()
    assert "Promo 3" not in first.content.decode()
    assert "Promo 3" in reading.get(f"/search/{first.context['older']}").content.decode()


def test_no_query_scans_the_recipients(handed_over: Campaign) -> None:
    suppression.suppress([NUMBER], "manual", "Called us")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        timeline.timeline_of(NUMBER)
        timeline.timeline_of(NUMBER, before=Recipient.objects.get(msisdn=NUMBER).pk + 1)
        timeline.is_known("27825550999")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Small tables are read whole unless that is forbidden.
            cursor.execute("SET LOCAL enable_seqscan = off")
        for query in captured:
            explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            cursor.execute(f"{explain} {query['sql']}")
            plan = "\n".join(" ".join(map(str, row)) for row in cursor.fetchall())
            assert "Seq Scan" not in plan, plan
            assert not [line for line in plan.splitlines() if "SCAN" in line and "INDEX" not in line], plan


def test_a_stranger_has_no_history_and_can_be_opted_out(client: Client, reading: Client) -> None:
    page = html_of(reading.get("/search/", {"number": "082 555 0199"}))
    for words in ("+27 82 555 0199", "Not on any list.", "Baton has recorded nothing about this number."):
        assert words in page
    assert "/search/opt-out/" not in page
    assert "/search/opt-out/?number=27825550199" in html_of(client.get("/search/", {"number": "082 555 0199"}))

    data = {"opted_out_on": "2026-01-31", "note": "Phoned the shop"}
    answer = client.post("/search/opt-out/?number=27825550199", data, follow=True)

    row = Suppression.objects.get()
    assert (row.msisdn, row.source, row.note) == ("27825550199", "manual", "Phoned the shop")
    assert str(row.opted_out_on) == "2026-01-31"
    page = html_of(answer)
    for words in ("is opted out. No campaign will text it.", "Phoned the shop", "on 31 Jan 2026", "Opt back in"):
        assert words in page
    assert "/search/opt-out/" not in page


def test_the_day_of_an_opt_out_survives_the_loss_of_the_database(client: Client) -> None:
    client.post(f"/search/opt-out/?number={NUMBER}", {"opted_out_on": "2026-01-31", "note": "Phoned"})
    connection.ops.execute_sql_flush([f"DELETE FROM {Suppression._meta.db_table}"])
    assert suppression.reapply_journal() == 1
    assert str(Suppression.objects.get().opted_out_on) == "2026-01-31"


@pytest.mark.parametrize(
    ("data", "field", "sentence"),
    [
        ({"note": "Phoned"}, "opted_out_on", "Enter the day the person opted out."),
        ({"opted_out_on": "2126-01-01", "note": "Phoned"}, "opted_out_on", "This day is in the future."),
        ({"opted_out_on": "2026-01-31"}, "note", "Enter how the person opted out."),
    ],
)
def test_an_opt_out_needs_a_day_and_a_proof(client: Client, data: dict[str, str], field: str, sentence: str) -> None:
    answer = client.post(f"/search/opt-out/?number={NUMBER}", data)
    assert answer.status_code == 422
    assert answer.context["form"].errors[field] == [sentence]
    assert not Suppression.objects.exists()


def test_a_viewer_opts_nobody_out(reading: Client) -> None:
    for answer in (
        reading.get(f"/search/opt-out/?number={NUMBER}"),
        reading.post(f"/search/opt-out/?number={NUMBER}", {"opted_out_on": "2026-01-31", "note": "x"}),
    ):
        assert answer.status_code == 403
    assert not Suppression.objects.exists()


def test_digits_that_are_no_number_are_found_if_something_is_known(
    reading: Client, make_list: Callable[..., ContactList]
) -> None:
    strange = "99912345678901"
    assert reading.get("/search/", {"number": strange}).context["error"]
    Contact.objects.create(list=make_list(count=0), msisdn=strange)
    assert "Customers" in reading.get("/search/", {"number": strange}).content.decode()


def test_an_invalid_number_is_reported(reading: Client) -> None:
    response = reading.get("/search/", {"number": "hello"})
    assert response.context["error"]
    assert response.context["error"] in response.content.decode().replace("&#x27;", "'").replace("&quot;", '"')


def test_an_empty_search_asks_for_a_number(reading: Client) -> None:
    assert "Which number?" in reading.get("/search/").content.decode()
