"""Replies: recorded once with the whole text as proof; one that only says STOP keeps its sender from being texted."""

import json
import logging
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer
from redis.exceptions import RedisError

from campaigns.handover import gate
from campaigns.lifecycle import transition
from campaigns.models import Reply, ReplyAddress
from campaigns.results import replies
from campaigns.views import reply_push
from contacts import suppression
from contacts.models import Suppression
from providers.base import Staged
from providers.models import Account
from providers.replies import PushedReply
from tests.campaigns.conftest import MakeCampaign

LogIn = Callable[[User], Client]
NUMBER = "27825550102"


@pytest.fixture(autouse=True)
def no_earlier_pushes() -> None:
    cache.clear()


@pytest.fixture
def address(account: Account) -> str:
    return reverse("campaigns:reply_push", args=[replies.new_address(account, None, timezone.now())])


def push(address: str, **fields: Any) -> int:
    """Push a plain reply; the status of the answer."""
    return Client().get(address, {name.rstrip("_"): value for name, value in fields.items()}).status_code


# -- what a reply says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("STOP", "stop", "  Stop. ", "STOP!!!", "“Stop”", "STOP\r\n", "\u200bSTOP\ufeff", "S\u00adTOP", "STOP\u00a0"),
        *(
            "ＳＴＯＰ",
            "STOP 🛑",
            "STOP ❤️",
            "stop all",
            "Stop\n all",
            "opt out",
            "Opt-Out",
            "opt‑out",
            "optout",
            "END",
            "quit",
        ),
        *("Cancel", "unsubscribe", "KANSELLEER", "arrêt", "ARRE\u0302T", "*STOP*", "(stop)", "STOPP", "- stop -"),
    ],
)
def test_a_reply_that_is_only_the_word_opts_out(text: str) -> None:
    assert replies.is_opt_out(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "STOP 12345",
            "please stop calling",
            "Stop it",
            "acme stop",
            "STOP STOP",
            "start",
            "UNSTOP",
            "yes",
            "",
            " ",
            "🛑",
        ),
        *("don't stop", "S T O P", "the end", "STOPS", "n0 st0p", "\u200b", "...", "stop, please", "1 STOP", "STOP2"),
    ],
)
def test_any_other_reply_is_for_people(text: str) -> None:
    assert not replies.is_opt_out(text)


def test_the_words_are_the_installation_s(settings: Settings) -> None:
    settings.OPT_OUT_WORDS = ["Nee dankie"]
    assert replies.is_opt_out("nee  DANKIE.")
    assert not replies.is_opt_out("STOP")


@pytest.mark.parametrize(
    ("phone", "expected"),
    [
        ("27825550102", NUMBER),
        ("+27 82 555 0102", NUMBER),
        ("0027825550102", NUMBER),
        ("0825550102", NUMBER),
        ("4587654321", "4587654321"),
        ("999123456789", "999123456789"),
        ("31234", ""),
        ("ACME", ""),
        ("", ""),
    ],
)
def test_the_sender_is_read_with_its_country_code(phone: str, expected: str) -> None:
    assert replies.msisdn_of(phone) == expected


# -- pushes -----------------------------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_a_pushed_stop_opts_out_with_the_whole_reply_as_proof(address: str, account: Account) -> None:
    assert push(address, from_=NUMBER, text="Stop.", id="r1", time="2026-11-27T12:05:00Z") == 200

    reply = Reply.objects.get()
    assert (reply.account, reply.msisdn, reply.text, reply.provider_ref) == (account, NUMBER, "Stop.", "r1")
    assert (reply.action, reply.source, reply.acted_by) == ("opted_out", "push", None)
    assert b"text=Stop." in bytes(reply.raw)
    opt_out = Suppression.objects.get()
    assert (opt_out.msisdn, opt_out.source) == (NUMBER, "reply")
    assert opt_out.note == "Reply through SMSPortal main, 2026-11-27 12:05 UTC: “Stop.”"


def test_an_opt_out_by_reply_is_in_the_journal(address: str, settings: Settings) -> None:
    push(address, from_=NUMBER, text="STOP")
    (journal,) = Path(settings.JOURNAL_DIR).glob("suppressions-*.jsonl")
    (line,) = map(json.loads, journal.read_text().splitlines())
    assert (line["opt_out"], line["source"]) == (NUMBER, "reply")


@pytest.mark.parametrize("text", ["STOP 12345", "please stop calling", "START", "UNSTOP", ""])
def test_other_texts_change_nothing_and_wait_for_people(address: str, text: str) -> None:
    suppression.suppress(["27825550199"], "manual")
    assert push(address, from_=NUMBER, text=text) == 200
    assert push(address, from_="27825550199", text="START") == 200
    assert set(Reply.objects.values_list("action", flat=True)) == {"to_read"}
    assert [row.msisdn for row in Suppression.objects.active()] == ["27825550199"]


