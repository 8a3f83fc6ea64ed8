"""Who is told what: once for each cause, nothing missed, and by e-mail only what may be read anywhere."""

import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from campaigns import decisions, notice_mail, timing
from campaigns.lifecycle import transition
from campaigns.models import Batch, Campaign, Event, Notice, NoticeChoice
from campaigns.notices import make_notices
from campaigns.results.settle import stop_account
from campaigns.statuses import NoticeKind
from contacts.models import ContactList
from providers.models import Account
from tests.campaigns.conftest import Clock, MakeCampaign, approve, freeze
from tests.conftest import MakeUser
from tests.pages import html_of

LogIn = Callable[[User], Client]


def told() -> dict[str, set[str]]:
    """Who has a notice of each kind."""
    found: dict[str, set[str]] = {}
    for notice in Notice.objects.select_related("user"):
        found.setdefault(notice.kind, set()).add(notice.user.username)
    return found


def sentences() -> list[str]:
    return list(dict.fromkeys(Notice.objects.order_by("id").values_list("sentence", flat=True)))


def settle(campaign: Campaign, status: str, **fields: Any) -> Batch:
    """Take the campaign's batch to ``status``, with the transitions of a hand-over."""
    batch = campaign.batches.get()
    for step in ("uploading", "committing", status):
        transition(batch, step, **(fields if step == status else {}))
    return batch


@pytest.fixture
def people(make_user: MakeUser) -> None:
    """One more person in each role, who has nothing to do with the campaign."""
    for role in ("viewer", "operator", "approver", "administrator"):
        make_user(role, f"other-{role}")


@pytest.mark.usefixtures("people")
def test_each_step_of_a_campaign_is_told_to_the_people_it_concerns(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User
) -> None:
    campaign = freeze(make_campaign(account), operator)
    approvers = {"approver", "other-approver"}
    assert make_notices(timezone.now()) == 2
    assert told() == {"waits_for_approval": approvers}

    decisions.reject(campaign, approver, "The number 082 555 0100 is wrong")
    make_notices(timezone.now())
    assert told()["sent_back"] == {"operator"}
    # It no longer waits.
    assert not Notice.objects.filter(kind="waits_for_approval", read_at=None).exists()

    campaign = approve(freeze(Campaign.objects.get(), operator), approver)
    make_notices(timezone.now())
    assert told() == {"waits_for_approval": approvers, "sent_back": {"operator"}, "approved": {"operator"}}
    assert sentences() == [
        "October promo waits for your approval: 5 recipients.",
        "October promo was sent back by approver.",
        "October promo was approved by approver.",
    ]
    assert set(Notice.objects.values_list("path", flat=True)) == {campaign.get_absolute_url()}


def test_an_editor_is_not_asked_to_approve_what_they_edited(
    account: Account, make_campaign: MakeCampaign, operator: User, approver: User
) -> None:
    campaign = make_campaign(account)
    campaign.editors.add(approver)
    freeze(campaign, operator)
    assert make_notices(timezone.now()) == 0


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        ("unclear", "batch_unclear", "1 file of October promo needs a decision: 5 recipients."),
        ("held", "batch_unclear", "1 file of October promo needs a decision: 5 recipients."),
        ("rejected", "batch_rejected", "1 file of October promo was rejected: 5 recipients."),
    ],
)
def test_a_file_that_needs_somebody_is_told_to_approvers_and_operators(
    account: Account, make_running: MakeCampaign, status: str, kind: str, sentence: str
) -> None:
    campaign = make_running(account)
    make_notices(timezone.now())
    settle(campaign, status)
    make_notices(timezone.now())
    assert told()[kind] == {"operator", "approver", "other-approver"}
    assert sentence in sentences()
    path = Notice.objects.filter(kind=kind).values_list("path", flat=True).distinct().get()
    assert path == (
        reverse("campaigns:unclear", args=[campaign.pk]) if status == "unclear" else f"/campaigns/{campaign.pk}/"
    )


def test_many_files_give_one_notice_and_a_decision_closes_it(
    account: Account, make_running: MakeCampaign, make_list: Callable[..., ContactList]
) -> None:
    campaign = make_running(account)
    first = settle(campaign, "unclear")
    second = Batch.objects.get(pk=first.pk)
    second.pk, second.number, second.stem, second.key, second.status = None, 2, "other", 2, "committing"
    second.save()
    transition(second, "unclear")
    make_notices(timezone.now())
    assert "2 files of October promo need a decision: 10 recipients." in sentences()
    unread = Notice.objects.filter(kind="batch_unclear", read_at=None)
    assert unread.filter(user__username="operator").count() == 1

    transition(first, "accepted")
    make_notices(timezone.now())
    assert unread.exists()
    transition(second, "rejected", reason=decisions.DECIDED)
    make_notices(timezone.now())
    assert not unread.exists()


