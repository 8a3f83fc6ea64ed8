"""Clickatell's files on real FTP servers: the Clickatell sandbox, which implements the document itself, and vsftpd."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import gsm
from providers.adapters.clickatell import Adapter
from providers.base import Attempt, CampaignSpec, Ending, Interpretation, Message, Observation, Payload, ProviderState
from providers.errors import Refused
from providers.sandbox.clickatell.files import Login, check_file
from providers.sandbox.server import Sandbox
from providers.transports.ftp import FtpTransport
from tests.providers import servers
from tests.waiting import wait_until

API = {"api_id": "1234", "api_user": "me", "api_password": "api-s3cret"}
LOGIN = Login("1234", "me", "api-s3cret")
CREDENTIALS = b"api_id:1234\nuser:me\npassword:api-s3cret\n"


def message(place: int, text: str, value: str | None = None, own: bool = False) -> Message:
    values = {} if value is None else {"value1": value}
    return Message(f"2782555{place:04}", text, values, text if own else "", "", f"r{place}")


def payload_of(stem: str, spec: CampaignSpec, messages: Sequence[Message]) -> Payload:
    for one in messages:
        assert Adapter().problems(spec, one) == []
    return Adapter().render(stem, 7, spec, messages)


def hand_over(settings: dict[str, Any], payload: Payload) -> Attempt:
    with FtpTransport.connect(settings) as remote:
        name = Adapter().attempt_name(payload, 1)
        staged = Adapter().stage(remote, payload, name)
        attempt = Attempt(1, name, remote.host, staged, datetime.now(UTC).replace(microsecond=0), ending=Ending.UNCLEAR)
        Adapter().commit(remote, payload, attempt)
    return attempt


def poll(settings: dict[str, Any], payload: Payload, attempt: Attempt) -> Observation:
    with FtpTransport.connect(settings) as remote:
        return Adapter().poll(remote, payload, [attempt], datetime.now(UTC))


def settled(settings: dict[str, Any], payload: Payload, attempt: Attempt) -> Interpretation:
    """The first interpretation that shows more than the file being there."""
    observations: list[Observation] = []

    def interpretation() -> Interpretation | None:
        observations.append(poll(settings, payload, attempt))
        found = Adapter().interpret(payload, [attempt], observations)
        waits = found.state in (ProviderState.TAKEN, ProviderState.ABSENT, ProviderState.PROCESSING)
        return None if waits and not found.unclear else found

    return wait_until(interpretation, f"an answer about {payload.name}")


@pytest.fixture
def settings(sandbox: Sandbox) -> dict[str, Any]:
    return {**sandbox.providers["clickatell"], "allow_private_hosts": True}


def texted(sandbox: Sandbox, payload: Payload) -> dict[str, str]:
    lines = [line for line in sandbox.messages("clickatell") if line["file"].startswith(payload.stem)]
    assert len(lines) == len({line["msisdn"] for line in lines})
    return {line["msisdn"]: line["text"] for line in lines}


FORMS: dict[str, tuple[CampaignSpec, list[tuple[str, str | None]]]] = {
    "basic": (CampaignSpec("Hi\n\nto:27825550199", "Acme2026Sms"), [("Hi\n\nto:27825550199", None)] * 2),
    "template": (CampaignSpec("Hi @@value1@@\napi_id:9", ""), [
        ("Hi a,b;c|\napi_id:9", "a,b;c|"), ("Hi \\\napi_id:9", "\\")
    ]),
    "whole": (CampaignSpec("", ""), [("to:27825550199 \"é\" {x}", None), ("#field# @@ £|~^;", None)]),
    "unicode": (CampaignSpec("", "", options={"unicode": True}), [(" ç 😀\n#field1#\n", None), ("text:€", None)]),
    "equal unicode": (CampaignSpec("", "", options={"unicode": True, "flash": True}), [("中\nto:1", None)] * 3),
}  # fmt: skip


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_is_texted_as_it_was_written(sandbox: Sandbox, settings: dict[str, Any], form: str) -> None:
    spec, texts = FORMS[form]
    messages = [message(place, text, value) for place, (text, value) in enumerate(texts)]
    payload = payload_of(f"c{sorted(FORMS).index(form) + 100}-b1-g1-0a1b2c3d", spec, messages)
    attempt = hand_over(settings, payload)
    interpretation = settled(settings, payload, attempt)
    assert (interpretation.state, interpretation.outcomes, interpretation.alarm) == (ProviderState.ACCEPTED, (), "")
    assert texted(sandbox, payload) == {one.msisdn: one.text for one in messages}
    ours = [line for line in sandbox.messages("clickatell") if line["file"] == attempt.name]
    assert {line["sender"] for line in ours} == {spec.sender}
    assert {line["reference"] for line in ours} == {payload.stem.replace("-", "")}


@pytest.mark.parametrize("style", ["bare", "tab", "pipe", "general", "late"])
def test_logs_are_understood_in_any_shape(sandbox: Sandbox, settings: dict[str, Any], style: str) -> None:
    sandbox.fault(f"clickatell:{style}-log")
    messages = [message(place, "Hi") for place in (1, 99901, 99902)]
    place = ["bare", "tab", "pipe", "general", "late"].index(style)
    payload = payload_of(f"c{place + 200}-b1-g1-0a1b2c3d", CampaignSpec("Hi", ""), messages)
    interpretation = settled(settings, payload, hand_over(settings, payload))
    assert interpretation.state is ProviderState.ACCEPTED
    found = {outcome.msisdn: (outcome.code, outcome.opted_out) for outcome in interpretation.outcomes}
    assert found == {messages[1].msisdn: ("114", False), messages[2].msisdn: ("122", True)}
    assert set(texted(sandbox, payload)) == {messages[0].msisdn}


@pytest.mark.parametrize(("code", "state"), [("001", ProviderState.REJECTED), ("301", ProviderState.REJECTED)])
def test_a_file_refused_as_a_whole_is_rejected(
    sandbox: Sandbox, settings: dict[str, Any], code: str, state: ProviderState
) -> None:
    sandbox.fault(f"clickatell:error:{code}")
    payload = payload_of(f"c3{code}-b1-g1-0a1b2c3d", CampaignSpec("Hi", ""), [message(1, "Hi"), message(2, "Hi")])
    interpretation = settled(settings, payload, hand_over(settings, payload))
    assert (interpretation.state, interpretation.reason, interpretation.outcomes) == (state, code, ())
    assert texted(sandbox, payload) == {}


@pytest.mark.parametrize("fault", ["901", "901-halfway", "999"])
def test_what_clickatell_does_not_explain_is_for_a_person(
    sandbox: Sandbox, settings: dict[str, Any], fault: str
) -> None:
    sandbox.fault(f"clickatell:error:{fault}")
    stem = f"c4{fault[:3]}-b{len(fault)}-g1-0a1b2c3d"
    payload = payload_of(stem, CampaignSpec("Hi", ""), [message(place, "Hi") for place in range(4)])
    interpretation = settled(settings, payload, hand_over(settings, payload))
    assert interpretation.unclear
    # Whoever decides about the rest must not decide about those that were texted.
    assert {outcome.msisdn for outcome in interpretation.outcomes} == set(texted(sandbox, payload))


def test_statuses_show_who_received_it(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    sandbox.fault("clickatell:statuses")
    messages = [message(1, "Hi"), message(99905, "Hi")]
    payload = payload_of("c500-b1-g1-0a1b2c3d", CampaignSpec("Hi", ""), messages)
    attempt = hand_over(settings, payload)

    def delivery() -> dict[str, str]:
        interpretation = Adapter().interpret(payload, [attempt], [poll(settings, payload, attempt)])
        return {outcome.msisdn: outcome.delivery for outcome in interpretation.outcomes if outcome.delivery}

    found = wait_until(delivery, "the statuses")
    assert found == {messages[0].msisdn: "delivered", messages[1].msisdn: "undelivered"}


def test_nothing_that_is_kept_contains_credentials(sandbox: Sandbox, settings: dict[str, Any]) -> None:
    payload = payload_of("c600-b1-g1-0a1b2c3d", CampaignSpec("Hi", ""), [message(1, "Hi")])
    attempt = hand_over(settings, payload)
    settled(settings, payload, attempt)
    kept = repr((payload, attempt, poll(settings, payload, attempt)))
    for name in ("api_user", "api_password", "password"):
        assert str(settings[name]) not in kept
    stored = (sandbox.home(settings["username"], "clickatell") / attempt.name).read_bytes()
    assert stored.endswith(payload.body)
    assert str(settings["api_password"]).encode() in stored


def test_a_wrong_ftp_login_is_an_account_problem(settings: dict[str, Any]) -> None:
    with pytest.raises(Refused) as trouble, FtpTransport.connect(settings | {"password": "wrong"}):
        pass
    assert trouble.value.account


def test_the_connection_can_be_tested(settings: dict[str, Any]) -> None:
    with FtpTransport.connect(settings) as remote:
        checks = Adapter().check(remote, datetime.now(UTC))
    assert {check.code: check.passed for check in checks if check.code != "clock"} == {
        "login": True, "encryption": None, "folder": True, "api_login": None,
    }  # fmt: skip


# -- a third-party server


def test_vsftpd_takes_the_same_bytes(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    start = datetime.now(UTC) + timedelta(hours=5)
    payload = payload_of(
        "c700-b1-g1-0a1b2c3d", CampaignSpec("Hi é", "ACME", start), [message(1, "Hi é"), message(2, "Hi é")]
    )
    with servers.vsftpd(tmp_path, request.node.nodeid) as server:
        settings = server.settings(**API)
        attempt = hand_over(settings, payload)
        stored = (server.home / attempt.name).read_bytes()
        assert stored.startswith(CREDENTIALS + b"deliv_time:")
        assert stored.endswith(b"to:27825550001\nto:27825550002\ntext:Hi \xe9\n")
        whole = poll(settings, payload, attempt)
        assert Adapter().interpret(payload, [attempt], [whole]).state is ProviderState.TAKEN
        (server.home / attempt.name).write_bytes(stored[:-5])
        assert (
            Adapter().interpret(payload, [attempt], [poll(settings, payload, attempt)]).state is ProviderState.UNKNOWN
        )
        lines = [f"ID: {place:032x} To: 2782555{place:04}\r\n" for place in (1, 2)]
        (server.home / "What happened").write_text("".join([f"[{attempt.name}]\r\n", *lines]))
        part = poll(settings, payload, attempt)
        assert Adapter().interpret(payload, [attempt], [part]).reason == "upload_cut"
        assert Adapter().interpret(payload, [attempt], [whole, part]).state is ProviderState.ACCEPTED


# -- any text and any value, processed by the sandbox


LITERALS = ["to:27825550199", "api_id:9", "\n", "text:", "#field1#", "#field", "1#", "field2#", "@@", "|~^;,", " "]
PIECES = st.one_of(
    st.sampled_from(gsm.BASIC + gsm.EXTENSION), st.sampled_from(LITERALS), st.sampled_from(["ç", "😀", "`", "\r", "\t"])
)
TEXTS = st.lists(PIECES, max_size=15).map("".join)


@given(TEXTS, TEXTS, st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_any_text_is_texted_as_it_was_written_or_refused(
    before: str, after: str, people: list[tuple[str, bool]], is_unicode: bool, is_utf_8: bool
) -> None:
    charset = "utf-8" if is_utf_8 else "iso-8859-1"
    spec = CampaignSpec(
        f"{before}@@value1@@{after}", "", options={"unicode": is_unicode, "charset": charset, "concat": 35}
    )
    messages = [
        message(place, value or "x", None, own=True) if is_own else message(place, before + value + after, value)
        for place, (value, is_own) in enumerate(people)
    ]
    said = [one for one in messages if not Adapter().problems(spec, one)]
    if not said:
        return
    body = CREDENTIALS + Adapter().render("c1-b1-g1-0a1b2c3d", 7, spec, said).body
    result = check_file(body, LOGIN, opted_out=(), credit=10**6, charset=charset)
    assert result.error == ""
    assert [(result.msisdn, result.text, result.code) for result in result.results] == [
        (one.msisdn, one.text, "") for one in said
    ]
    assert result.cost == sum(Adapter().measure(spec, one.text).parts for one in said)
