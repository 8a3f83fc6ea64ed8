"""Clickatell's bytes by hand, from the examples of its archived reference, and what is refused before freezing."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from providers import gsm
from providers.adapters.clickatell import Adapter
from providers.base import Attempt, CampaignSpec, Message, Payload, Problem, Staged
from providers.errors import Refused

STEM = "c1-b1-g1-0a1b2c3d"
OURS = "climsgid:c1b1g10a1b2c3d\nconcat:3\n"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SETTINGS = {
    "host": "ftpupload.clickatell.com",
    "port": 21,
    "username": "1234",
    "password": "ftp-secret",
    "api_id": "1234",
    "api_user": "xxxxxxxxx",
    "api_password": "api-secret",
}
CREDENTIALS = b"api_id:1234\nuser:xxxxxxxxx\npassword:api-secret\n"


class Folder:
    """Stands in for the FTP session: keeps what is stored in it."""

    host = "ftpupload.clickatell.com:21"

    def __init__(self, **settings: Any) -> None:
        self.settings = SETTINGS | settings
        self.stored: dict[str, bytes] = {}
        self.asked = 0

    def ready(self) -> None:
        self.asked += 1

    def store(self, path: str, body: bytes) -> None:
        self.stored[path] = body


def message(msisdn: str, text: str, **others: Any) -> Message:
    filled = {"values": {}, "own_text": "", "customer_id": "", "reference": msisdn, **others}
    return Message(msisdn=msisdn, text=text, **filled)


def filled(template: str, msisdn: str, *values: str) -> Message:
    """A recipient whose text is the template with these values."""
    named = {f"value{number}": value for number, value in enumerate(values, start=1)}
    text = re.sub("@@(value[1-6])@@", lambda field: named[field[1]], template)
    return message(msisdn, text, values={name: named[name] for name in named if f"@@{name}@@" in template})


def own(msisdn: str, text: str) -> Message:
    return message(msisdn, text, own_text=text)


def body(spec: CampaignSpec, *messages: Message) -> str:
    charset = "utf-8" if spec.options.get("charset") == "utf-8" else "iso-8859-1"
    return Adapter().render(STEM, 7, spec, messages).body.decode(charset)


def codes(spec: CampaignSpec, one: Message) -> list[str]:
    return [problem.code for problem in Adapter().problems(spec, one)]


def attempt(payload: Payload, at: datetime = NOON, number: int = 1) -> Attempt:
    return Attempt(number, Adapter().attempt_name(payload, number), "host", Staged(), at)


def wire(spec: CampaignSpec, *messages: Message, at: datetime = NOON) -> bytes:
    folder = Folder()
    payload = Adapter().render(STEM, 7, spec, messages)
    Adapter().commit(folder, payload, attempt(payload, at))  # type: ignore[arg-type]
    ((name, stored),) = folder.stored.items()
    assert name == f"{STEM}-a1.txt"
    return stored


# -- the document's examples


def test_the_basic_example_of_the_document() -> None:
    text = "This is my message being sent to 3 mobile numbers."
    written = body(
        CampaignSpec(text, ""), *(message(number, text) for number in ("279990001", "279990002", "279990003"))
    )
    assert written == (
        "climsgid:c1b1g10a1b2c3d\n"
        "concat:3\n"
        "to:279990001\n"
        "to:279990002\n"
        "to:279990003\n"
        "text:This is my message being sent to 3 mobile numbers.\n"
    )


def test_the_batch_example_of_the_document() -> None:
    template = "Hi @@value1@@, your balance is @@value2@@, please come to the office on @@value3@@"
    written = body(
        CampaignSpec(template, ""),
        filled(template, "1234567891", "Fred", "$15.50", "Mondays, Wednesdays and Friday"),
        filled(template, "1234567892", "Jane", "$299.45", "Tuesday, Thursday and Saturday"),
    )
    assert written == (
        "climsgid:c1b1g10a1b2c3d\n"
        "concat:3\n"
        "text:Hi #field1#, your balance is #field2#, please come to the office on #field3#\n"
        "delimiter:|\n"
        "csv:1234567891|Fred|$15.50|Mondays, Wednesdays and Friday\n"
        "csv:1234567892|Jane|$299.45|Tuesday, Thursday and Saturday\n"
    )


def test_messages_of_contacts_use_the_form_of_whole_messages() -> None:
    template = "Hi @@value1@@"
    written = body(
        CampaignSpec(template, ""), filled(template, "1234567891", "Fred"), own("1234567892", "Call me, Jane|Joe")
    )
    assert written == (f"{OURS}text:#field1#\ndelimiter:~\ncsv:1234567891~Hi Fred\ncsv:1234567892~Call me, Jane|Joe\n")


def test_without_a_template_every_text_is_written_out() -> None:
    written = body(CampaignSpec("", ""), message("1234567891", "Hi Fred"), message("1234567892", "Hi you"))
    assert written == f"{OURS}text:#field1#\ndelimiter:|\ncsv:1234567891|Hi Fred\ncsv:1234567892|Hi you\n"


def test_fields_count_from_one_whatever_the_template_uses() -> None:
    template = "@@value5@@ and @@value2@@, @@value5@@"
    written = body(
        CampaignSpec(template, ""),
        filled(template, "1234567891", "", "two", "", "", "five"),
        filled(template, "1234567892", "", "zwei", "", "", "cinq"),
    )
    assert written == (
        f"{OURS}text:#field2# and #field1#, #field2#\ndelimiter:|\ncsv:1234567891|two|five\ncsv:1234567892|zwei|cinq\n"
    )


def test_a_line_break_becomes_a_further_text_line() -> None:
    assert (
        body(CampaignSpec("", ""), message("279990001", "Hi\n\nBye"))
        == f"{OURS}to:279990001\ntext:Hi\ntext:\ntext:Bye\n"
    )
    template = "Hi @@value1@@\nBye"
    written = body(
        CampaignSpec(template, ""), filled(template, "1234567891", "Ann"), filled(template, "1234567892", "")
    )
    assert written == (f"{OURS}text:Hi #field1#\ntext:Bye\ndelimiter:|\ncsv:1234567891|Ann\ncsv:1234567892|\n")


@pytest.mark.parametrize("doubtful", ["", " Ann", "Ann "])
def test_a_value_that_is_empty_or_has_spaces_at_its_edges_is_written_out_in_its_text(doubtful: str) -> None:
    template = "Hi @@value1@@!"
    written = body(
        CampaignSpec(template, ""), filled(template, "1234567891", doubtful), filled(template, "1234567892", "Bo")
    )
    assert written == f"{OURS}text:#field1#\ndelimiter:|\ncsv:1234567891|Hi {doubtful}!\ncsv:1234567892|Hi Bo!\n"


def test_the_delimiter_is_in_no_value() -> None:
    template = "Hi @@value1@@"
    for values, delimiter in [("a,b", "|"), ("a|", "~"), ("a|~", "^"), ("|~^", ";"), ("|~^;", "`")]:
        one, two = filled(template, "1234567891", values), filled(template, "1234567892", "x")
        assert f"delimiter:{delimiter}\ncsv:1234567891{delimiter}{values}\n" in body(
            CampaignSpec(template, ""), one, two
        )
    # Never used up: the last one is no GSM character.
    assert gsm.unsupported("`") == "`"


@pytest.mark.parametrize(
    "template", ["Order #@@value1@@", "Order @@value1@@# today", "@@value1@@#1", "Order @@value1@@@@value2@@"]
)
def test_where_a_hash_touches_a_field_whole_texts_go_out(template: str) -> None:
    people = [filled(template, "1234567891", "A1", "x"), filled(template, "1234567892", "B2", "y")]
    written = body(CampaignSpec(template, ""), *people)
    rows = "".join(f"csv:{person.msisdn}|{person.text}\n" for person in people)
    assert written == f"{OURS}text:#field1#\ndelimiter:|\n{rows}"
    assert all(codes(CampaignSpec(template, ""), person) == [] for person in people)


def test_where_a_value_holds_half_a_field_whole_texts_go_out() -> None:
    template = "Hi @@value1@@ 1#"
    people = [filled(template, "1234567891", "my #field"), filled(template, "1234567892", "my #FIELDs")]
    rows = "".join(f"csv:{person.msisdn}|{person.text}\n" for person in people)
    assert body(CampaignSpec(template, ""), *people) == f"{OURS}text:#field1#\ndelimiter:|\n{rows}"


def test_a_hash_beside_a_field_in_a_text_of_several_lines_is_refused_by_name() -> None:
    for template in ("Hi\nOrder #@@value1@@", "Hi\n@@value1@@#", "Hi\n@@value1@@@@value2@@"):
        problem = only(Adapter().problems(CampaignSpec(template, ""), filled(template, "1", "A1", "x")))
        assert (problem.code, problem.field) == ("field_touches_hash", "text")
        assert codes(CampaignSpec(template, "", options={"unicode": True}), filled(template, "1", "A1", "x")) == []
    spaced = "Hi\nOrder # @@value1@@ #"
    assert codes(CampaignSpec(spaced, ""), filled(spaced, "1", "A1")) == []
    assert codes(CampaignSpec(spaced, ""), filled(spaced, "1", "#field")) == ["field_touches_hash"]


def test_unicode_is_hexadecimal() -> None:
    spec = CampaignSpec("", "", options={"unicode": True})
    assert body(spec, message("279990001", "This")) == (f"{OURS}unicode:1\nto:279990001\ntext:0054006800690073\n")
    assert body(spec, message("279990001", "é\n😀"), message("279990002", "a|b")) == (
        f"{OURS}unicode:1\ntext:#field1#\ndelimiter:|\ncsv:279990001|00E9000AD83DDE00\ncsv:279990002|0061007C0062\n"
    )


def test_every_parameter() -> None:
    spec = CampaignSpec(
        "Hi",
        "ACME",
        options={
            "unicode": True,
            "flash": True,
            "concat": 35,
            "validity": 600,
            "deliv_ack": True,
            "callback": "7",
            "escalate": True,
            "max_credits": 2,
            "queue": "1",
            "mo": True,
        },
    )
    assert body(spec, message("279990001", "Hi")) == (
        "validity:600\n"
        "climsgid:c1b1g10a1b2c3d\n"
        "from:ACME\n"
        "concat:35\n"
        "callback:7\n"
        "max_credits:2\n"
        "queue:1\n"
        "deliv_ack:1\n"
        "escalate:1\n"
        "mo:1\n"
        "msg_type:SMS_FLASH\n"
        "unicode:1\n"
        "to:279990001\n"
        "text:00480069\n"
    )


def test_callback_none_is_written_out() -> None:
    assert "\ncallback:0\n" in body(CampaignSpec("Hi", "", options={"callback": "0"}), message("1234567", "Hi"))


def test_letters_beyond_ascii_are_iso_8859_1_unless_chosen_otherwise() -> None:
    assert Adapter().render(STEM, 7, CampaignSpec("", ""), [message("1", "é £")]).body.endswith(b"text:\xe9 \xa3\n")
    spec = CampaignSpec("", "", options={"charset": "utf-8"})
    assert Adapter().render(STEM, 7, spec, [message("1", "é €")]).body.endswith("text:é €\n".encode())


def test_the_reference_is_letters_and_digits_and_at_most_32() -> None:
    long_stem = "c123456789-b123456789-g123456789-0a1b2c3d"
    written = Adapter().render(long_stem, 7, CampaignSpec("Hi", ""), [message("1", "Hi")]).body.decode()
    (reference,) = re.findall("climsgid:(.*)", written)
    assert re.fullmatch("[a-z0-9]{32}", reference)
    assert reference.endswith("g1234567890a1b2c3d")


# -- what is stored


def test_the_credential_lines_are_put_first_while_storing_and_are_in_no_payload() -> None:
    spec, one = CampaignSpec("Hi", ""), message("279990001", "Hi")
    assert wire(spec, one) == CREDENTIALS + body(spec, one).encode()
    assert "password" not in body(spec, one)
    assert "api_id" not in body(spec, one)


def test_staging_touches_nothing_and_counts_the_credential_lines() -> None:
    folder = Folder()
    payload = Adapter().render(STEM, 7, CampaignSpec("Hi", ""), [message("1", "Hi")])
    staged = Adapter().stage(folder, payload, f"{STEM}-a1.txt")  # type: ignore[arg-type]
    assert staged == Staged("", folder.host, len(CREDENTIALS))
    assert folder.asked == 1
    assert not folder.stored


@pytest.mark.parametrize("name", ["api_id", "api_user", "api_password"])
@pytest.mark.parametrize("evil", ["", "a\nto:27825550100", "a\rto:27825550100", " a", "ä"])
def test_a_credential_that_could_become_another_line_is_never_stored(name: str, evil: str) -> None:
    folder = Folder(**{name: evil})
    payload = Adapter().render(STEM, 7, CampaignSpec("Hi", ""), [message("1", "Hi")])
    with pytest.raises(Refused) as trouble:
        Adapter().commit(folder, payload, attempt(payload))  # type: ignore[arg-type]
    assert trouble.value.account
    assert "27825550100" not in str(trouble.value)
    assert not folder.stored


def test_the_settings_take_one_line_each() -> None:
    form = Adapter.SettingsForm(SETTINGS)
    assert form.is_valid(), form.errors
    for name in ("username", "password", "api_id", "api_user", "api_password"):
        form = Adapter.SettingsForm(SETTINGS | {name: "a\nto:27825550100"})
        assert list(form.errors) == [name]


def test_the_host_is_a_name() -> None:
    form = Adapter.SettingsForm(SETTINGS | {"host": "ftp://ftpupload.clickatell.com/in"})
    assert list(form.errors) == ["host"]


def test_attempts_can_be_distinguished() -> None:
    payload = Adapter().render(STEM, 7, CampaignSpec("Hi", ""), [message("1", "Hi")])
    assert payload.name == f"{STEM}.txt"
    assert [Adapter().attempt_name(payload, number) for number in (1, 2)] == [f"{STEM}-a1.txt", f"{STEM}-a2.txt"]


# -- times


START = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)


def test_the_start_is_absolute_in_the_payload_and_minutes_from_the_attempt_when_stored() -> None:
    spec, one = CampaignSpec("Hi", "", START), message("1", "Hi")
    assert body(spec, one).startswith("deliv_at:2026-11-21T14:30:00Z\nclimsgid:")
    assert wire(spec, one).startswith(CREDENTIALS + b"deliv_time:150\nclimsgid:")
    assert b"deliv_at" not in wire(spec, one)


@pytest.mark.parametrize(
    ("before", "line"),
    [
        (timedelta(seconds=1), b"deliv_time:1\n"),
        (timedelta(minutes=1), b"deliv_time:1\n"),
        (timedelta(minutes=1, seconds=1), b"deliv_time:2\n"),
        (timedelta(days=7), b"deliv_time:10080\n"),
        (timedelta(0), b""),
        (timedelta(minutes=-5), b""),
    ],
)
def test_minutes_are_rounded_up_and_a_start_that_has_come_is_left_out(before: timedelta, line: bytes) -> None:
    stored = wire(CampaignSpec("Hi", "", START), message("1", "Hi"), at=START - before)
    assert stored == CREDENTIALS + line + f"{OURS}to:1\ntext:Hi\n".encode()


def test_a_start_in_another_zone_is_the_same_moment() -> None:
    there = START.astimezone(tz=ZoneInfo("Africa/Johannesburg"))
    assert body(CampaignSpec("Hi", "", there), message("1", "Hi")) == body(
        CampaignSpec("Hi", "", START), message("1", "Hi")
    )


def test_a_start_too_far_away_is_not_stored() -> None:
    with pytest.raises(Refused) as trouble:
        wire(CampaignSpec("Hi", "", START), message("1", "Hi"), at=START - timedelta(days=7, seconds=1))
    assert trouble.value.code == "start_too_far"
    assert not trouble.value.account


@pytest.mark.parametrize(
    ("validity", "before", "line"),
    [
        (None, timedelta(minutes=90, seconds=59), b"validity:88\n"),
        (None, timedelta(minutes=3), b"validity:1\n"),
        (None, timedelta(days=1), b"validity:1438\n"),
        (None, timedelta(days=1, minutes=2), b""),
        (60, timedelta(minutes=90), b"validity:60\n"),
        (60, timedelta(minutes=61), b"validity:59\n"),
        (600, timedelta(minutes=90), b"validity:88\n"),
        (4000, timedelta(days=2), b"validity:2878\n"),
    ],
)
def test_the_end_shortens_the_validity(validity: int | None, before: timedelta, line: bytes) -> None:
    spec = CampaignSpec("Hi", "", None, START, {"validity": validity})
    assert body(spec, message("1", "Hi")).startswith("valid_until:2026-11-21T14:30:00Z\n")
    stored = wire(spec, message("1", "Hi"), at=START - before)
    assert stored == CREDENTIALS + line + f"{OURS}to:1\ntext:Hi\n".encode()


@pytest.mark.parametrize(
    ("start", "before"),
    [
        (None, timedelta(minutes=2, seconds=59)),
        (None, timedelta(seconds=5)),
        (START - timedelta(minutes=9), timedelta(minutes=2, seconds=59)),
        (START - timedelta(minutes=8), timedelta(minutes=8, seconds=1)),
    ],
)
def test_nothing_is_stored_if_a_minute_of_validity_would_last_beyond_the_end(
    start: datetime | None, before: timedelta
) -> None:
    with pytest.raises(Refused) as trouble:
        wire(CampaignSpec("Hi", "", start, START), message("1", "Hi"), at=START - before)
    assert (trouble.value.code, trouble.value.account) == ("expired", False)


@pytest.mark.parametrize(
    ("validity", "length", "before", "lines"),
    [
        # Shorter than the default of a day, though the end is more than a day away.
        (None, timedelta(hours=8), timedelta(days=2), b"deliv_time:2880\nvalidity:473\n"),
        (60, timedelta(hours=8), timedelta(days=2), b"deliv_time:2880\nvalidity:60\n"),
        (None, timedelta(days=3), timedelta(days=2), b"deliv_time:2880\n"),
        (600, timedelta(hours=8), timedelta(days=2, seconds=1), b"deliv_time:2881\nvalidity:472\n"),
        (None, timedelta(minutes=9), timedelta(seconds=1), b"deliv_time:1\nvalidity:1\n"),
        # The start has come: no delay.
        (None, timedelta(hours=8), timedelta(minutes=-60), b"validity:418\n"),
    ],
)
def test_with_a_delay_the_validity_ends_at_the_end_even_if_the_delivery_is_late(
    validity: int | None, length: timedelta, before: timedelta, lines: bytes
) -> None:
    spec = CampaignSpec("Hi", "", START, START + length, {"validity": validity})
    assert Adapter().spec_problems(spec) == []
    at = START - before
    assert wire(spec, message("1", "Hi"), at=at) == CREDENTIALS + lines + f"{OURS}to:1\ntext:Hi\n".encode()
    minutes = {name: int(value) for name, value in re.findall(r"(deliv_time|validity):(\d+)", lines.decode())}
    late = timedelta(minutes=2 + (5 if "deliv_time" in minutes else 0))
    if length < timedelta(days=1):
        # By either reading: counted from the delayed delivery, or from the scan, which is up to 2 minutes later.
        assert at + late + timedelta(minutes=sum(minutes.values())) <= START + length


def test_an_end_right_after_a_delayed_start_is_refused() -> None:
    spec = CampaignSpec("Hi", "", START, START + timedelta(minutes=8, seconds=59))
    assert [problem.code for problem in Adapter().spec_problems(spec)] == ["end_before_start"]


def test_only_our_own_lines_at_the_top_are_turned_into_minutes() -> None:
    text = "deliv_at:2026-11-21T14:30:00Z"
    assert wire(CampaignSpec("", ""), message("1", text)) == CREDENTIALS + f"{OURS}to:1\ntext:{text}\n".encode()


# -- parts


def test_a_line_break_costs_two() -> None:
    assert Adapter().measure(CampaignSpec("", ""), "a" * 158 + "\n").parts == 1
    assert Adapter().measure(CampaignSpec("", ""), "a" * 159 + "\n").parts == 2


@pytest.mark.parametrize(
    ("text", "units", "parts"),
    [
        ("a" * 70, 70, 1),
        ("a" * 71, 71, 2),
        ("a" * 134, 134, 2),
        ("a" * 135, 135, 3),
        ("a" * 68 + "\n", 70, 1),
        ("a" * 69 + "\n", 71, 2),
        ("a" * 66 + "\n" + "a" * 66, 134, 3),
        ("é" * 70, 70, 1),
        ("中" * 71, 71, 2),
        ("中" * 66 + "😀" + "a" * 66, 134, 3),
    ],
)
def test_with_unicode_every_text_counts_as_such(text: str, units: int, parts: int) -> None:
    found = Adapter().measure(CampaignSpec("", "", options={"unicode": True}), text)
    assert (found.alphabet, found.units, found.parts) == ("ucs2", units, parts)


def test_more_parts_than_concat_are_refused() -> None:
    assert codes(CampaignSpec("", ""), message("1", "a" * 459)) == []
    assert codes(CampaignSpec("", ""), message("1", "a" * 460)) == ["too_many_parts"]
    assert codes(CampaignSpec("", "", options={"concat": 4}), message("1", "a" * 460)) == []
    assert codes(CampaignSpec("", "", options={"concat": 1, "unicode": True}), message("1", "a" * 71)) == [
        "too_many_parts"
    ]


# -- what is refused


@pytest.mark.parametrize("sender", ["", "ACME", "Acme2026Sms", "1", "1234567890123456"])
def test_senders_the_document_allows(sender: str) -> None:
    assert Adapter().spec_problems(CampaignSpec("Hi", sender)) == []


@pytest.mark.parametrize("sender", ["Acme2026Shop", "My Shop", "12345678901234567", "Café", "A\nto:1", "ACME\n", "+27"])
def test_senders_the_document_does_not_allow(sender: str) -> None:
    assert [problem.code for problem in Adapter().spec_problems(CampaignSpec("Hi", sender))] == ["sender_invalid"]


def test_the_end_must_be_after_the_start() -> None:
    early = CampaignSpec("Hi", "", START, START + timedelta(seconds=59))
    assert [problem.code for problem in Adapter().spec_problems(early)] == ["end_before_start"]
    assert Adapter().spec_problems(CampaignSpec("Hi", "", START, START + timedelta(minutes=9))) == []


def only(problems: Sequence[Problem]) -> Problem:
    (problem,) = problems
    return problem


def test_characters_outside_gsm_need_unicode_and_are_named() -> None:
    problem = only(Adapter().problems(CampaignSpec("", ""), message("1", "Hi ç 😀 ç")))
    assert (problem.code, problem.characters) == ("text_not_gsm", "ç😀")
    assert "Choose Unicode, or clean up the text" in problem.sentence
    assert codes(CampaignSpec("", "", options={"unicode": True}), message("1", "Hi ç 😀 ç")) == []


def test_characters_that_iso_8859_1_lacks_are_named() -> None:
    problem = only(Adapter().problems(CampaignSpec("", ""), message("1", "Ω 5 € é £")))
    assert (problem.code, problem.characters) == ("text_not_in_charset", "Ω€")
    for other in ({"unicode": True}, {"charset": "utf-8"}):
        assert codes(CampaignSpec("", "", options=other), message("1", "Ω 5 € é £")) == []


def test_a_line_break_in_a_value_is_refused_by_name() -> None:
    template = "Hi @@value1@@ and @@value2@@"
    problem = only(Adapter().problems(CampaignSpec(template, ""), filled(template, "1", "Ann", "Bo\nto:27825550199")))
    assert (problem.code, problem.field) == ("value_line_break", "value2")
    assert "Value 2" in problem.sentence
    assert codes(CampaignSpec(template, "", options={"unicode": True}), filled(template, "1", "Ann", "Bo\nCy")) == []


def test_a_line_break_in_a_text_outside_the_template_is_refused() -> None:
    assert codes(CampaignSpec("", ""), message("1", "Hi\nBye")) == ["text_line_break"]
    assert codes(CampaignSpec("Hi @@value1@@", ""), own("1", "Hi\nBye")) == ["text_line_break"]
    assert codes(CampaignSpec("Hi\nBye", ""), message("1", "Hi\nBye")) == []


def test_a_message_cannot_be_combined_with_a_template_of_several_lines() -> None:
    assert codes(CampaignSpec("Hi\nBye", ""), own("1", "Only me")) == ["own_text_beside_lines"]
    assert codes(CampaignSpec("Hi\nBye", ""), own("1", "Me\ntoo")) == ["own_text_beside_lines"]
    assert codes(CampaignSpec("Hi\nBye", "", options={"unicode": True}), own("1", "Me\ntoo")) == []
    assert codes(CampaignSpec("Hi @@value1@@", ""), own("1", "Only me")) == []


@pytest.mark.parametrize("text", ["#field1#", "See #FIELD12# there", "#field3", "field4#"])
def test_text_that_clickatell_would_read_as_a_field_is_refused_by_name(text: str) -> None:
    problem = only(Adapter().problems(CampaignSpec("", ""), message("1", text)))
    assert problem.code == "text_has_field"
    assert problem.characters in text
    assert problem.characters in problem.sentence
    template = "Hi @@value1@@"
    assert codes(CampaignSpec(template, ""), filled(template, "1", text)) == ["text_has_field"]
    assert codes(CampaignSpec(template, "", options={"unicode": True}), filled(template, "1", text)) == []


def test_other_hashes_are_plain_text() -> None:
    assert codes(CampaignSpec("", ""), message("1", "#field# is #1, field 1 # too")) == []


@pytest.mark.parametrize("text", [" Hi", "Hi ", "Hi\n Bye", "Hi \nBye"])
def test_spaces_at_the_edge_of_a_line_are_refused(text: str) -> None:
    assert codes(CampaignSpec(text, ""), message("1", text)) == ["text_edge_space"]
    assert codes(CampaignSpec(text, "", options={"unicode": True}), message("1", text)) == []


def test_spaces_at_the_edge_of_a_value_are_refused_only_where_it_is_sent_on_its_own() -> None:
    one_line, two_lines = "Hi @@value1@@!", "Hi @@value1@@!\nBye"
    assert codes(CampaignSpec(one_line, ""), filled(one_line, "1", " Ann")) == []
    problem = only(Adapter().problems(CampaignSpec(two_lines, ""), filled(two_lines, "1", " Ann")))
    assert (problem.code, problem.field) == ("value_edge_space", "value1")


def test_control_characters_are_refused() -> None:
    assert codes(CampaignSpec("", ""), message("1", "Hi\rto:27825550199")) == ["text_carriage_return"]
    assert codes(CampaignSpec("", "", options={"unicode": True}), message("1", "Hi\r")) == ["text_carriage_return"]
    assert codes(CampaignSpec("", ""), message("1", "Hi\fyou")) == ["text_form_feed"]
    assert codes(CampaignSpec("", ""), message("1", "Hi\x85you")) == ["text_not_gsm"]
    assert codes(CampaignSpec("", "", options={"unicode": True}), message("1", "Hi \ud83d")) == ["text_broken"]


def test_a_line_may_have_8192_bytes_and_no_more() -> None:
    spec = CampaignSpec("", "", options={"unicode": True, "concat": 35})
    # csv:, eleven digits, a delimiter and the line break leave room for this many.
    longest = (8192 - 4 - 11 - 1 - 1) // 4
    assert codes(spec, message("27825550100", "a" * longest)) == []
    assert codes(spec, message("27825550100", "a" * (longest + 1))) == ["line_too_long"]
    written = Adapter().render(STEM, 7, spec, [message("27825550100", "a" * longest), message("27825550101", "b")])
    assert max(len(line) + 1 for line in written.body.split(b"\n")) <= 8192
    greek = CampaignSpec("", "", options={"charset": "utf-8", "concat": 35})
    assert codes(greek, message("27825550100", "Ω" * 4080)) == []
    assert codes(greek, message("27825550100", "Ω" * 4090)) == ["line_too_long"]


def test_the_line_of_a_template_counts_too() -> None:
    template = "Hi " + "@@value1@@" * 1100
    assert codes(CampaignSpec(template, ""), filled(template, "1", "")) == ["text_edge_space"]
    assert codes(CampaignSpec(f"{template}!", ""), filled(f"{template}!", "1", "")) == ["line_too_long"]


def test_the_options_form_takes_what_the_document_names() -> None:
    good = {"concat": 35, "validity": 240, "callback": "6", "queue": "3", "max_credits": 3, "charset": "utf-8"}
    assert Adapter.OptionsForm(good).is_valid()
    for name, value in [
        ("concat", 36), ("concat", 0), ("validity", 0), ("callback", "8"), ("queue", "4"), ("max_credits", 0),
        ("charset", "utf-16"),
    ]:  # fmt: skip
        assert list(Adapter.OptionsForm(good | {name: value}).errors) == [name]


# -- any text and any value: an independent reading of the document


def read_file(wire: bytes, charset: str, fill: str, strips: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Read a file as the archived reference describes; return the parameters and each number's text.

    Where the reference leaves it open there is a switch: in which order fields are filled, and whether spaces at the
    edges of a value count.
    """
    parameters: dict[str, str] = {}
    repeated: dict[str, list[str]] = {"to": [], "text": [], "csv": []}
    for line in re.split(rb"\r\n|\r|\n", wire):
        assert len(line) + 1 <= 8192
        if not line:
            continue
        key, colon, value = line.decode(charset).partition(":")
        assert colon
        value = value.strip(" ") if strips else value
        if key in repeated:
            repeated[key].append(value)
        else:
            assert key not in parameters
            parameters[key] = value
    text = "\n".join(repeated["text"])
    found = dict.fromkeys(repeated["to"], text)
    for row in repeated["csv"]:
        number, *values = row.split(parameters.get("delimiter", ","))
        found[number] = fill_in(text, [value.strip(" ") if strips else value for value in values], fill)
    if parameters.get("unicode") == "1":
        found = {number: bytes.fromhex(hexed).decode("utf-16-be") for number, hexed in found.items()}
    return parameters, found