@pytest.mark.parametrize(("row_errors", "words"), [(0, "all 5 accepted"), (2, "2 of 5 failed")])
def test_a_finished_campaign_is_told_with_its_result(
    account: Account, make_running: MakeCampaign, row_errors: int, words: str
) -> None:
    campaign = make_running(account)
    settle(campaign, "accepted", row_errors=row_errors)
    transition(campaign, "closed")
    make_notices(timezone.now())
    assert told()["finished"] == {"operator"}
    assert f"October promo finished: {words}." in sentences()


@pytest.mark.parametrize(
    ("status", "row_errors", "expected"),
    [("accepted", 0, set()), ("accepted", 1, {"finished"}), ("rejected", 0, {"batch_rejected"})],
)
def test_a_test_handover_is_told_only_if_it_failed(
    account: Account, make_running: MakeCampaign, status: str, row_errors: int, expected: set[str]
) -> None:
    campaign = make_running(account)
    original = Campaign.objects.create(name="Original")
    Campaign.objects.filter(pk=campaign.pk).update(kind="test", test_of=original)
    campaign.refresh_from_db()
    settle(campaign, status, row_errors=row_errors)
    transition(campaign, "closed")
    make_notices(timezone.now())
    assert set(told()) == expected


@pytest.mark.usefixtures("people")
def test_a_campaign_that_ends_with_a_rejected_file_gives_its_people_one_notice_for_it(
    account: Account, make_running: MakeCampaign
) -> None:
    campaign = make_running(account)
    stop_account(settle(campaign, "rejected"), "login_failed", "No credits are left.")
    transition(campaign, "closed", closed_at=account.stopped_at or timezone.now() - timedelta(seconds=5))
    make_notices(timezone.now())
    found = told()
    assert found["finished"] == {"operator"}
    assert "operator" not in found["batch_rejected"]
    assert "other-approver" in found["batch_rejected"]
    assert found["account_stopped"] == {"operator", "other-administrator"}


def test_those_who_chose_notices_of_rejected_files_alone_get_them(
    account: Account, make_running: MakeCampaign, operator: User
) -> None:
    NoticeChoice.objects.create(user=operator, shown=["batch_rejected"], mailed=[])
    campaign = make_running(account)
    settle(campaign, "rejected")
    transition(campaign, "closed")
    make_notices(timezone.now())
    assert told()["batch_rejected"] >= {"operator"}


@pytest.mark.usefixtures("people")
def test_a_stopped_account_is_told_once_for_each_stop(account: Account, make_running: MakeCampaign) -> None:
    make_running(account)
    make_notices(timezone.now())
    Notice.objects.all().delete()
    account.stop("login_failed", "The password 27825550100 is wrong")
    for _ in range(2):
        make_notices(timezone.now())
    assert told() == {"account_stopped": {"operator", "other-administrator"}}
    assert sentences() == ["The account SMSPortal main is stopped: nothing is handed over through it."]
    account.start()
    assert make_notices(timezone.now()) == 0
    account.stop("login_failed", "")
    assert make_notices(timezone.now()) == 2


def test_nothing_is_told_twice_and_no_event_is_missed(account: Account, make_running: MakeCampaign) -> None:
    campaign = make_running(account)
    settle(campaign, "rejected")
    event = Event.objects.get(to_status="rejected")
    # On PostgreSQL, an event with a lower id may be committed after one with a higher id.
    Event.objects.filter(pk=event.pk).update(is_noticed=True)
    make_notices(timezone.now())
    assert "batch_rejected" not in told()
    Event.objects.filter(pk=event.pk).update(is_noticed=False)
    assert make_notices(timezone.now()) == 2
    # A crash between two sweeps, and a database restored to before the flag.
    Event.objects.update(is_noticed=False)
    before = Notice.objects.count()
    make_notices(timezone.now())
    assert Notice.objects.filter(kind="batch_rejected").count() == 2
    assert Notice.objects.count() == before


