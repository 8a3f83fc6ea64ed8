"""The files that need a decision: the evidence side by side, and one decision for several files."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote_plus

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from campaigns.handover import journal
from campaigns.lifecycle import transition
from campaigns.models import Batch, Campaign, Recipient
from campaigns.results.evidence import keep_observation
from campaigns.views.evidence import may_still_be_processed
from providers.adapters import smsportal
from providers.base import Observation, ObservedFile
from providers.limits import Guard, Limits
from providers.models import Account
from tests.campaigns.conftest import MakeCampaign
from tests.conftest import retyped, signed_in
from tests.pages import html_of

LogIn = Callable[[User], Client]
#: A ticked box of the page for several files.
CHOSEN = r'name="batches" value="(\d+)"[^>]* checked'


@pytest.fixture
def campaign(account: Account, make_running: MakeCampaign, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    """Five recipients in three files, all of them unclear."""
    monkeypatch.setattr(smsportal.Adapter, "limits", Limits(rows=2, bytes=1_000_000, values=6, connections=2))
    made = make_running(account)
    now = timezone.now()
    for batch in made.batches.all():
        transition(batch, "uploading")
        transition(batch, "committing", first_intent_at=now)
        journal.intend(batch, 1, f"{batch.stem}-a1.zip", now)
        batch.attempts.create(number=1, name=f"{batch.stem}-a1.zip", started_at=now, receipt=b"<b>22|fatal</b>")
        seen = ObservedFile("Errors", f"{batch.stem}-a1.zip", 321, now, b"report", "ftp.example.org")
        keep_observation(batch, Observation(now, ("ftp.example.org",), (seen,), (b"a reply",)))
        transition(batch, "unclear", reason="no_evidence", sentence="The connection broke at the commit.")
    return made


@pytest.fixture
def proven(logged_in: LogIn, approver: User) -> Client:
    """An approver who has just entered the password again."""
    # The password prompt is rate-limited, also across tests.
    cache.clear()
    approver.set_password("a long enough secret")
    approver.save()
    client = logged_in(approver)
    client.post("/login/reauthenticate/", {"password": "a long enough secret"})
    return client


def url_of(campaign: Campaign) -> str:
    return reverse("campaigns:unclear", args=[campaign.pk])


def seen_on(client: Client, url: str) -> dict[str, str]:
    """The hidden fields in which this page records what it showed."""
    return dict(re.findall(r'<input type="hidden" name="(seen[-\d]*)" value="([^"]*)"', html_of(client.get(url))))


def see_a_file_of(batch: Batch) -> None:
    """As a poll that finds the upload at the provider, where it was missing before."""
    seen = ObservedFile("Send_SMS", f"{batch.stem}-a1.zip", batch.size, timezone.now(), None, "ftp.example.org")
    keep_observation(batch, Observation(timezone.now(), ("ftp.example.org",), (seen,)))


def test_the_evidence_is_shown_side_by_side(campaign: Campaign, viewer: User, logged_in: LogIn) -> None:
    page = logged_in(viewer).get(url_of(campaign)).content.decode()
    for batch in campaign.batches.all():
        assert page.count(f"{batch.stem}-a1.zip") >= 3
    assert "Intent" in page
    assert "321" in page
    assert "ftp.example.org" in page
    assert "&lt;b&gt;22|fatal&lt;/b&gt;" in page
    assert "An approver decides" in page
    assert "Decide about the chosen files" not in page


def test_the_page_says_how_long_a_repeat_can_be_relied_on(campaign: Campaign, viewer: User, logged_in: LogIn) -> None:
    page = logged_in(viewer).get(url_of(campaign)).content.decode()
    assert page.count("Baton relies on the provider to drop this file") == 3
    assert page.count("left), Baton relies on the provider to drop this file if it is uploaded again.") == 3


def test_it_says_when_the_time_for_a_repeat_is_over(campaign: Campaign, viewer: User, logged_in: LogIn) -> None:
    campaign.batches.update(first_intent_at=timezone.now() - timedelta(hours=25))
    page = logged_in(viewer).get(url_of(campaign)).content.decode()
    assert page.count("Baton no longer relies on the provider to drop a repeated file.") == 3
    assert "left)" not in page


@pytest.mark.parametrize(
    ("guard", "said"),
    [
        (Guard.rename(), "a rename can succeed only once."),
        (Guard.none(), "This provider does not recognise a repeated file."),
    ],
    ids=["rename", "none"],
)
def test_it_says_what_another_guard_means(
    campaign: Campaign, proven: Client, monkeypatch: pytest.MonkeyPatch, guard: Guard, said: str
) -> None:
    monkeypatch.setattr(smsportal.Adapter, "guard", guard)
    assert proven.get(url_of(campaign)).content.decode().count(said) == 3
    batch = campaign.batches.get(number=1)
    assert said in proven.get(reverse("campaigns:batch", args=[batch.pk])).content.decode()


def test_sizes_are_shown_in_bytes(campaign: Campaign, viewer: User, logged_in: LogIn) -> None:
    batch = campaign.batches.get(number=1)
    now = timezone.now()
    for size in (batch.size, batch.size - 10):
        seen = ObservedFile("Send_SMS", f"{batch.stem}-a1.zip", size, now, None, "ftp.example.org")
        keep_observation(batch, Observation(now, ("ftp.example.org",), (seen,)))
    page = html_of(logged_in(viewer).get(url_of(campaign)))
    assert f"Our file: {batch.size:,} bytes." in page
    assert f"{batch.size:,} bytes · <strong>whole</strong>" in page
    assert f"{batch.size - 10:,} bytes · <strong>a part</strong>" in page
    assert f"Show evidence · {batch.size - 10:,} of {batch.size:,} bytes</summary>" in page


def test_login_lines_count_where_they_are_stored_too(campaign: Campaign, viewer: User, logged_in: LogIn) -> None:
    Account.objects.filter(pk=campaign.account.pk).update(provider="clickatell")
    batch = campaign.batches.get(number=1)
    batch.attempts.update(name=f"{batch.stem}-a1.txt", staged_size=88)
    seen = ObservedFile("", f"{batch.stem}-a1.txt", batch.size, timezone.now(), None, "ftp.example.org")
    keep_observation(batch, Observation(timezone.now(), ("ftp.example.org",), (seen,)))
    url = reverse("campaigns:batch", args=[batch.pk])
    page = html_of(logged_in(viewer).get(url))
    assert f"Our file: {batch.size:,} bytes, {batch.size + 88:,} with the login lines." in page
    assert f"{batch.size:,} bytes · <strong>a part</strong>" in page

    # Lines with times are rendered anew for each attempt, so the page says nothing of their size.
    Campaign.objects.update(end_at=timezone.now() + timedelta(days=1))
    page = html_of(logged_in(viewer).get(url))
    assert "login lines" not in page
    assert "a part" not in page


def test_without_a_poll_nothing_is_reported_missing(campaign: Campaign, viewer: User, logged_in: LogIn) -> None:
    Account.objects.filter(pk=campaign.account.pk).update(provider="bulksms")
    batch = campaign.batches.get(number=1)
    keep_observation(batch, Observation(timezone.now(), ()))
    url = reverse("campaigns:batch", args=[batch.pk])
    page = logged_in(viewer).get(url).content.decode()
    assert "BulkSMS cannot be asked about a file for which it returned no reference." in page
    assert "No trace of this file was found." not in page
    batch.attempts.update(provider_ref="4711")
    page = logged_in(viewer).get(url).content.decode()
    assert "BulkSMS could not be asked about this file at that time." in page
    keep_observation(batch, Observation(timezone.now(), ("bulksms.example.org",)))
    assert "No trace of this file was found." in logged_in(viewer).get(url).content.decode()


@pytest.mark.parametrize(("folder", "warnings"), [("Send_SMS", 3), ("Errors", 0)])
def test_a_warning_is_shown_for_a_file_that_may_still_be_processed(
    campaign: Campaign, proven: Client, folder: str, warnings: int
) -> None:
    batch = campaign.batches.get(number=2)
    seen = ObservedFile(folder, f"{batch.stem}-a1.zip", 10, timezone.now(), None, "ftp.example.org")
    keep_observation(batch, Observation(timezone.now(), ("ftp.example.org",), (seen,)))
    page = proven.get(reverse("campaigns:batch", args=[batch.pk])).content.decode()
    assert page.count("is still at the provider and may still be processed.") == warnings
    page = proven.get(url_of(campaign)).content.decode()
    assert page.count("Still at the provider, and may still be processed: file 2.") == warnings
    assert page.count("A file of this batch is still at the provider") == (1 if warnings else 0)


def test_a_file_that_the_provider_answered_about_was_read(campaign: Campaign) -> None:
    Account.objects.filter(pk=campaign.account.pk).update(provider="clickatell")
    batch, now = campaign.batches.get(number=1), timezone.now()
    batch.evidence.all().delete()
    batch.attempts.update(name=f"{batch.stem}-a1.txt", staged_size=88)
    upload = ObservedFile("", f"{batch.stem}-a1.txt", 10, now, None, "ftp.example.org")
    keep_observation(batch, Observation(now, ("ftp.example.org",), (upload,)))
    assert may_still_be_processed(Batch.objects.get(pk=batch.pk))

    log = ObservedFile("", f"{batch.stem}-a1.txt.log", 30, now, b"ERR: 901, Internal error", "ftp.example.org")
    keep_observation(batch, Observation(now, ("ftp.example.org",), (upload, log)))
    assert not may_still_be_processed(Batch.objects.get(pk=batch.pk))


def test_the_page_is_shown_where_the_evidence_cannot_be_read(
    campaign: Campaign, proven: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(smsportal.Adapter, "interpret", fail)
    monkeypatch.setattr(smsportal.Adapter, "reader", lambda *rest: None)
    assert "Decide about the chosen files" in proven.get(url_of(campaign)).content.decode()
    campaign.batches.update(sha256="other")
    assert "Decide about the chosen files" in proven.get(url_of(campaign)).content.decode()


def test_several_are_decided_at_once(campaign: Campaign, proven: Client, approver: User) -> None:
    first, second, _ = campaign.batches.order_by("number")
    filled = {"batches": [first.pk, second.pk], "decision": "rejected", "why": "The provider wrote so."}

    answer = proven.post(url_of(campaign), seen_on(proven, url_of(campaign)) | filled, follow=True)

    assert "Decided about 2 files" in html_of(answer)
    assert sorted(campaign.batches.values_list("number", "status")) == [
        (1, "rejected"),
        (2, "rejected"),
        (3, "unclear"),
    ]
    assert first.events.filter(user=approver, sentence__contains="The provider wrote so.").exists()


def test_the_rest_of_a_file_is_handed_over_again(campaign: Campaign, proven: Client) -> None:
    batch = campaign.batches.get(number=1)
    named = Recipient.objects.of_batch(batch).order_by("msisdn")[0].msisdn
    log = SimpleUploadedFile("log.txt", f"{named} texted".encode())

    filled = {"batches": [batch.pk], "decision": "partly", "why": "Their log.", "log": log}
    proven.post(url_of(campaign), seen_on(proven, url_of(campaign)) | filled)

    batch.refresh_from_db()
    assert (batch.status, batch.accepted_rows) == ("superseded", 1)
    assert campaign.batches.get(number=1, generation=2).rows == 1


def test_nothing_is_chosen_at_first(campaign: Campaign, proven: Client) -> None:
    page = proven.get(url_of(campaign)).content.decode()
    assert page.count('name="batches"') == 3
    assert not re.search(CHOSEN, page)


def test_a_refusal_keeps_what_was_chosen_and_typed(campaign: Campaign, proven: Client) -> None:
    batch = campaign.batches.get(number=2)
    filled = {"batches": [batch.pk], "decision": "partly", "why": "Their log says so."}
    page = html_of(proven.post(url_of(campaign), seen_on(proven, url_of(campaign)) | filled, follow=True))
    assert "Choose the provider&#x27;s log" in page
    assert "Their log says so." in page
    assert re.findall(CHOSEN, page) == [str(batch.pk)]
    assert re.search(r'value="partly"[^>]*checked', page)
    assert Batch.objects.get(pk=batch.pk).status == "unclear"


def test_a_form_error_keeps_what_was_chosen(campaign: Campaign, proven: Client) -> None:
    batch = campaign.batches.get(number=2)
    filled = {"batches": [batch.pk], "decision": "again", "why": ""}
    page = html_of(proven.post(url_of(campaign), filled, follow=True))
    assert re.findall(CHOSEN, page) == [str(batch.pk)]
    assert re.search(r'value="again"[^>]*checked', page)


def test_kept_input_is_returned_once_and_to_its_own_page(campaign: Campaign, proven: Client) -> None:
    batch = campaign.batches.get(number=2)
    proven.post(url_of(campaign), {"batches": [batch.pk], "decision": "again", "why": ""})
    other = html_of(proven.get(reverse("campaigns:batch", args=[batch.pk])))
    assert not re.search(r'value="again"[^>]*checked', other)
    assert re.search(CHOSEN, html_of(proven.get(url_of(campaign))))
    assert not re.search(CHOSEN, html_of(proven.get(url_of(campaign))))


def test_only_one_cause_is_shown(campaign: Campaign, proven: Client) -> None:
    campaign.batches.filter(number=2).update(reason="upload_cut")
    page = proven.get(url_of(campaign), {"reason": "upload_cut"}).content.decode()
    assert page.count('name="batches"') == 1
    assert "Showing one cause: <strong>The upload was cut short</strong>" in page
    assert f'<a href="{url_of(campaign)}">Show all 3 files' in page

    batch = campaign.batches.get(number=2)
    filled = {"batches": [batch.pk], "decision": "partly", "why": "So.", "reason": "upload_cut"}
    filled |= seen_on(proven, url_of(campaign))
    assert proven.post(url_of(campaign), filled)["Location"] == f"{url_of(campaign)}?reason=upload_cut"
    page = proven.get(url_of(campaign), {"reason": "nothing_like_it"}).content.decode()
    assert "Nothing to decide for this cause" in page


def test_a_refusal_is_shown_beside_the_decision(campaign: Campaign, proven: Client) -> None:
    batch = campaign.batches.get(number=1)
    filled = {"decision": "partly", "why": "Their log says so."}
    seen = seen_on(proven, reverse("campaigns:batch", args=[batch.pk]))
    answer = proven.post(reverse("campaigns:batch_decide", args=[batch.pk]), seen | filled, follow=True)
    card = answer.content.decode().partition('id="decide"')[2].partition("</section>")[0]
    assert 'role="alert"' in card
    assert "Choose the provider&#x27;s log" in card
    assert "Their log says so." in card
    assert re.search(r'value="partly"[^>]*checked', card)


def test_an_old_page_decides_nothing_and_the_fresh_one_does(campaign: Campaign, proven: Client) -> None:
    batch = campaign.batches.get(number=1)
    url, decide_url = (reverse(f"campaigns:{name}", args=[batch.pk]) for name in ("batch", "batch_decide"))
    filled = {"decision": "again", "why": "The folder was empty."}
    old = seen_on(proven, url)
    see_a_file_of(batch)

    for posted in (old | filled, filled):
        page = proven.post(decide_url, posted, follow=True).content.decode()
        assert f"The evidence about {batch} changed after this page was loaded." in page
        assert "The folder was empty." in page
        assert re.search(r'value="again"[^>]*checked', page)
        assert "Send_SMS/" in page
    assert [(row.status, row.generation) for row in campaign.batches.filter(number=1)] == [("unclear", 1)]

    fresh = dict(re.findall(r'name="(seen)" value="([^"]*)"', page))
    assert fresh != old
    proven.post(decide_url, fresh | filled)
    batch.refresh_from_db()
    assert batch.status == "superseded"


def test_only_batches_without_newer_evidence_are_decided(campaign: Campaign, proven: Client) -> None:
    first, second, third = campaign.batches.order_by("number")
    filled = {"batches": [first.pk, second.pk, third.pk], "decision": "rejected", "why": "The folder was empty."}
    old = seen_on(proven, url_of(campaign))
    see_a_file_of(second)
    del old[f"seen-{third.pk}"]

    page = html_of(proven.post(url_of(campaign), old | filled, follow=True))

    assert "Decided about 1 file." in page
    for batch in (second, third):
        assert f"File {batch.number}: The evidence about {batch} changed after this page was loaded." in page
    assert re.findall(CHOSEN, page) == [str(second.pk), str(third.pk)]
    assert "The folder was empty." in page
    assert list(campaign.batches.order_by("number").values_list("status", flat=True)) == [
        "rejected",
        "unclear",
        "unclear",
    ]

    proven.post(url_of(campaign), seen_on(proven, url_of(campaign)) | filled | {"batches": [second.pk, third.pk]})
    assert set(campaign.batches.values_list("status", flat=True)) == {"rejected"}


def test_a_refusal_is_shown_when_somebody_else_decided_meanwhile(campaign: Campaign, proven: Client) -> None:
    batch = campaign.batches.get(number=1)
    transition(batch, "cancelled")
    filled = {"decision": "again", "why": "So it is."}
    answer = proven.post(reverse("campaigns:batch_decide", args=[batch.pk]), filled, follow=True)
    assert "no longer needs a decision" in answer.content.decode()


def test_the_password_is_required_before_a_log_is_chosen(
    campaign: Campaign, proven: Client, approver: User, logged_in: LogIn
) -> None:
    batch = campaign.batches.get(number=2)
    for url in (url_of(campaign), reverse("campaigns:batch", args=[batch.pk])):
        page = logged_in(approver).get(url).content.decode()
        assert "Confirm your password first" in page
        assert re.search(r'<input type="file"[^>]* disabled', page)
        page = proven.get(url).content.decode()
        assert "Confirm your password first" not in page
        assert not re.search(r'<input type="file"[^>]* disabled', page)


def test_confirming_first_comes_back_to_what_was_chosen(campaign: Campaign, approver: User, logged_in: LogIn) -> None:
    cache.clear()
    approver.set_password("a long enough secret")
    approver.save()
    client = logged_in(approver)
    batch = campaign.batches.get(number=2)
    filled = {"batches": [batch.pk], "decision": "rejected", "why": "So it is."}
    # Entering the password for another decision does not make one that is still waiting for it.
    assert "reauthenticate" in client.post(url_of(campaign), filled)["Location"]
    asked = client.post(url_of(campaign), filled | {"why": "", "confirm": "yes"})["Location"]
    assert asked == f"/login/reauthenticate/?next={quote_plus(url_of(campaign) + '#decide')}"

    back = client.post(asked, {"password": "a long enough secret", "next": f"{url_of(campaign)}#decide"})

    assert back["Location"] == f"{url_of(campaign)}#decide"
    page = html_of(client.get(url_of(campaign)))
    assert re.findall(CHOSEN, page) == [str(batch.pk)]
    assert re.search(r'value="rejected"[^>]*checked', page)
    assert Batch.objects.get(pk=batch.pk).status == "unclear"


def test_deciding_asks_for_the_password_again(campaign: Campaign, approver: User, logged_in: LogIn) -> None:
    batch = campaign.batches.get(number=1)
    filled = {"batches": [batch.pk], "decision": "rejected", "why": "So it is."}
    client = logged_in(approver)
    answer = client.post(url_of(campaign), filled)
    assert "reauthenticate" in answer["Location"]
    page = html_of(client.get(url_of(campaign)))
    assert re.findall(CHOSEN, page) == [str(batch.pk)]
    assert "So it is." in page
    assert Batch.objects.get(pk=batch.pk).status == "unclear"


@pytest.mark.parametrize(("is_seen_meanwhile", "status"), [(False, "rejected"), (True, "unclear")])
def test_a_decision_waiting_for_the_password_is_made_unless_more_is_known(
    campaign: Campaign, approver: User, is_seen_meanwhile: bool, status: str
) -> None:
    cache.clear()
    batch = campaign.batches.get(number=1)
    client = signed_in(approver)
    filled = {"batches": [batch.pk], "decision": "rejected", "why": "So it is."}
    asked = client.post(url_of(campaign), seen_on(client, url_of(campaign)) | filled)
    assert "reauthenticate" in asked["Location"]
    if is_seen_meanwhile:
        see_a_file_of(batch)

    page = html_of(retyped(client, asked))  # type: ignore[arg-type]

    batch.refresh_from_db()
    assert batch.status == status
    assert ("changed after this page was loaded" in page) == is_seen_meanwhile
    assert ("So it is.</textarea>" in page) == is_seen_meanwhile


def test_an_operator_decides_nothing(campaign: Campaign, operator: User, logged_in: LogIn) -> None:
    batch = campaign.batches.get(number=1)
    filled = {"batches": [batch.pk], "decision": "rejected", "why": "So it is."}
    assert logged_in(operator).post(url_of(campaign), filled).status_code == 403


def test_the_inbox_has_one_line_for_all_of_them(campaign: Campaign, viewer: User, logged_in: LogIn) -> None:
    page = logged_in(viewer).get(reverse("overview")).content.decode()
    assert "3 files unclear, 5 recipients" in page
    assert f'href="{url_of(campaign)}' in page


def test_a_reply_is_downloaded_never_shown(campaign: Campaign, operator: User, logged_in: LogIn) -> None:
    poll = campaign.batches.get(number=1).evidence.get()
    answer = logged_in(operator).get(reverse("campaigns:evidence_reply", args=[poll.pk, 0]))
    assert b"".join(answer) == b"a reply"
    assert answer["Content-Disposition"].startswith("attachment")
    assert logged_in(operator).get(reverse("campaigns:evidence_reply", args=[poll.pk, 1])).status_code == 404


def test_an_overlong_log_is_refused_with_a_sentence(campaign: Campaign, proven: Client, settings: Settings) -> None:
    batch = campaign.batches.get(number=1)
    log = SimpleUploadedFile("log.txt", b"x" * 5_000_001)
    filled = {"batches": [batch.pk], "decision": "partly", "why": "Their log.", "log": log}
    assert "larger than 5 MB" in proven.post(url_of(campaign), filled, follow=True).content.decode()
