"""BulkSMS's adapter against the BulkSMS sandbox: two independent readings of one document."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import gsm
from providers.adapters.bulksms import Adapter
from providers.base import (
    Attempt,
    CampaignSpec,
    Ending,
    Interpretation,
    Message,
    Payload,
    ProviderState,
    Receipt,
    Staged,
)
from providers.errors import Refused, Trouble, Unclear, Unreachable
from providers.sandbox.bulksms.submission import read_submission
from providers.sandbox.server import Sandbox
from providers.transports.http import HttpTransport

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADAPTER = Adapter()
ENDINGS = {Unclear: Ending.UNCLEAR, Unreachable: Ending.UNREACHABLE, Refused: Ending.REFUSED}
NUMBERS = ("27825550100", "27825550101")


@pytest.fixture
def settings(sandbox: Sandbox) -> dict[str, Any]:
    said = sandbox.providers["bulksms"]
    return {
        "api_url": said["api_url"],
        "allow_plain_http": True,
        "allow_private_hosts": True,
        "username": said["username"],
        "password": said["password"],
        "joins_long_texts": True,
        "tls_certificate": "",
    }


def rendered(*texts: str, numbers: tuple[str, ...] = NUMBERS, sender: str = "", **options: Any) -> Payload:
    people = [Message(msisdn, text, {}, "", "", msisdn) for msisdn, text in zip(numbers, texts, strict=True)]
    key = uuid4().int % 2_147_483_647 + 1
    return ADAPTER.render(f"c1-b1-g1-{key:08x}", key, CampaignSpec("", sender, None, None, options), people)


def handed_over(settings: dict[str, Any], payload: Payload, number: int = 1) -> Attempt:
    """Commit once and return the attempt as Baton would store it."""
    now = datetime.now(UTC)
    before = Attempt(number, ADAPTER.attempt_name(payload, number), "", Staged(), now)
    receipt, ending = Receipt(), Ending.DONE
    with HttpTransport.connect(settings) as remote:
        try:
            receipt = ADAPTER.commit(remote, payload, before)
        except Trouble as trouble:
            receipt, ending = Receipt("", trouble.reply), ENDINGS[type(trouble)]
    return Attempt(number, before.name, "", Staged(), now, datetime.now(UTC), ending, receipt)


def polled_at(settings: dict[str, Any], payload: Payload, *attempts: Attempt) -> Interpretation:
    with HttpTransport.connect(settings) as remote:
        return ADAPTER.interpret(payload, attempts, [ADAPTER.poll(remote, payload, attempts, datetime.now(UTC))])


def texted(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(line["msisdn"], line["text"]) for line in sandbox.messages("bulksms")]


TEXTS = st.one_of(
    st.text(max_size=80),
    st.text(alphabet=gsm.BASIC + gsm.EXTENSION, max_size=620),
    st.text(alphabet="\\\"\n\r,'a", max_size=80),
)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.sampled_from(["7bit", "16bit"]))
def test_a_text_is_read_as_it_was_written_or_was_refused(texts: list[str], alphabet: str) -> None:
    spec = CampaignSpec("", "ACME", None, None, {"alphabet": alphabet, "source_id": "spring"})
    people = [Message(str(27825550100 + number), text, {}, "", "", "") for number, text in enumerate(texts)]
    sayable = [person for person in people if not ADAPTER.problems(spec, person)]
    if not sayable:
        return
    body = ADAPTER.render("c1-b1-g1-0a1b2c3d", 7, spec, sayable).body
    submission = read_submission(
        dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, encoding="latin-1")), NOON
    )
    assert [(text.msisdn, text.text) for text in submission.texts] == [(one.msisdn, one.text) for one in sayable]
    assert [text.parts for text in submission.texts] == [ADAPTER.measure(spec, one.text).parts for one in sayable]
    assert submission.stop_dup_id == 7


def test_everybody_is_texted_once_and_found_in_the_report(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    before = len(texted(sandbox))
    payload = rendered('Ω "quoted"\nC:\\', "a" * 161, sender="Acme2026Sms")
    first = handed_over(settings, payload)
    assert first.ending is Ending.DONE
    assert first.receipt.provider_ref
    again = handed_over(settings, payload, 2)
    assert again.receipt.provider_ref == first.receipt.provider_ref
    assert texted(sandbox)[before:] == [(NUMBERS[0], 'Ω "quoted"\nC:\\'), (NUMBERS[1], "a" * 161)]
    interpretation = polled_at(settings, payload, first, again)
    assert (interpretation.state, interpretation.alarm) == (ProviderState.ACCEPTED, "")


@pytest.mark.parametrize(
    "fault",
    [
        "http-502",
        "drop-before-answer",
        "empty-answer",
        "html-answer",
        "truncated-answer",
        "http-500",
        "http-401",
        "http-404",
        "http-302",
        "drop-before-processing",
        "down",
    ],
)
def test_a_repeat_recovers_a_lost_answer_and_nobody_is_texted_twice(
    sandbox: Sandbox, settings: dict[str, Any], fault: str
) -> None:
    before = len(texted(sandbox))
    payload = rendered("Hi", "Hi")
    sandbox.fault(f"bulksms:{fault}", 1)
    first = handed_over(settings, payload)
    assert first.ending is Ending.UNCLEAR
    assert polled_at(settings, payload, first).state is ProviderState.ABSENT
    second = handed_over(settings, payload, 2)
    assert second.ending is Ending.DONE
    assert polled_at(settings, payload, first, second).state is ProviderState.ACCEPTED
    assert texted(sandbox)[before:] == [(number, "Hi") for number in NUMBERS]


@pytest.mark.parametrize(
    ("fault", "ending", "state", "unclear"),
    [
        ("status:22", Ending.UNCLEAR, ProviderState.UNKNOWN, True),
        ("status:22-halfway", Ending.UNCLEAR, ProviderState.UNKNOWN, True),
        ("status:23", Ending.REFUSED, ProviderState.ABSENT, False),
        ("refuse-login", Ending.REFUSED, ProviderState.ABSENT, False),
        ("status:24", Ending.UNCLEAR, ProviderState.REJECTED, False),
        ("status:25", Ending.REFUSED, ProviderState.ABSENT, False),
        ("status:26", Ending.UNREACHABLE, ProviderState.ABSENT, False),
        ("status:27", Ending.REFUSED, ProviderState.ABSENT, False),
        ("status:28", Ending.UNREACHABLE, ProviderState.ABSENT, False),
        ("status:40", Ending.UNREACHABLE, ProviderState.ABSENT, False),
        ("status:99", Ending.UNCLEAR, ProviderState.UNKNOWN, True),
        ("status:201", Ending.UNCLEAR, ProviderState.REJECTED, False),
        ("no-batch-id", Ending.DONE, ProviderState.ACCEPTED, False),
        ("trailing-pipe", Ending.DONE, ProviderState.ACCEPTED, False),
    ],
)
def test_every_answer_that_can_be_provoked(
    sandbox: Sandbox, settings: dict[str, Any], fault: str, ending: Ending, state: ProviderState, unclear: bool
) -> None:
    payload = rendered("Hi", "Hi")
    sandbox.fault(f"bulksms:{fault}", 1)
    attempt = handed_over(settings, payload)
    assert attempt.ending is ending
    interpretation = polled_at(settings, payload, attempt)
    assert (interpretation.state, interpretation.unclear) == (state, unclear)


def test_a_batch_taken_twice_is_an_alarm(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    payload = rendered("Hi", "Hi")
    first = handed_over(settings, payload)
    sandbox.fault("bulksms:forgets-stop-dup-id", 1)
    second = handed_over(settings, payload, 2)
    assert second.receipt.provider_ref != first.receipt.provider_ref
    assert "twice" in polled_at(settings, payload, first, second).alarm


def test_silently_dropped_lines_are_missing_from_the_report(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    dropped = "27825599903"
    payload = rendered("Hi", "Hi", "Hi", numbers=(*NUMBERS, dropped))
    attempt = handed_over(settings, payload)
    with HttpTransport.connect(settings) as remote:
        now = datetime.now(UTC)
        seen = [ADAPTER.poll(remote, payload, [attempt], now + timedelta(seconds=after)) for after in (0, 61, 122)]
    assert ADAPTER.interpret(payload, [attempt], seen[:1]).state is ProviderState.PROCESSING
    interpretation = ADAPTER.interpret(payload, [attempt], seen)
    assert interpretation.state is ProviderState.ACCEPTED
    assert [outcome.msisdn for outcome in interpretation.outcomes if outcome.result == "row_error"] == [dropped]


def test_the_outcome_of_each_recipient(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    numbers = tuple(f"278255{ending}" for ending in ("99901", "99902", "99908", "99909"))
    payload = rendered(*["Hi"] * 4, numbers=numbers)
    interpretation = polled_at(settings, payload, handed_over(settings, payload))
    assert interpretation.state in (ProviderState.ACCEPTED, ProviderState.PROCESSING)
    known = {outcome.msisdn: outcome for outcome in interpretation.outcomes}
    assert all(outcome.result == "row_error" for outcome in known.values())
    assert known.keys() <= set(numbers[:3])


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ("report-empty", ProviderState.TAKEN, "in_progress"),
        ("report-failed", ProviderState.TAKEN, "in_progress"),
        ("report-http-500", ProviderState.TAKEN, "in_progress"),
        ("report-missing-rows", ProviderState.PROCESSING, "report_filling"),
        ("report-other-words", ProviderState.ACCEPTED, "reported"),
        ("report-status:99", ProviderState.ACCEPTED, "reported"),
    ],
)
def test_every_report_that_can_be_provoked(
    sandbox: Sandbox, settings: dict[str, Any], fault: str, state: ProviderState, reason: str
) -> None:
    payload = rendered("Hi", "Hi")
    attempt = handed_over(settings, payload)
    sandbox.fault(f"bulksms:{fault}", 1)
    interpretation = polled_at(settings, payload, attempt)
    assert (interpretation.state, interpretation.reason) == (state, reason)
    assert bool(interpretation.alarm) == (fault == "report-status:99")


@pytest.mark.parametrize("rehearsal", ["succeed", "fail"])
def test_a_rehearsal_texts_nobody(sandbox: Sandbox, settings: dict[str, Any], rehearsal: str) -> None:
    before = len(texted(sandbox))
    payload = rendered("Hi", "Hi", rehearsal=rehearsal)
    interpretation = polled_at(settings, payload, handed_over(settings, payload))
    assert interpretation.state is (ProviderState.ACCEPTED if rehearsal == "succeed" else ProviderState.REJECTED)
    assert len(texted(sandbox)) == before


def test_the_connection_and_a_quote(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    spec = CampaignSpec("", "", None, None, {})
    with HttpTransport.connect(settings) as remote:
        checks = ADAPTER.check(remote, datetime.now(UTC))
        quoted = ADAPTER.quote(remote, spec, Message(NUMBERS[0], "a" * 161, {}, "", "", ""))
    assert {check.code: check.passed for check in checks} == {
        "login": True, "encryption": None, "credits": True, "clock": True,
    }  # fmt: skip
    assert quoted == "2 credits"


def test_a_wrong_password(settings: dict[str, Any]) -> None:
    with HttpTransport.connect(settings | {"password": "wrong"}) as remote:
        (check,) = ADAPTER.check(remote, datetime.now(UTC))
    assert (check.code, check.passed) == ("login", False)