def test_looking_for_new_events_reads_an_index_of_those_alone(db: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the plan of an empty table says nothing on PostgreSQL")
    assert "events_to_notice" in Event.objects.filter(is_noticed=False).order_by("id").explain()
    assert "notices_to_mail" in notice_mail.due(timezone.now()).explain()
    assert "notices_unread" in Notice.objects.filter(user=1, read_at=None).explain()


def test_a_person_chooses_what_is_shown_and_what_is_mailed(
    account: Account, make_running: MakeCampaign, operator: User, approver: User
) -> None:
    NoticeChoice.objects.create(user=operator, shown=["batch_rejected"], mailed=[])
    NoticeChoice.objects.create(user=approver, shown=[], mailed=["batch_rejected"])
    settle(make_running(account), "rejected")
    make_notices(timezone.now())
    rows = {notice.user.username: notice for notice in Notice.objects.all()}
    assert [(name, row.kind) for name, row in sorted(rows.items())] == [
        ("approver", "batch_rejected"),
        ("operator", "batch_rejected"),
    ]
    assert rows["operator"].read_at is None
    assert rows["operator"].mailed_at is not None
    assert rows["approver"].read_at is not None
    assert rows["approver"].mailed_at is None


# -- e-mail -------------------------------------------------------------------------------------------------------


@pytest.fixture
def notice(operator: User) -> Notice:
    return write_notice(operator)


def write_notice(user: User, cause: str = "a", sentence: str = "October promo finished: all 5 accepted.") -> Notice:
    now = timezone.now()
    return Notice.objects.create(
        user=user, kind="finished", cause=cause, sentence=sentence, path="/campaigns/7/", created_at=now, mail_after=now
    )


def test_a_person_gets_one_email_of_all_that_is_due(operator: User, approver: User, settings: Settings) -> None:
    settings.BASE_URL = "https://baton.example.org"
    write_notice(operator, "a", "Call 082 555 0100 finished: all 5 accepted.")
    write_notice(operator, "b")
    write_notice(approver, "c", "Promo\nBcc: x@example.org finished.")
    assert notice_mail.send_due(timezone.now) == 2
    assert notice_mail.send_due(timezone.now) == 0
    first, second = mail.outbox
    assert (first.to, first.subject) == (["operator@example.org"], "2 notices from Baton")
    assert "https://baton.example.org/campaigns/7/" in first.body
    assert "Call (a number) finished: all 5 accepted." in first.body
    assert "555" not in first.body
    assert "https://baton.example.org/notices/choice/" in first.body
    assert second.subject == "Promo Bcc: x@example.org finished."
    assert not Notice.objects.filter(mailed_at=None).exists()


class Broken(EmailBackend):
    """A mail server that refuses everything, or is away."""

    error: Exception = smtplib.SMTPDataError(451, b"later")
    tries = 0

    def send_messages(self, messages: Any) -> int:
        type(self).tries += 1
        raise self.error


@pytest.mark.parametrize("error", [smtplib.SMTPDataError(451, b"later"), OSError("no route"), smtplib.SMTPException()])
def test_a_failed_email_waits_longer_each_time_and_is_not_lost(
    notice: Notice, settings: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception, clock: Clock
) -> None:
    backend = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Broken"
    monkeypatch.setattr(Broken, "error", error)
    monkeypatch.setattr(Broken, "tries", 0)
    for _ in range(8 * 60):
        notice_mail.send_due(clock)
        clock.forward(minutes=1)
    # In eight hours: not every minute, yet at least once an hour.
    assert 8 <= Broken.tries <= 20
    settings.EMAIL_BACKEND = backend
    clock.forward(hours=1)
    assert notice_mail.send_due(clock) == 1
    assert len(mail.outbox) == 1


def test_one_refused_address_does_not_hold_up_the_others(
    notice: Notice, approver: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_notice(approver)
    taken = EmailBackend.send_messages

    def choosy(self: EmailBackend, messages: Any) -> int:
        if messages[0].to == ["operator@example.org"]:
            raise smtplib.SMTPRecipientsRefused({})
        return taken(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", choosy)
    assert notice_mail.send_due(timezone.now) == 1
    notice.refresh_from_db()
    assert notice.mailed_at is None
    assert notice.mail_after > timezone.now()


def test_no_email_goes_to_a_person_who_left_nor_about_old_news(notice: Notice, operator: User, clock: Clock) -> None:
    clock.forward(days=4)
    assert notice_mail.send_due(clock) == 0
    Notice.objects.update(created_at=clock(), mail_after=clock())
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert notice_mail.send_due(clock) == 0
    assert mail.outbox == []
    assert not notice_mail.due(clock()).exists()


def test_two_workers_do_not_send_the_same_email(notice: Notice) -> None:
    with notice_mail.hold("mail-notices"):
        assert notice_mail.send_due(timezone.now) == 0
    assert notice_mail.send_due(timezone.now) == 1


@pytest.fixture
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """A mail server on this machine that takes everything: its port, and the lines that it was given."""
    lines: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        conversation, _ = listener.accept()
        with conversation, conversation.makefile("rwb") as stream:

            def answer(text: str) -> None:
                stream.write(f"{text}\r\n".encode())
                stream.flush()

            answer("220 here")
            in_data = False
            for raw in stream:
                line = raw.decode().rstrip("\r\n")
                lines.append(line)
                if in_data:
                    in_data = line != "."
                    if not in_data:
                        answer("250 taken")
                elif line.upper() == "DATA":
                    in_data = True
                    answer("354 go ahead")
                elif line.upper() == "QUIT":
                    answer("221 bye")
                    return
                else:
                    answer("250 ok")

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1], lines
    thread.join(timeout=10)
    listener.close()


def test_a_real_mail_server_gets_it(notice: Notice, settings: Settings, mail_server: tuple[int, list[str]]) -> None:
    port, lines = mail_server
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.DEFAULT_FROM_EMAIL = "127.0.0.1", port, "baton@example.org"
    assert notice_mail.send_due(timezone.now) == 1
    assert "Subject: October promo finished: all 5 accepted." in lines
    assert "RCPT TO:<OPERATOR@EXAMPLE.ORG>" in [line.upper() for line in lines]


# -- the pages ----------------------------------------------------------------------------------------------------


def test_the_page_shows_own_notices_and_marks_them_read(
    notice: Notice, operator: User, viewer: User, logged_in: LogIn
) -> None:
    write_notice(operator, "b", "October promo was approved by <b>Thandi</b>.")
    client, url = logged_in(operator), reverse("campaigns:notices")
    page = html_of(client.get(url))
    assert "October promo finished: all 5 accepted." in page
    assert "by &lt;b&gt;Thandi" in page
    assert '<span class="notice-count">2</span>' in page

    opened = client.get(reverse("campaigns:notice_open", args=[notice.pk]))
    assert (opened.status_code, opened["Location"]) == (302, "/campaigns/7/")
    assert '<span class="notice-count">1</span>' in html_of(client.get(url))

    newest = Notice.objects.latest("pk").pk
    write_notice(operator, "c")
    client.post(reverse("campaigns:notices_read"), {"up_to": newest})
    assert Notice.objects.filter(read_at=None).count() == 1
    client.post(reverse("campaigns:notice_read", args=[Notice.objects.latest("pk").pk]))
    assert "notice-count" not in html_of(client.get(url))

    other = logged_in(viewer)
    assert "No notices yet" in html_of(other.get(url))
    for name in ("notice_open", "notice_read"):
        answer = getattr(other, "get" if name == "notice_open" else "post")(
            reverse(f"campaigns:{name}", args=[notice.pk])
        )
        assert answer.status_code == 404
    assert client.post(reverse("campaigns:notices_read"), {"up_to": "²"}).status_code == 302


def test_a_person_chooses_on_a_page(operator: User, logged_in: LogIn, settings: Settings) -> None:
    client, url = logged_in(operator), reverse("campaigns:notice_choice")
    page = html_of(client.get(url))
    assert page.count("checked") == 2 * len(NoticeKind)
    assert "This installation sends no email" in page
    client.post(url, {"shown": ["finished"], "mailed": []})
    choice = NoticeChoice.objects.get()
    assert (choice.shown, choice.mailed) == (["finished"], [])
    assert html_of(client.get(url)).count("checked") == 1

    settings.EMAIL_URL = "smtp://mail.example.org"
    assert "Emails go to operator@example.org" in html_of(client.get(url))
    User.objects.update(email="")
    assert "no email address for you" in html_of(client.get(url))


def test_the_page_says_that_an_email_is_late(notice: Notice, operator: User, logged_in: LogIn) -> None:
    url = reverse("campaigns:notices")
    assert "could not be sent yet" not in html_of(logged_in(operator).get(url))
    Notice.objects.update(created_at=timezone.now() - timing.MAIL_IS_LATE_AFTER - timedelta(seconds=1))
    assert "1 email could not be sent yet" in html_of(logged_in(operator).get(url))