@pytest.mark.postgresql
def test_a_repeated_push_is_recorded_once(address: str) -> None:
    for _ in range(3):
        assert push(address, from_=NUMBER, text="STOP", id="r1", time="1609459200") == 200
    assert Reply.objects.count() == Suppression.objects.count() == 1
    for _ in range(3):
        assert push(address, from_=NUMBER, text="Hello") == 200
    assert Reply.objects.count() == 2


@pytest.mark.postgresql
def test_an_id_that_is_used_for_everything_loses_nobody(address: str) -> None:
    push(address, from_=NUMBER, text="STOP", id="acme")
    push(address, from_="27825550103", text="STOP", id="acme")
    push(address, from_=NUMBER, text="Hello", id="acme")
    assert Reply.objects.count() == 3
    assert Suppression.objects.count() == 2


@pytest.mark.postgresql
def test_a_repeat_after_a_consent_counts_only_if_it_may_be_a_new_reply(address: str) -> None:
    push(address, from_=NUMBER, text="STOP", id="r1")
    suppression.opt_back_in(NUMBER, "Wrote to us")
    push(address, from_=NUMBER, text="STOP", id="r1")
    assert not suppression.is_suppressed(NUMBER)

    push(address, from_=NUMBER, text="STOP")
    assert suppression.is_suppressed(NUMBER)
    suppression.opt_back_in(NUMBER, "Wrote to us again")
    push(address, from_=NUMBER, text="STOP")
    assert suppression.is_suppressed(NUMBER)


def test_a_number_of_no_phone_is_recorded_to_read(address: str) -> None:
    assert push(address, from_="ACME", text="STOP") == 200
    reply = Reply.objects.get()
    assert (reply.msisdn, reply.phone, reply.action) == ("", "ACME", "to_read")


