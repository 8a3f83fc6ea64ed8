"""The page of a running campaign: books, tiles, files, recipients, export, evidence and decisions."""

import csv
import io
import re
from collections.abc import Callable
from html import unescape

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from campaigns.models import Batch, Campaign, Evidence, RecipientOutcome
from campaigns.results.evidence import evidence_fingerprint
from campaigns.templatetags.badges import reason_word
from campaigns.views import watch
from contacts.models import ContactList
from providers.models import Account
from tests.campaigns.conftest import count_causes
from tests.conftest import retyped, signed_in
from tests.pages import html_of

LogIn = Callable[[User], Client]

pytestmark = pytest.mark.usefixtures("enqueued")


def with_row_error(campaign: Campaign) -> Batch:
    """A campaign whose file was accepted except for one row."""
    batch = campaign.batches.get()
    recipient = campaign.recipients.included().order_by("msisdn").first()
    assert recipient is not None
    RecipientOutcome.objects.create(
        batch=batch, recipient=recipient, result="row_error", code="MSISDN.Optout", sentence="This number opted out."
    )
    Batch.objects.filter(pk=batch.pk).update(status="accepted", row_errors=1, settled_at=timezone.now())
    count_causes(campaign)
    batch.refresh_from_db()
    return batch


def test_the_books_tiles_and_files_are_shown(running: Campaign, viewer: User, logged_in: LogIn) -> None:
    batch = with_row_error(running)
    client = logged_in(viewer)
    page = html_of(client.get(f"/campaigns/{running.pk}/"))
    assert "All 5 accounted for" in page
    assert "This number has opted out with SMSPortal." in page
    assert "?tab=recipients&amp;outcome=row_error" in page
    assert batch.name in html_of(client.get(f"/campaigns/{running.pk}/?tab=files"))


def test_each_part_of_the_page_is_a_link_and_only_the_one_that_is_shown_is_read(
    running: Campaign, viewer: User, logged_in: LogIn
) -> None:
    client = logged_in(viewer)
    for query, tab in (
        ("", "result"),
        ("?tab=nonsense", "result"),
        ("?tab=recipients", "recipients"),
        ("?outcome=accepted", "recipients"),
        ("?tab=files", "files"),
        ("?files=2", "files"),
        ("?tab=history", "history"),
    ):
        response = client.get(f"/campaigns/{running.pk}/{query}")
        page = html_of(response)
        assert response.context["tab"] == tab, query
        assert page.count('aria-current="page"') == 2, query  # the navigation, and the part
        assert ("table" in response.context, "history" in response.context) == (tab == "recipients", tab == "history")
        for other in ("recipients", "files", "history"):
            assert f'href="/campaigns/{running.pk}/?tab={other}"' in page
        assert f"tab={tab}&amp;seen=" in page, "the refresh keeps the part"


def test_every_number_of_the_result_leads_to_its_people(
    account: Account, make_list: Callable[..., ContactList], make_running: Callable[..., Campaign], viewer: User,
    logged_in: LogIn,
) -> None:  # fmt: skip
    campaign = make_running(account, make_list(), make_list("VIP"))
    with_row_error(campaign)
    client = logged_in(viewer)
    page = html_of(client.get(f"/campaigns/{campaign.pk}/"))
    links = re.findall(rf'href="(/campaigns/{campaign.pk}/\?tab=recipients&amp;[^"]+)"', page)
    counts = {link.partition("outcome=")[2]: len(client.get(unescape(link)).context["table"].rows) for link in links}
    assert counts == {
        "accepted": 4,
        "row_error": 1,
        "rejected": 0,
        "excluded&amp;code=duplicate": 5,
        "row_error&amp;code=MSISDN.Optout": 1,
    }
    assert '<b>10</b> selected</a> <span class="op">−</span>' in page
    assert '<b>5</b> already on an earlier list</a> <span class="op">=</span> <b>5</b> recipients' in page