def fill_in(text: str, values: list[str], fill: str) -> str:
    numbered = list(enumerate(values, start=1))
    if fill == "at once":
        return re.sub(r"#field(\d+)#", lambda field: values[int(field[1]) - 1], text, flags=re.IGNORECASE)
    for number, value in numbered if fill == "upwards" else reversed(numbered):
        text = re.sub(f"#field{number}#", lambda _, value=value: value, text, flags=re.IGNORECASE)  # type: ignore[misc]
    return text


LITERALS = [
    "to:27825550199",
    "api_id:9",
    "\n",
    "text:",
    "#field1#",
    "#field",
    "1#",
    "field2#",
    "@@",
    "|~^;,",
    " ",
    "csv:",
]
CHARACTERS = st.sampled_from(gsm.BASIC + gsm.EXTENSION)
PIECES = st.one_of(CHARACTERS, st.sampled_from(LITERALS), st.sampled_from(["ç", "😀", "中", "`", "\r", "\x85", "\t"]))
TEXTS = st.lists(PIECES, max_size=12).map("".join)
FIELDS = st.sampled_from(["@@value1@@", "@@value2@@", "@@value6@@"])
TEMPLATES = st.lists(st.one_of(FIELDS, PIECES), min_size=1, max_size=10).map("".join)
PEOPLE = st.lists(st.tuples(TEXTS, TEXTS, TEXTS, st.one_of(st.just(""), st.just(""), TEXTS)), min_size=1, max_size=4)
OPTIONS = st.fixed_dictionaries(
    {"unicode": st.booleans(), "charset": st.sampled_from(["", "utf-8"]), "concat": st.just(35)}
)