def test_a_part_of_a_longer_reply_is_for_people(account: Account) -> None:
    part = replies.Received(PushedReply(NUMBER, "STOP", is_part=True), b"")
    replies.record(account, [part], "push", timezone.now())
    assert Reply.objects.get().action == "to_read"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", urlencode({"from": NUMBER, "text": "STOP"})),
        ("application/json", json.dumps({"from": int(NUMBER), "text": "STOP"})),
        ("text/plain", json.dumps([{"from": f"+{NUMBER}", "text": "STOP"}])),
        ("application/xml", f"<reply><from>{NUMBER}</from><text>STOP</text></reply>"),
        # The shapes of other providers than the account's.
        (
            "application/x-www-form-urlencoded",
            urlencode({"sender": NUMBER, "message": "STOP", "msg_id": 1, "msisdn": "2"}),
        ),
        ("application/json", json.dumps({"id": 1, "msisdn": int(NUMBER), "receiver": 1204, "message": "STOP"})),
    ],
)
def test_every_kind_of_body_is_read(address: str, kind: str, body: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(address, body, content_type=kind)
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert suppression.is_suppressed(NUMBER)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{}", 400),
        ("{broken", 400),
        ("", 400),
        ("from=&text=STOP", 400),
        ("Phonenumber=27825550102&Data=STOP&Status=DELIVRD", 400),
        ("[]", 200),
        ("text=" + "x" * reply_push.MAX_BYTES, 413),
    ],
)
def test_what_holds_no_reply_is_refused_and_records_nothing(address: str, body: str, status: int) -> None:
    answer = Client().post(address, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == status
    assert not Reply.objects.exists()


def test_a_wrong_token_is_not_found_and_limited(address: str) -> None:
    wrong = reverse("campaigns:reply_push", args=["x" * 43])
    assert {push(wrong, from_=NUMBER, text="STOP") for _ in range(reply_push.WRONG_PER_MINUTE)} == {404}
    assert push(wrong, from_=NUMBER, text="STOP") == 429
    # From the same address, the right one still works.
    assert push(address, from_=NUMBER, text="STOP") == 200
    assert Client().put(address).status_code == 405


def test_pushes_of_an_account_are_limited(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reply_push, "PUSHES_PER_MINUTE", 2)
    assert [push(address, from_=NUMBER, text=str(n)) for n in range(4)] == [200, 200, 429, 429]


def test_replies_are_taken_while_redis_does_not_answer(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_answer(*args: Any, **kwargs: Any) -> None:
        raise RedisError

    monkeypatch.setattr(cache, "add", no_answer)
    assert push(address, from_=NUMBER, text="STOP") == 200
    assert suppression.is_suppressed(NUMBER)


def test_nothing_of_a_push_is_logged(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "django"):
        for path in (address, address[:-2] + "A"):
            push(path, from_=NUMBER, text="STOP")
            push(path, nothing="here")
            Client().put(path)
    lines = [record.getMessage() for record in caplog.records if record.name != "django.db.backends"]
    assert not [line for line in lines if address in line or NUMBER in line or "replies" in line]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_over_a_socket_the_sender_is_not_texted(
    live_server: LiveServer, account: Account, make_running: MakeCampaign
) -> None:
    batch = transition(make_running(account).batches.get(), "uploading")
    path = reverse("campaigns:reply_push", args=[replies.new_address(account, None, timezone.now())])
    fields = {"Phonenumber": NUMBER, "IncomingData": "Stop", "IncomingID": "1"}
    for request in (
        Request(f"{live_server.url}{path}?{urlencode(fields)}"),
        # Some programs drop the slash at the end.
        Request(live_server.url + path.rstrip("/"), urlencode(fields).encode()),
    ):
        with urlopen(request, timeout=20) as answer:
            assert (answer.status, answer.read()) == (200, b"ok\n")
    # A body without a length holds nothing that can be read.
    with socket.create_connection(
        (urlsplit(live_server.url).hostname or "", urlsplit(live_server.url).port or 0)
    ) as raw:
        raw.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert b" 400 " in raw.recv(100)

    assert gate.gate(batch, Staged(), "a-name.zip", timezone.now()) is None
    assert Reply.objects.count() == 1


# -- the pages --------------------------------------------------------------------------------------------------------


@pytest.fixture
def some(account: Account) -> list[Reply]:
    """A hundred replies to read and one that opted out, in this order."""
    now = timezone.now()
    read = [replies.Received(PushedReply(f"278255501{n:02}", f"Question {n}", str(n)), b"") for n in range(100)]
    replies.record(account, [*read, replies.Received(PushedReply("27825550200", "STOP", "s"), b"")], "push", now)
    return list(Reply.objects.order_by("id"))


@pytest.mark.postgresql
def test_the_page_filters_and_pages_newest_first(operator: User, logged_in: LogIn, some: list[Reply]) -> None:
    client = logged_in(operator)
    first = client.get("/replies/")
    assert [row.text for row in first.context["rows"]] == [f"Question {n}" for n in range(99, 49, -1)]
    second = client.get(f"/replies/?before={first.context['older']}")
    assert [row.text for row in second.context["rows"]] == [f"Question {n}" for n in range(49, -1, -1)]
    assert second.context["older"] is None
    assert [row.text for row in client.get("/replies/?show=opted_out").context["rows"]] == ["STOP"]
    assert client.get("/replies/?show=all").context["rows"][0].text == "STOP"
    for query in ("?before=x", "?before=-1", "?show=x", "?before=99999999999999999999"):
        assert client.get(f"/replies/{query}").status_code == 200


def test_the_page_shows_a_text_as_text(operator: User, logged_in: LogIn, address: str) -> None:
    push(address, from_=NUMBER, text="<script>alert(1)</script>")
    page = logged_in(operator).get("/replies/").content.decode()
    assert "&lt;script&gt;alert(1)" in page


def test_people_opt_a_number_out_and_mark_a_reply_as_read(operator: User, logged_in: LogIn, some: list[Reply]) -> None:
    client = logged_in(operator)
    answer = client.post(f"/replies/{some[0].pk}/opt-out/", {"next": "/replies/?show=all"})
    assert answer.headers["Location"] == "/replies/?show=all"
    answer = client.post(f"/replies/{some[1].pk}/read/", {"next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == "/replies/"

    opted_out, read = (Reply.objects.get(pk=row.pk) for row in some[:2])
    assert (opted_out.action, opted_out.acted_by) == ("opted_out", operator)
    assert (read.action, read.acted_by) == ("read", operator)
    suppressed = Suppression.objects.get(msisdn=opted_out.msisdn)
    assert (suppressed.source, suppressed.created_by) == ("reply", operator)
    assert "Question 0" in suppressed.note
    # Neither button undoes the other.
    client.post(f"/replies/{opted_out.pk}/read/")
    client.post(f"/replies/{read.pk}/opt-out/")
    assert {row.action for row in Reply.objects.filter(pk__in=[opted_out.pk, read.pk])} == {"opted_out"}


def test_a_viewer_reads_replies_and_acts_on_none(viewer: User, logged_in: LogIn, some: list[Reply]) -> None:
    client = logged_in(viewer)
    page = client.get("/replies/").content.decode()
    assert "Question 99" in page
    assert "Opt this number out" not in page
    assert "Mark as read" not in page


def upload(client: Client, account: Account, text: str) -> Any:
    file = SimpleUploadedFile("replies.csv", text.encode())
    return client.post("/replies/upload/", {"account": account.pk, "file": file})


@pytest.mark.postgresql
def test_an_export_is_recorded_once_and_every_row_is_counted(operator: User, logged_in: LogIn, address: str) -> None:
    account = Account.objects.get()
    push(
        address, Phonenumber="27825550103", IncomingData="STOP", IncomingID="9", IncomingDataTime="27/Nov/2026 14:05:00"
    )
    sheet = (
        "Incoming ID,Date received,From,Reply text\n"
        "9,2026/11/27 14:05:00,27825550103,STOP\n"
        "10,2026/11/27 14:06:00,0825550104,stop\n"
        "11,2026/11/27 14:07:00,27825550105,stop calling me\n"
        "12,2026/11/27 14:08:00,,STOP\n"
        ",,,\n"
        "13,2026/11/27 14:09:00,27825550106,Stop.\n"
    )
    client = logged_in(operator)
    for opted_out, to_read, repeated in ((2, 1, 1), (0, 0, 4)):
        result = upload(client, account, sheet).context["result"]
        counts = result.counts
        assert (counts.opted_out, counts.to_read, counts.repeated) == (opted_out, to_read, repeated)
        assert (result.read, result.without_number, result.blank) == (6, 1, 1)
        assert result.issues == [(5, "STOP")]
    assert Reply.objects.count() == 4
    uploaded = Reply.objects.get(provider_ref="10")
    assert (uploaded.msisdn, uploaded.source, uploaded.acted_by) == ("27825550104", "upload", operator)
    assert json.loads(bytes(uploaded.raw))["row"] == 3
    assert uploaded.received_at == datetime.fromisoformat("2026-11-27T12:06:00+00:00")


@pytest.mark.parametrize("header", ["Name,Text", "From,Name"])
def test_an_export_without_sender_or_text_is_refused(
    operator: User, logged_in: LogIn, account: Account, header: str
) -> None:
    answer = upload(logged_in(operator), account, f"{header}\n27825550103,STOP\n")
    assert answer.status_code == 422
    assert "Change the heading" in answer.content.decode()
    assert not Reply.objects.exists()


def test_administrators_see_the_address_and_replace_it(
    administrator: User, operator: User, logged_in: LogIn, account: Account
) -> None:
    client, path = logged_in(administrator), f"/accounts/{account.pk}/replies/"
    assert "Make an address" in client.get(path).content.decode()
    assert path in client.get(f"/accounts/{account.pk}/").content.decode()
    client.post(path)
    first = client.get(path).context["url"]
    assert push(urlsplit(first).path, from_=NUMBER, text="Hello") == 200
    client.post(path)
    second = client.get(path).context["url"]
    assert push(urlsplit(first).path, from_=NUMBER, text="STOP") == 404
    assert push(urlsplit(second).path, from_=NUMBER, text="STOP") == 200
    # Not even the database holds it in the clear.
    token = urlsplit(second).path.split("/")[2]
    row = ReplyAddress.objects.values_list("token_hash", "token").get()
    assert token not in "".join(row)

    assert logged_in(operator).get(path).status_code == 403
    assert path not in logged_in(operator).get(f"/accounts/{account.pk}/").content.decode()


def test_an_address_that_cannot_be_decrypted_can_be_replaced(
    administrator: User, logged_in: LogIn, account: Account
) -> None:
    replies.new_address(account, administrator, timezone.now() - timedelta(days=1))
    ReplyAddress.objects.update(token="broken")
    client, path = logged_in(administrator), f"/accounts/{account.pk}/replies/"
    page = client.get(path)
    assert page.context["url"] == ""
    assert "Make a new one" in page.content.decode()
    client.post(path)
    assert client.get(path).context["url"]


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/replies/", "get", {"viewer", "operator", "approver", "administrator"}),
        ("/replies/upload/", "get", {"operator"}),
        ("/replies/{reply}/opt-out/", "post", {"operator"}),
        ("/replies/{reply}/read/", "post", {"operator"}),
        ("/accounts/{account}/replies/", "get", {"administrator"}),
        ("/accounts/{account}/replies/", "post", {"administrator"}),
    ],
)
@pytest.mark.parametrize("role", ["viewer", "operator", "approver", "administrator", "anonymous"])
def test_who_may_do_what(
    make_user: Any, logged_in: LogIn, account: Account, role: str, path: str, method: str, allowed: set[str]
) -> None:
    replies.record(account, [replies.Received(PushedReply(NUMBER, "Hello"), b"")], "push", timezone.now())
    client = Client() if role == "anonymous" else logged_in(make_user(role))
    answer = getattr(client, method)(path.format(reply=Reply.objects.get().pk, account=account.pk))
    if role == "anonymous":
        assert answer.headers["Location"].startswith("/login/")
    else:
        assert answer.status_code in ({200, 302} if role in allowed else {403})
