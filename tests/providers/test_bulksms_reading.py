"""What BulkSMS answers and reports over a real socket, and how that is interpreted."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from providers.adapters.bulksms import Adapter
from providers.adapters.bulksms.reading import REPORT_PATIENCE
from providers.base import (
    Attempt,
    CampaignSpec,
    Check,
    Ending,
    Interpretation,
    Message,
    Observation,
    Payload,
    ProviderState,
    Receipt,
    Staged,
)
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.transports.http import HttpRemote, HttpTransport
from tests.providers.test_http import Server, serving

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NUMBERS = ("27825550100", "27825550101", "27825550102")
ADAPTER = Adapter()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as running:
        yield running


@contextmanager
def connected(server: Server, **others: Any) -> Iterator[HttpRemote]:
    settings = {
        "api_url": f"http://127.0.0.1:{server.server_port}/eapi",
        "allow_plain_http": True,
        "allow_private_hosts": True,
        "username": "acme&co",
        "password": "pä+ss",
        "joins_long_texts": True,
        **others,
    }
    with HttpTransport.connect(settings) as remote:
        yield remote


def payload(
    *, texts: tuple[str, ...] = ("Hi", "Hi", "Hi"), start_at: datetime | None = None, **options: Any
) -> Payload:
    people = [Message(msisdn, text, {}, "", "", msisdn) for msisdn, text in zip(NUMBERS, texts, strict=False)]
    return ADAPTER.render("c1-b1-g1-0a1b2c3d", 7, CampaignSpec("", "", start_at, None, options), people)


def attempt(
    raw: bytes = b"", ref: str = "", ending: Ending = Ending.DONE, number: int = 1, at: datetime = NOON
) -> Attempt:
    started = at + timedelta(minutes=number - 1)
    name = f"c1-b1-g1-0a1b2c3d-a{number}"
    return Attempt(number, name, "", Staged(), started, started, ending, Receipt(ref, raw))


TAKEN = attempt(b"0|IN_PROGRESS|30430", "30430")
SCHEDULED = attempt(b"1|SCHEDULED|30430", "30430")


def observation(*replies: bytes, after: float = 5) -> Observation:
    return Observation(NOON + timedelta(seconds=after), (), replies=replies)


def report(*rows: str, head: str = "0|Returns to follow") -> bytes:
    return "\n".join([head, "", *rows, ""]).encode()


def committed(server: Server, body: bytes, *, status: int = 200, number: int = 1, **options: Any) -> Receipt:
    server.status, server.body = status, body
    with connected(server) as remote:
        return ADAPTER.commit(remote, payload(**options), attempt(number=number))


def trouble(server: Server, body: bytes, **others: Any) -> Trouble:
    with pytest.raises(Trouble) as caught:
        committed(server, body, **others)
    return caught.value


def after(found: Trouble, *others: Attempt, **options: Any) -> Interpretation:
    """What is interpreted after an attempt that ended with ``found``, and ``others`` before it."""
    endings = {Unclear: Ending.UNCLEAR, Unreachable: Ending.UNREACHABLE, Refused: Ending.REFUSED}
    last = attempt(found.reply, ending=endings[type(found)], number=len(others) + 1)
    return ADAPTER.interpret(payload(**options), [*others, last], [observation()])


def read(*observations: Observation, attempts: tuple[Attempt, ...] = (TAKEN,), **options: Any) -> Interpretation:
    return ADAPTER.interpret(payload(**options), attempts, observations)


# The hand-over


def test_user_name_and_password_come_before_the_payload(server: Server) -> None:
    committed(server, b"0|IN_PROGRESS|30430")
    [(path, form, _)] = server.asked
    assert path == "/eapi/submission/send_batch/1/1.0"
    assert form == b"username=acme%26co&password=p%E4%2Bss&" + payload().body
    assert parse_qs(form.decode(), encoding="latin-1")["stop_dup_id"] == ["7"]


@pytest.mark.parametrize(
    ("body", "ref"),
    [
        (b"0|IN_PROGRESS|30430", "30430"),
        (b"0|IN_PROGRESS|30430\n", "30430"),
        (b"0|IN_PROGRESS|30430|\n", "30430"),
        (b"\r\n 0|IN_PROGRESS|30430| \r\n", "30430"),
        (b"\xef\xbb\xbf0|IN_PROGRESS|30430", "30430"),
        (b"1|SCHEDULED|30430|", "30430"),
        (b"0||30430", "30430"),
        (b"0|IN_PROGRESS|", ""),
        (b"0|IN_PROGRESS", ""),
        (b"0|IN_PROGRESS|0", ""),
        (b"0|IN_PROGRESS|-1", ""),
        (b"0|IN_PROGRESS|none|\n", ""),
    ],
)
def test_a_batch_that_is_taken(server: Server, body: bytes, ref: str) -> None:
    assert committed(server, body) == Receipt(ref, body)


@pytest.mark.parametrize(("code", "word"), [(23, "login_refused"), (25, "no_credits"), (27, "quota_exceeded")])
def test_what_stops_the_account_and_holds_the_batch(server: Server, code: int, word: str) -> None:
    body = f"{code}|invalid credentials (username was: XXXXXXX)|\n".encode()
    found = trouble(server, body)
    assert isinstance(found, Refused)
    assert (found.code, found.account, found.holds, found.reply) == (word, True, True, body)
    assert "XXXXXXX" not in found.sentence
    assert after(found).state is ProviderState.ABSENT


def test_temporarily_unavailable_is_retried_without_limit(server: Server) -> None:
    for number in (1, 6, 50):
        found = trouble(server, b"40|temporarily unavailable|", number=number)
        assert isinstance(found, Unreachable)
        assert found.code == "temporarily_unavailable"
    assert after(found).state is ProviderState.ABSENT


@pytest.mark.parametrize("code", [26, 28])
def test_an_upstream_failure_is_retried_a_few_times(server: Server, code: int) -> None:
    body = f"{code}|upstream|".encode()
    assert all(isinstance(trouble(server, body, number=number), Unreachable) for number in range(1, 6))
    found = trouble(server, body, number=6)
    assert isinstance(found, Refused)
    assert found.holds
    assert not found.account


def test_an_internal_error_is_unclear(server: Server) -> None:
    found = trouble(server, b"22|Internal fatal error|")
    assert isinstance(found, Unclear)
    interpretation = after(found)
    assert interpretation.unclear
    assert interpretation.reason == "internal_error"


def test_an_unknown_status_is_unclear(server: Server) -> None:
    found = trouble(server, b"77|something new|12")
    assert isinstance(found, Unclear)
    interpretation = after(found)
    assert (interpretation.unclear, interpretation.reason) == (True, "UNKNOWN")
    assert "77" in interpretation.sentence


@pytest.mark.parametrize(("code", "word"), [(24, "validation_failed"), (201, "batch_too_large")])
def test_what_is_rejected_as_a_whole(server: Server, code: int, word: str) -> None:
    found = trouble(server, f"{code}|no".encode())
    assert isinstance(found, Unclear)
    interpretation = after(found)
    assert (interpretation.state, interpretation.reason, interpretation.unclear) == (
        ProviderState.REJECTED,
        word,
        False,
    )
    # The attempt before it may have arrived.
    interpretation = after(found, attempt(ending=Ending.UNCLEAR))
    assert (interpretation.state, interpretation.unclear) == (ProviderState.UNKNOWN, True)
    interpretation = after(found, attempt(ending=Ending.NONE))
    assert interpretation.unclear
    # These cannot have arrived.
    interpretation = after(
        found, attempt(b"40|later|", ending=Ending.UNREACHABLE), attempt(ending=Ending.REFUSED, number=2)
    )
    assert interpretation.state is ProviderState.REJECTED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"0",
        b"2",
        b"<html><body>Welcome to the airport's network</body></html>",
        b"0 IN_PROGRESS 30430",
        b"|IN_PROGRESS|30430",
        b"-1|no|",
        b'{"status": 0}',
        b"\x00\xff\xfe",
    ],
)
def test_an_unreadable_answer_permits_a_repeat(server: Server, body: bytes) -> None:
    found = trouble(server, body)
    assert isinstance(found, Unclear)
    assert found.code == "answer_unreadable"
    interpretation = after(found)
    assert (interpretation.state, interpretation.unclear) == (ProviderState.ABSENT, False)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 500, 502, 503])
@pytest.mark.parametrize("body", [b"<html>" + b"x" * 5000, b"", b"0|IN_PROGRESS|30430", b"24|Data validation failed|"])
def test_any_other_http_status_permits_a_repeat(server: Server, status: int, body: bytes) -> None:
    server.headers = {"Location": "/eapi/elsewhere"}
    found = trouble(server, body, status=status)
    assert isinstance(found, Unclear)
    assert found.reply.startswith(b"HTTP %d\n" % status)
    assert len(found.reply) < 2100
    assert len(server.asked) == 1
    interpretation = after(found)
    assert (interpretation.state, interpretation.unclear) == (ProviderState.ABSENT, False)


def test_a_repeat_of_the_same_batch_is_answered_as_the_first_time() -> None:
    interpretation = read(
        observation(), attempts=(attempt(ending=Ending.UNCLEAR), attempt(TAKEN.receipt.raw, "30430", number=2))
    )
    assert (interpretation.state, interpretation.alarm) == (ProviderState.TAKEN, "")


def test_two_numbers_for_one_batch_are_an_alarm() -> None:
    other = attempt(b"0|IN_PROGRESS|30431", "30431", number=2)
    interpretation = read(observation(), attempts=(TAKEN, other))
    assert interpretation.state is ProviderState.TAKEN
    assert "twice" in interpretation.alarm


def test_long_texts_wait_where_the_account_may_not_hand_them_over(server: Server) -> None:
    long = payload(texts=("a" * 161,))
    with connected(server, joins_long_texts=False) as remote:
        assert ADAPTER.stage(remote, payload(), "name") == Staged()
        with pytest.raises(Refused) as caught:
            ADAPTER.stage(remote, long, "name")
    assert caught.value.code == "long_texts_refused"
    assert not caught.value.account
    with connected(server) as remote:
        assert ADAPTER.stage(remote, long, "name") == Staged()
    assert server.dialled == 0


# Rehearsals


def test_a_rehearsal_texts_nobody_and_says_so(server: Server) -> None:
    receipt = committed(server, b"0|IN_PROGRESS|1", rehearsal="succeed")
    assert receipt.provider_ref == ""
    done = attempt(receipt.raw)
    with connected(server) as remote:
        seen = ADAPTER.poll(remote, payload(rehearsal="succeed"), [done], NOON)
    assert seen.replies == ()
    assert len(server.asked) == 1
    interpretation = read(seen, attempts=(done,), rehearsal="succeed")
    assert interpretation.state is ProviderState.ACCEPTED
    assert interpretation.sentence == "Rehearsal: BulkSMS checked the file and nobody was texted."
    assert {
        (outcome.msisdn, outcome.result, outcome.code, outcome.sentence) for outcome in interpretation.outcomes
    } == {(number, "accepted", "rehearsal", "Rehearsal: nobody was texted.") for number in NUMBERS}


@pytest.mark.parametrize(
    ("option", "words"), [("", ""), ("succeed", "texts nobody"), ("fail", "rejects it and texts nobody")]
)
def test_a_campaign_spec_says_that_it_is_a_rehearsal(option: str, words: str) -> None:
    said = ADAPTER.rehearsal(CampaignSpec("", "", None, None, {"rehearsal": option}))
    assert words in said
    assert bool(said) is bool(option)
    assert ADAPTER.rehearsal(CampaignSpec("", "", None, None, {})) == ""


@pytest.mark.parametrize("code", [22, 24, 26, 40, 201, 77])
def test_a_refused_rehearsal_is_a_rejection(server: Server, code: int) -> None:
    found = trouble(server, f"{code}|as you wished|".encode(), rehearsal="fail")
    assert isinstance(found, Unclear)
    interpretation = after(found, rehearsal="fail")
    assert (interpretation.state, interpretation.reason, interpretation.unclear) == (
        ProviderState.REJECTED,
        "rehearsal",
        False,
    )


def test_a_rehearsal_with_a_wrong_password_is_about_the_account(server: Server) -> None:
    found = trouble(server, b"23|invalid credentials|", rehearsal="fail")
    assert isinstance(found, Refused)
    assert found.account


# Polling


def test_the_report_is_requested_by_the_number_of_the_batch(server: Server) -> None:
    server.body = report("27825550100|11")
    with connected(server) as remote:
        seen = ADAPTER.poll(remote, payload(), [TAKEN], NOON)
    assert seen == Observation(NOON, (f"127.0.0.1:{server.server_port}",), replies=(server.body,))
    [(path, form, _)] = server.asked
    assert path == "/eapi/status_reports/get_report/2/2.0"
    assert form == b"username=acme%26co&password=p%E4%2Bss&batch_id=30430"


def test_each_number_is_requested_once(server: Server) -> None:
    again = attempt(b"0|IN_PROGRESS|30430", "30430", number=2)
    other = attempt(b"0|IN_PROGRESS|30431", "30431", number=3)
    with connected(server) as remote:
        assert len(ADAPTER.poll(remote, payload(), [TAKEN, again, other], NOON).replies) == 2


def test_without_a_number_nothing_is_requested(server: Server) -> None:
    with connected(server) as remote:
        assert ADAPTER.poll(remote, payload(), [attempt(ending=Ending.UNCLEAR)], NOON) == Observation(NOON, ())
    assert server.dialled == 0


def test_before_its_start_no_report_is_requested(server: Server) -> None:
    early = payload(start_at=NOON + timedelta(hours=1))
    with connected(server) as remote:
        assert ADAPTER.poll(remote, early, [SCHEDULED], NOON).replies == ()
        assert server.dialled == 0
        assert ADAPTER.poll(remote, early, [SCHEDULED], NOON + timedelta(hours=1)).replies


def test_a_report_page_that_is_gone_is_kept_as_evidence(server: Server) -> None:
    server.status, server.body = 404, b"0|Returns to follow\n\n27825550100|11\n"
    with connected(server) as remote:
        seen = ADAPTER.poll(remote, payload(), [TAKEN], NOON)
    assert seen.replies[0].startswith(b"HTTP 404\n")
    assert read(seen).state is ProviderState.TAKEN


def test_a_login_refused_while_polling_is_about_the_account(server: Server) -> None:
    server.body = b"23|invalid credentials (username was: acme&co)|\n"
    with connected(server) as remote, pytest.raises(Refused) as caught:
        ADAPTER.poll(remote, payload(), [TAKEN], NOON)
    assert caught.value.account


# Interpreting reports


def test_a_report_with_everybody_in_it_settles_the_batch() -> None:
    rows = ("27825550100|11", "27825550101|53", "27825550102|0")
    for head in ("0|Returns to follow", "0|Results to follow", "0|", "0|anything|\r"):
        interpretation = read(observation(report(*rows, head=head)))
        assert (interpretation.state, interpretation.unclear, interpretation.alarm) == (
            ProviderState.ACCEPTED,
            False,
            "",
        )
        found = {
            outcome.msisdn: (outcome.result, outcome.delivery, outcome.code) for outcome in interpretation.outcomes
        }
        assert found == {
            "27825550100": ("accepted", "delivered", "11"),
            "27825550101": ("accepted", "undelivered", "53"),
        }
        assert [outcome.line for outcome in interpretation.outcomes] == [3, 4]


def test_each_row_is_read_on_its_own_in_any_notation() -> None:
    body = (
        b"\xef\xbb\xbf\r\n0|Returns to follow\r\n+27825550100|11|\r\n 27825550101 | 11 |2026-11-21|x\r\n27825550102|11"
    )
    interpretation = read(observation(body))
    assert [outcome.delivery for outcome in interpretation.outcomes] == ["delivered"] * 3
    assert interpretation.alarm == ""


@pytest.mark.parametrize(
    ("code", "result", "delivery"),
    [
        (0, None, ""), (1, None, ""), (10, None, ""), (11, "accepted", "delivered"), (12, None, ""),
        (22, "accepted", "undelivered"), (23, "row_error", ""), (24, "row_error", ""), (25, "row_error", ""),
        (26, "accepted", "undelivered"), (27, "row_error", ""), (28, "accepted", "undelivered"), (29, "row_error", ""),
        (30, "accepted", "undelivered"), (31, "row_error", ""), (32, "row_error", ""), (33, "row_error", ""),
        (40, None, ""), (50, "accepted", "undelivered"), (51, "accepted", "undelivered"),
        (52, "accepted", "undelivered"), (53, "accepted", "undelivered"), (54, "accepted", "undelivered"),
        (55, "accepted", "undelivered"), (56, "accepted", "undelivered"), (57, "accepted", "undelivered"),
        (60, None, ""), (61, None, ""), (62, None, ""), (63, None, ""), (64, None, ""), (70, "accepted", ""),
        (201, "row_error", ""),
    ],
)  # fmt: skip
def test_every_status_of_the_document(code: int, result: str | None, delivery: str) -> None:
    rows = [f"{NUMBERS[0]}|{code}", f"{NUMBERS[1]}|0", f"{NUMBERS[2]}|0"]
    interpretation = read(observation(report(*rows)))
    assert interpretation.state is ProviderState.ACCEPTED
    if result is None:
        assert interpretation.outcomes == ()
        return
    (outcome,) = interpretation.outcomes
    assert (outcome.msisdn, outcome.result, outcome.delivery, outcome.code) == (NUMBERS[0], result, delivery, str(code))
    assert outcome.sentence
    assert outcome.opted_out == (code == 32)


@pytest.mark.parametrize(("code", "reason"), [(23, "login_refused"), (25, "no_credits"), (27, "quota_exceeded")])
def test_a_report_that_refuses_because_of_the_account_says_so(code: int, reason: str) -> None:
    rows = [f"{NUMBERS[0]}|11", f"{NUMBERS[1]}|11", f"{NUMBERS[2]}|{code}"]
    interpretation = read(observation(report(*rows)))
    assert (interpretation.state, interpretation.reason, interpretation.account) == (
        ProviderState.ACCEPTED,
        reason,
        True,
    )
    others = read(observation(report(*rows[:2], f"{NUMBERS[2]}|31")))
    assert (others.reason, others.account) == ("reported", False)


def test_an_unknown_status_is_never_a_result() -> None:
    interpretation = read(observation(report(*[f"{number}|99" for number in NUMBERS])))
    assert {(outcome.result, outcome.code, outcome.delivery) for outcome in interpretation.outcomes} == {
        ("accepted", "UNKNOWN", "")
    }
    assert "99" in interpretation.alarm


def test_the_newest_status_of_a_number_counts() -> None:
    first = observation(report(*[f"{number}|0" for number in NUMBERS]))
    later = observation(report(*[f"{number}|11" for number in NUMBERS]), after=60)
    assert len(read(first, later).outcomes) == 3


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (("11", "11"), ("accepted", "delivered")),
        (("11", "53"), ("accepted", "undelivered")),
        (("11", "0"), None),
        (("31", "31"), ("row_error", "")),
        (("11", "31"), ("accepted", "undelivered")),
        (("31", "11"), ("accepted", "undelivered")),
    ],
)
def test_a_text_with_a_row_for_each_part(rows: tuple[str, str], expected: tuple[str, str] | None) -> None:
    parts = [f"{NUMBERS[0]}|{code}" for code in rows]
    interpretation = read(observation(report(*parts, f"{NUMBERS[1]}|0", f"{NUMBERS[2]}|0")))
    found = [(outcome.result, outcome.delivery) for outcome in interpretation.outcomes]
    assert found == ([expected] if expected else [])


def test_a_missing_row_is_an_error_once_the_report_is_complete() -> None:
    lacking = report("27825550100|11", "27825550101|0")
    first = observation(lacking)
    interpretation = read(first)
    assert (interpretation.state, interpretation.reason) == (ProviderState.PROCESSING, "report_filling")
    assert [outcome.msisdn for outcome in interpretation.outcomes] == ["27825550100"]
    assert read(first, observation(lacking, after=64)).state is ProviderState.PROCESSING
    interpretation = read(first, observation(lacking, after=65))
    assert interpretation.state is ProviderState.ACCEPTED
    missing = interpretation.outcomes[-1]
    assert (missing.msisdn, missing.result, missing.code) == ("27825550102", "row_error", "missing_from_report")


def test_a_report_that_is_still_filling_proves_nothing_missing() -> None:
    interpretation = read(
        observation(report("27825550100|11")),
        observation(report("27825550100|11", "27825550101|0"), after=120),
        observation(b"40|later|", after=150),
    )
    assert interpretation.state is ProviderState.PROCESSING
    assert {outcome.result for outcome in interpretation.outcomes} == {"accepted"}


def test_a_number_that_comes_late_is_no_error_but_an_alarm() -> None:
    lacking = report("27825550100|11", "27825550101|0")
    interpretation = read(
        observation(lacking),
        observation(lacking, after=120),
        observation(report("27825550100|11", "27825550101|0", "27825550102|0"), after=180),
    )
    assert interpretation.state is ProviderState.ACCEPTED
    assert {outcome.result for outcome in interpretation.outcomes} == {"accepted"}
    assert "texted after all" in interpretation.alarm


def test_a_report_that_never_becomes_complete_has_a_time_limit() -> None:
    interpretation = read(observation(report("27825550100|11"), after=1800))
    assert interpretation.state is ProviderState.ACCEPTED
    assert [outcome.msisdn for outcome in interpretation.outcomes] == ["27825550100"]


def test_an_empty_report_is_awaited_and_then_a_person_decides() -> None:
    first, later = observation(report()), observation(report(), after=120)
    assert read(first, later).state is ProviderState.TAKEN
    assert read(first, later).outcomes == ()
    interpretation = read(first, observation(report(), after=1800))
    assert (interpretation.state, interpretation.unclear, interpretation.reason) == (
        ProviderState.UNKNOWN,
        True,
        "report_empty",
    )
    interpretation = read(first, observation(report(), after=1800), want_report=False)
    assert (interpretation.state, interpretation.unclear) == (ProviderState.ACCEPTED, False)


@pytest.mark.parametrize(
    "reply", [b"1001|message not found|", b"22|x|", b"24|x|", b"40|x|", b"", b"<html>", b"HTTP 404\n\n"]
)
def test_without_a_report_the_answer_to_the_hand_over_counts(reply: bytes) -> None:
    assert read(observation(reply)).state is ProviderState.TAKEN
    interpretation = read(observation(reply), observation(reply, after=1800))
    assert (interpretation.state, interpretation.reason, interpretation.outcomes) == (
        ProviderState.ACCEPTED,
        "no_report",
        (),
    )


def test_the_wait_for_a_report_ends_before_silence_is_unclear() -> None:
    assert REPORT_PATIENCE < Adapter.give_up_after < Adapter.guard.window


def test_accepted_without_a_number_has_no_report() -> None:
    interpretation = read(observation(), attempts=(attempt(b"0|IN_PROGRESS|"),))
    assert (interpretation.state, interpretation.reason) == (ProviderState.ACCEPTED, "no_batch_id")
    assert "no report per recipient can be fetched" in interpretation.sentence


def test_numbers_that_are_not_ours_are_an_alarm() -> None:
    rows = [f"{number}|11" for number in NUMBERS]
    interpretation = read(observation(report(*rows, "27820000000|11")))
    assert interpretation.state is ProviderState.ACCEPTED
    assert "not in the batch" in interpretation.alarm
    assert "27820000000" not in interpretation.alarm
    assert len(interpretation.outcomes) == 3


def test_a_report_of_other_people_only_is_for_a_person() -> None:
    interpretation = read(observation(report("27820000000|11")))
    assert (interpretation.state, interpretation.unclear) == (ProviderState.UNKNOWN, True)
    assert interpretation.alarm


def test_a_line_that_cannot_be_read_is_an_alarm() -> None:
    interpretation = read(observation(report(*[f"{number}|11" for number in NUMBERS], "<b>sorry</b>")))
    assert interpretation.state is ProviderState.ACCEPTED
    assert "cannot read" in interpretation.alarm


def test_a_scheduled_batch_is_taken_until_its_start_and_its_report() -> None:
    start = NOON + timedelta(days=30)
    until = 30 * 86_400
    interpretation = read(observation(after=until - 60), attempts=(SCHEDULED,), start_at=start)
    assert (interpretation.state, interpretation.reason) == (ProviderState.TAKEN, "scheduled")
    interpretation = read(
        observation(report(*[f"{n}|11" for n in NUMBERS]), after=until + 60), attempts=(SCHEDULED,), start_at=start
    )
    assert interpretation.state is ProviderState.ACCEPTED
    interpretation = read(observation(b"1001|none|", after=until + 1800), attempts=(SCHEDULED,), start_at=start)
    assert (interpretation.state, interpretation.reason) == (ProviderState.ACCEPTED, "no_report")


def test_a_start_that_was_not_waited_for_is_an_alarm() -> None:
    interpretation = read(observation(), start_at=NOON + timedelta(days=1))
    assert "did not wait" in interpretation.alarm
    assert read(observation(), start_at=NOON - timedelta(minutes=1)).alarm == ""


# Test connection and quotes


def checks(server: Server, body: bytes, *, now: datetime | None = None, status: int = 200) -> dict[str, Check]:
    server.status, server.body = status, body
    with connected(server) as remote:
        return {check.code: check for check in ADAPTER.check(remote, now or datetime.now(UTC))}


def test_login_credits_certificate_and_clock_are_checked(server: Server) -> None:
    found = checks(server, b"0|1234.50\n")
    assert [(code, check.passed) for code, check in found.items()] == [
        ("login", True),
        ("encryption", None),
        ("credits", True),
        ("clock", True),
    ]
    assert "1,234.50" in found["credits"].sentence
    assert found["encryption"].is_warning
    assert "no encryption" in found["encryption"].sentence
    [(path, form, _)] = server.asked
    assert (path, form) == ("/eapi/user/get_credits/1/1.1", b"username=acme%26co&password=p%E4%2Bss")


@pytest.mark.parametrize(("balance", "passed"), [("0.00", False), ("-3.5", False), ("plenty", None), ("7", True)])
def test_the_balance(server: Server, balance: str, passed: bool | None) -> None:
    assert checks(server, f"0|{balance}|".encode())["credits"].passed is passed


@pytest.mark.parametrize(
    ("balance", "words"),
    [("999502", "are 999,502 free credits"), ("1.00", "is 1 free credit."), ("0.5", "are 0.5 free credits")],
)
def test_the_balance_is_easy_to_read(server: Server, balance: str, words: str) -> None:
    assert words in checks(server, f"0|{balance}|".encode())["credits"].sentence


def test_a_wrong_clock(server: Server) -> None:
    found = checks(server, b"0|10", now=datetime.now(UTC) - timedelta(minutes=7))
    assert found["clock"].passed is False


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (200, b"23|invalid credentials (username was: acme)|\n", "regional address"),
        (200, b"40|later|", "temporarily"),
        (200, b"77|new|", "77"),
        (200, b"<html>", "not like BulkSMS"),
        (404, b"0|10", "404"),
    ],
)
def test_a_login_that_fails(server: Server, status: int, body: bytes, word: str) -> None:
    found = checks(server, body, status=status)
    assert list(found) == ["login"]
    assert found["login"].passed is False
    assert word in found["login"].sentence


def quoted(server: Server, body: bytes, text: str = "Hi Ω\n", **options: Any) -> str | None:
    server.body = body
    spec = CampaignSpec("", "", None, None, {"routing_group": "1", "rehearsal": "succeed", **options})
    with connected(server) as remote:
        return ADAPTER.quote(remote, spec, Message(NUMBERS[0], text, {}, "", "", "1"))


@pytest.mark.parametrize(("said", "words"), [("2.00", "2 credits"), ("1.50", "1.50 credits"), ("1", "1 credit")])
def test_the_sentence_of_a_quote(server: Server, said: str, words: str) -> None:
    assert quoted(server, f"0|Quotation issued|{said}".encode()) == words


def test_a_quote(server: Server) -> None:
    assert quoted(server, b"0|Quotation issued|1.00|\n") == "1 credit"
    [(path, form, _)] = server.asked
    assert path == "/eapi/submission/quote_sms/2/2.0"
    assert form == (
        b"username=acme%26co&password=p%E4%2Bss&dca=7bit&msg_class=2&want_report=1&routing_group=1"
        b"&message=Hi+%DB%0A&msisdn=27825550100"
    )


@pytest.mark.parametrize("body", [b"0|Quotation issued|", b"0|Quotation issued|soon", b"24|no|", b"<html>", b""])
def test_answers_that_are_no_quote(server: Server, body: bytes) -> None:
    assert quoted(server, body) is None


def test_text_that_cannot_be_encoded_is_not_quoted(server: Server) -> None:
    assert quoted(server, b"0|Quotation issued|1.00", text="5 €") is None
    assert server.dialled == 0


def test_no_sentence_and_no_evidence_of_ours_holds_a_secret_or_a_number(server: Server) -> None:
    found = [trouble(server, body) for body in (b"23|x|", b"22|x|", b"24|x|", b"40|x|", b"", b"77|x|")]
    for one in found:
        for hidden in ("acme", "pä+ss", "27825550100"):
            assert hidden not in one.sentence