@given(TEMPLATES, PEOPLE, OPTIONS, st.booleans())
def test_any_text_survives_or_is_refused(
    template: str, people: list[tuple[str, str, str, str]], options: dict[str, Any], has_template: bool
) -> None:
    spec = CampaignSpec(template if has_template else "", "", options=options)
    messages = []
    for position, (first, second, sixth, own_text) in enumerate(people):
        one = filled(template, f"2782555{position:04}", first, second, "", "", "", sixth)
        messages.append(own(one.msisdn, own_text) if own_text else one)
    said = [one for one in messages if not Adapter().problems(spec, one)]
    assume(said)
    stored = wire(spec, *said)
    expected = {one.msisdn: one.text for one in said}
    charset = options["charset"] or "iso-8859-1"
    for fill in ("upwards", "downwards", "at once"):
        for strips in (True, False):
            parameters, found = read_file(stored, charset, fill, strips)
            assert found == expected
            assert parameters["api_id"] == "1234"
            assert set(parameters) <= {
                "api_id", "user", "password", "climsgid", "concat", "unicode", "delimiter"
            }  # fmt: skip


ANY = st.text(st.one_of(CHARACTERS, st.sampled_from("\r\v\f\x1c\x85\u2028ç")))


@given(ANY, ANY, ANY)
def test_no_text_can_add_a_line(text: str, value: str, own_text: str) -> None:
    """Texts without problems add exactly the lines of their own form."""
    template = f"{text}@@value1@@"
    spec = CampaignSpec(template, "")
    people = [filled(template, "27825550100", value), own("27825550101", own_text)]
    said = [one for one in people if not Adapter().problems(spec, one)]
    if not said:
        return
    lines = re.split(rb"\r\n|\r|\n", Adapter().render(STEM, 7, spec, said).body)
    assert sum(line.startswith((b"to:", b"csv:")) for line in lines) == len(said)
    assert {line.partition(b":")[0] for line in lines} <= {
        b"climsgid",
        b"concat",
        b"to",
        b"text",
        b"delimiter",
        b"csv",
        b"",
    }