@pytest.mark.parametrize(
    ("status", "reason", "role", "label", "place"),
    [
        ("rejected", "RequiredParameter.Missing", "viewer", "Show the file", "/batches/"),
        (
            "rejected",
            "EmptySend.NoValidMessages",
            "viewer",
            "List the 5 numbers",
            "?tab=recipients&amp;outcome=rejected",
        ),
        ("rejected", "EmptySend.NoValidMessages", "operator", "Correct these 5 numbers", "/follow-up/?code=EmptySend"),
        ("unclear", "silent", "viewer", "Show evidence", "/unclear/?reason=silent"),
        ("held", "folder_missing", "viewer", "Review the file", "/batches/"),
    ],
)
def test_each_cause_has_its_next_step_as_a_button(
    status: str, reason: str, role: str, label: str, place: str, running: Campaign, logged_in: LogIn,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    Batch.objects.update(status=status, reason=reason, sentence="As it was reported.")
    page = html_of(logged_in(request.getfixturevalue(role)).get(f"/campaigns/{running.pk}/"))
    step = re.search(r'id="step-1" href="([^"]+)">([^<]+)</a>', page)
    assert step is not None
    assert (step[2].strip(), place in step[1]) == (label, True)


def test_a_stopped_account_is_tested_before_anybody_is_texted_again(
    running: Campaign, operator: User, logged_in: LogIn
) -> None:
    Batch.objects.update(status="rejected", reason="InsufficientCredits", sentence="Too few credits.")
    running.account.stop("InsufficientCredits", "Too few credits.")
    page = html_of(logged_in(operator).get(f"/campaigns/{running.pk}/"))
    assert f'id="step-1" href="{running.account.get_absolute_url()}">Test the account</a>' in page


def test_those_who_got_no_text_are_texted_again_from_the_result(
    running: Campaign, operator: User, viewer: User, logged_in: LogIn
) -> None:
    Batch.objects.update(status="rejected", reason="InsufficientCredits", sentence="Too few credits.")
    Campaign.objects.update(status="closed", closed_at=timezone.now())
    path, again = f"/campaigns/{running.pk}/", f"/campaigns/{running.pk}/follow-up/"
    page = html_of(logged_in(operator).get(path))
    assert "Text the 5 again" in page
    assert f'id="step-1" href="{again}?code=InsufficientCredits">Text 5 again</a>' in page
    assert again not in html_of(logged_in(viewer).get(path))


def test_one_recipient_has_a_page_with_text_file_line_outcome_and_history(
    running: Campaign, viewer: User, logged_in: LogIn
) -> None:
    batch = with_row_error(running)
    recipient = running.recipients.earliest("msisdn")
    RecipientOutcome.objects.update(source="errors.txt", line=12)
    client = logged_in(viewer)
    link = f"/campaigns/{running.pk}/recipients/{recipient.pk}/"
    assert f'href="{link}" hx-boost="false"' in client.get(f"/campaigns/{running.pk}/?tab=recipients").content.decode()
    page = html_of(client.get(link))
    for words in (
        "Hi Person 0, 20 % off ends Sunday.",
        batch.name,
        "recipient 1 of 5",
        "MSISDN.Optout",
        "This number opted out.",
        "errors.txt, line 12",
        "There is nothing to do: the opt-out is recorded",
        "<strong>approver</strong> approved it",
    ):
        assert words in page, words
    assert client.get(f"/campaigns/{running.pk + 1}/recipients/{recipient.pk}/").status_code == 404


def test_a_mismatch_is_red(running: Campaign, viewer: User, logged_in: LogIn) -> None:
    Batch.objects.update(row_errors=99)
    assert "The numbers do not add up." in logged_in(viewer).get(f"/campaigns/{running.pk}/").content.decode()


@pytest.mark.parametrize(
    ("outcome", "count"), [("accepted", 4), ("row_error", 1), ("rejected", 0), ("excluded", 0), ("waiting", 0), ("", 5)]
)
def test_recipients_are_filtered_by_status(
    outcome: str, count: int, running: Campaign, viewer: User, logged_in: LogIn
) -> None:
    with_row_error(running)
    response = logged_in(viewer).get(f"/campaigns/{running.pk}/", {"outcome": outcome})
    assert len(response.context["table"].rows) == count
    if outcome:
        assert {row.record.outcome for row in response.context["table"].rows} <= {outcome}


def test_recipients_are_found_by_number_file_and_cause(running: Campaign, viewer: User, logged_in: LogIn) -> None:
    with_row_error(running)
    client = logged_in(viewer)
    path = f"/campaigns/{running.pk}/recipients/"
    assert len(client.get(path, {"number": "082 555 0103"}).context["table"].rows) == 1
    assert len(client.get(path, {"batch": "1"}).context["table"].rows) == 5
    assert len(client.get(path, {"batch": "2"}).context["table"].rows) == 0
    assert len(client.get(path, {"code": "MSISDN.Optout"}).context["table"].rows) == 1


def test_excluded_recipients_say_why(
    account: Account, make_list: Callable[..., ContactList], make_running: Callable[..., Campaign], viewer: User,
    logged_in: LogIn,
) -> None:  # fmt: skip
    campaign = make_running(account, make_list(), make_list("VIP"))
    response = logged_in(viewer).get(f"/campaigns/{campaign.pk}/", {"outcome": "excluded"})
    assert len(response.context["table"].rows) == 5
    assert "Already on an earlier list" in response.content.decode()


def test_what_is_read_grows_with_files_not_with_recipients(
    account: Account, make_list: Callable[..., ContactList], make_running: Callable[..., Campaign], viewer: User,
    logged_in: LogIn,
) -> None:  # fmt: skip
    few = make_running(account, make_list("Few", 3))
    many = make_running(account, make_list("Many", 300, first=27825560000))
    client = logged_in(viewer)
    client.get(f"/campaigns/{few.pk}/")
    for tab in watch.TABS:
        asked = []
        for campaign in (few, many):
            with CaptureQueriesContext(connection) as queries:
                client.get(f"/campaigns/{campaign.pk}/?tab={tab}")
            asked.append(len(queries))
        assert asked[0] == asked[1] <= 30, tab


def test_the_refresh_answers_nothing_new_with_204_and_the_end_with_286(
    running: Campaign, viewer: User, logged_in: LogIn
) -> None:
    client = logged_in(viewer)
    path = f"/campaigns/{running.pk}/progress/"
    first = client.get(path, {"status": "running"})
    assert first.status_code == 200
    assert client.get(path, {"status": "running", "seen": first.context["seen"]}).status_code == 204
    with_row_error(running)
    assert client.get(path, {"status": "running", "seen": first.context["seen"]}).status_code == 200
    assert client.get(path, {"status": "approved"}).headers["HX-Refresh"] == "true"
    Campaign.objects.filter(pk=running.pk).update(status="closed")
    ended = client.get(path, {"status": "closed"})
    assert ended.status_code == 286
    assert "hx-trigger" not in ended.content.decode()


def test_pause_and_resume(
    running: Campaign, operator: User, viewer: User, logged_in: LogIn, enqueued: list[tuple[str, int]]
) -> None:
    assert logged_in(viewer).post(f"/campaigns/{running.pk}/pause/").status_code == 403
    client = logged_in(operator)
    client.post(f"/campaigns/{running.pk}/pause/")
    running.refresh_from_db()
    assert running.status == "paused"
    assert "Resume: 5 left to hand over" in client.get(f"/campaigns/{running.pk}/").content.decode()
    client.post(f"/campaigns/{running.pk}/resume/")
    running.refresh_from_db()
    assert running.status == "running"
    assert enqueued == [("create_batches", running.pk)]


def test_whoever_approved_a_text_can_stop_it(running: Campaign, approver: User, logged_in: LogIn) -> None:
    client = logged_in(approver)
    assert "Stop now" in client.get("/").content.decode()
    assert f'action="/campaigns/{running.pk}/pause/"' in html_of(client.get(f"/campaigns/{running.pk}/"))
    client.post(f"/campaigns/{running.pk}/pause/")
    running.refresh_from_db()
    assert (running.status, running.reason) == ("paused", "paused")
    client.post(f"/campaigns/{running.pk}/resume/")
    running.refresh_from_db()
    assert running.status == "running"


def test_only_an_approver_resumes_what_baton_paused(
    running: Campaign, operator: User, approver: User, logged_in: LogIn
) -> None:
    Campaign.objects.filter(pk=running.pk).update(status="paused", reason="no_progress", sentence="Nothing went.")
    operators = logged_in(operator)
    page = operators.get(f"/campaigns/{running.pk}/").content.decode()
    assert "An approver can resume it" in page
    assert "/resume/" not in page
    operators.post(f"/campaigns/{running.pk}/resume/")
    running.refresh_from_db()
    assert running.status == "paused"
    logged_in(approver).post(f"/campaigns/{running.pk}/resume/")
    running.refresh_from_db()
    assert running.status == "running"


def test_the_question_before_cancelling_names_both_numbers(running: Campaign, operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    page = html_of(client.get(f"/campaigns/{running.pk}/"))
    assert "5 can still be stopped and will not be texted. 0 are with the provider" in page
    client.post(f"/campaigns/{running.pk}/cancel/")
    running.refresh_from_db()
    assert running.status == "cancelled"


def test_the_export_holds_text_and_no_formulas(running: Campaign, operator: User, logged_in: LogIn) -> None:
    running.recipients.update(value1="=1+1")
    client = logged_in(operator)
    book = openpyxl.load_workbook(
        io.BytesIO(client.get(f"/campaigns/{running.pk}/export/", {"format": "xlsx"}).getvalue())
    )
    rows = list(book["Recipients"].rows)
    assert [cell.value for cell in rows[0]][:4] == ["Number", "Customer ID", "First name", "Own text"]
    assert {(row[2].value, row[2].data_type) for row in rows[1:]} == {("=1+1", "s")}
    assert rows[1][6].value == "Not handed over yet"
    lines = client.get(f"/campaigns/{running.pk}/export/", {"format": "csv"}).getvalue().decode("utf-8-sig")
    table = list(csv.reader(io.StringIO(lines)))
    assert len(table) == 6
    assert table[1][2] == "'=1+1"


def test_the_export_leaves_out_what_a_workbook_cannot_contain(
    running: Campaign, operator: User, logged_in: LogIn
) -> None:
    running.recipients.update(value1="Thandi\x0bM", message="Own\x0b")
    response = logged_in(operator).get(f"/campaigns/{running.pk}/export/", {"format": "xlsx"})
    book = openpyxl.load_workbook(io.BytesIO(response.getvalue()))
    _, *rows = [[cell.value for cell in row] for row in book["Recipients"].rows]
    assert {(row[2], row[3], row[4]) for row in rows} == {("ThandiM", "Own", "Own")}


def test_the_export_keeps_the_filter(running: Campaign, operator: User, logged_in: LogIn) -> None:
    with_row_error(running)
    query = {"format": "csv", "outcome": "row_error"}
    response = logged_in(operator).get(f"/campaigns/{running.pk}/export/", query)
    lines = response.getvalue().decode()
    assert lines.count("\r\n") == 2
    assert "This number opted out." in lines


def test_a_filter_that_does_not_exist_exports_nobody(running: Campaign, operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    query = {"format": "csv", "outcome": "nonsense"}

    answer = client.get(f"/campaigns/{running.pk}/export/", query)

    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        f"/campaigns/{running.pk}/recipients/?format=csv&outcome=nonsense",
    )
    assert client.post(f"/campaigns/{running.pk}/export/begin/", query).status_code == 404


def test_the_payload_and_the_evidence_are_downloaded(running: Campaign, operator: User, logged_in: LogIn) -> None:
    batch = running.batches.get()
    client = logged_in(operator)
    response = client.get(f"/batches/{batch.pk}/payload/")
    assert response.getvalue()[:2] == b"PK"
    assert batch.name in response.headers["Content-Disposition"]
    path = default_storage.save("evidence/aa/report", ContentFile(b"MSISDN.Optout"))
    files = [
        {
            "folder": "Errors",
            "name": "../../report.txt",
            "size": 13,
            "modified_at": "",
            "host": "",
            "body": [[path, 13]],
        },
        {"folder": "Processed", "name": "a.zip", "size": 13, "modified_at": "", "host": "", "body": []},
    ]
    now = timezone.now()
    seen = Evidence.objects.create(batch=batch, seen_at=now, last_seen_at=now, hosts=["h"], files=files, digest="d")
    response = client.get(f"/evidence/{seen.pk}/0/")
    assert response.getvalue() == b"MSISDN.Optout"
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert "attachment" in response.headers["Content-Disposition"]
    assert ".." not in response.headers["Content-Disposition"]
    assert client.get(f"/evidence/{seen.pk}/1/").status_code == 404
    assert client.get(f"/evidence/{seen.pk}/9/").status_code == 404
    page = client.get(f"/batches/{batch.pk}/").content.decode()
    assert batch.sha256 in page
    assert f"/evidence/{seen.pk}/0/" in page


def test_a_held_file_is_released_or_cancelled_with_a_reason(
    running: Campaign, approver: User, operator: User, logged_in: LogIn, enqueued: list[tuple[str, int]]
) -> None:
    batch = running.batches.get()
    Batch.objects.update(status="held", sentence="The folder is missing.")
    assert logged_in(operator).post(f"/batches/{batch.pk}/release/", {"why": "x"}).status_code == 403
    assert "An approver can release" in logged_in(operator).get(f"/batches/{batch.pk}/").content.decode()
    client = logged_in(approver)
    assert client.get(f"/batches/{batch.pk}/release/").status_code == 405
    assert "Release: hand over 5 messages" in client.get(f"/batches/{batch.pk}/").content.decode()
    page = client.post(f"/batches/{batch.pk}/release/", {"why": ""}, follow=True).content.decode()
    assert "Enter a reason" in page
    client.post(f"/batches/{batch.pk}/release/", {"why": "The folder is there again"})
    batch.refresh_from_db()
    assert batch.status == "prepared"
    assert enqueued == [("hand_over", batch.account_id)]
    Batch.objects.update(status="held")
    client.post(f"/batches/{batch.pk}/cancel/", {"why": "Too late"})
    batch.refresh_from_db()
    assert batch.status == "cancelled"


@pytest.mark.parametrize(("role", "told"), [("operator", True), ("approver", False)])
def test_a_person_who_may_not_confirm_a_missed_start_sees_who_may(
    running: Campaign, logged_in: LogIn, request: pytest.FixtureRequest, role: str, told: bool
) -> None:
    running.events.all().delete()
    running.batches.all().delete()
    Campaign.objects.update(status="held", reason="start_missed", sentence="It missed its start.")
    client = logged_in(request.getfixturevalue(role))
    page = client.get(running.get_absolute_url()).content.decode()
    assert ("until an approver confirms the start time" in page) == told
    assert ("When should it start?" in page) != told
    page = client.get(f"{running.get_absolute_url()}?tab=files").content.decode()
    assert "Files are created at the start time, once an approver has confirmed it." in page


def test_an_expired_held_file_can_only_be_cancelled(running: Campaign, approver: User, logged_in: LogIn) -> None:
    Batch.objects.update(status="held", expires_at=timezone.now())
    page = logged_in(approver).get(f"/batches/{running.batches.get().pk}/").content.decode()
    assert "It can only be cancelled" in page
    assert "Release: hand over" not in page


def test_an_unclear_file_is_decided_after_the_password_with_a_reason(
    running: Campaign, approver: User, operator: User, logged_in: LogIn
) -> None:
    batch = running.batches.get()
    Batch.objects.update(status="unclear", sentence="The line broke.")
    assert logged_in(operator).post(f"/batches/{batch.pk}/decide/").status_code == 403
    client = signed_in(approver)
    page = client.get(f"/batches/{batch.pk}/").content.decode()
    assert "Decide about 5 recipients" in page
    posted = {"decision": "accepted", "why": "Their log shows all five.", "seen": evidence_fingerprint(batch)}
    assert f'name="seen" value="{posted["seen"]}"' in page
    response = client.post(f"/batches/{batch.pk}/decide/", posted)
    assert "reauthenticate" in response.headers["Location"]
    retyped(client, response)
    batch.refresh_from_db()
    assert batch.status == "accepted"
    assert "Their log shows all five." in client.get(f"/batches/{batch.pk}/").content.decode()


@pytest.mark.parametrize(
    ("sentence", "delivery", "detail"),
    [
        ("Delivered to the phone.", "delivered", "Delivered to the phone."),
        ("The message was received.", "delivered", "The message was received. Delivered"),
        ("", "delivered", "11 Delivered"),
        ("The other network blocked the message.", "undelivered", "The other network blocked the message. Undelivered"),
        ("Accepted.", "", "Accepted."),
    ],
)
def test_a_delivery_is_shown_once(
    sentence: str, delivery: str, detail: str, running: Campaign, viewer: User, logged_in: LogIn
) -> None:
    batch, recipient = running.batches.get(), running.recipients.earliest("id")
    RecipientOutcome.objects.create(
        batch=batch, recipient=recipient, result="accepted", code="11", sentence=sentence, delivery=delivery
    )
    rows = logged_in(viewer).get(f"/campaigns/{running.pk}/", {"number": recipient.msisdn}).context["table"].rows
    assert [row.record.detail for row in rows] == [detail]


def test_a_providers_own_code_stays_as_it_is() -> None:
    assert reason_word("MSISDN.Optout") == "MSISDN.Optout"
    assert reason_word("901") == "901"
    assert reason_word("handed_over") == "Handed over"
    assert reason_word("") == ""
