"""How one file is parsed and processed, without any socket."""

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.sandbox.gsm import parts
from providers.sandbox.smsportal.files import FileResult, check_file
from tests.providers.sandbox.conftest import contact, wire

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def result_of(body: bytes, **more: Any) -> FileResult:
    return check_file("a.json", body, **{"now": NOW, "remembered": (), "opted_out": (), "credit": 1000, **more})


def texts_of(body: bytes) -> list[str]:
    result = result_of(body)
    assert result.error == "", result.detail
    return [text.text for text in result.texts]


def test_it_reads_the_documents_fullest_example() -> None:
    body = b"""version: 7
{
    "start": "2027-11-02 06:19",
    "end": "2027-11-02 06:34",
    "senderId": "Fixed",
    "check_optouts": true,
    "email": "someone@example.com",
    "max_errors": "1",
    "message_template": "Message sent to @@value1@@",
    "contacts": [
        {"msisdn": "1111111111", "customerId": "AccJohn237", "values" : { "value1" : "John"}},
        {"msisdn": "3333333333", "customerId": "TempAcc1032","message" : "Specific message for msisdn 3333333333"}
    ]
}"""
    result = result_of(body)

    assert result.error == ""
    assert [(text.msisdn, text.sender, text.text, text.reference) for text in result.texts] == [
        ("1111111111", "Fixed", "Message sent to John", "AccJohn237"),
        ("3333333333", "Fixed", "Specific message for msisdn 3333333333", "TempAcc1032"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_it_takes_each_kind_of_line_ending(end: str) -> None:
    body = wire().replace(b"\n", end.encode()).replace(b", ", f",{end}".encode())
    assert texts_of(body) == ["Hello "]


def test_it_takes_the_version_as_a_parameter_and_a_byte_order_mark() -> None:
    assert texts_of(b"\xef\xbb\xbf" + wire(version="", Version=7)) == ["Hello "]


@pytest.mark.parametrize("version", ["", "version: 8\n", "version:\n", "version: seven\n"])
def test_it_refuses_a_wrong_or_missing_version(version: str) -> None:
    assert result_of(wire(version=version)).error == "File.InvalidVersion"


def test_it_fills_each_field_and_leaves_a_missing_one_empty() -> None:
    values = {"value1": "Jo", "value6": "Smith"}
    body = wire([contact(values=values)], message_template="@@value1@@ @@value2@@ @@value6@@ @@value7@@")
    assert texts_of(body) == ["Jo  Smith @@value7@@"]


def test_it_puts_a_contacts_message_before_the_template_and_leaves_its_fields_alone() -> None:
    assert texts_of(wire([contact(message="For @@value1@@", values={"value1": "Jo"})])) == ["For @@value1@@"]


def test_it_needs_no_template_when_each_contact_has_a_message() -> None:
    own = contact(message="Yes")
    assert texts_of(wire([own], message_template="absent")) == ["Yes"]
    assert result_of(wire([own, contact()], message_template="absent")).error == "RequiredParameter.Missing"


@pytest.mark.parametrize("sender", ["Fixed", "FixedR", "ABCDEFGHIJK", "123456789012345"])
def test_it_takes_a_sender(sender: str) -> None:
    result = result_of(wire(senderId=sender))
    assert [text.sender for text in result.texts] == [sender]


@pytest.mark.parametrize("sender", ["ABCDEFGHIJKL", "1234567890123456", "A B", "Café", "", 7])
def test_it_refuses_a_sender(sender: Any) -> None:
    assert result_of(wire(senderId=sender)).error == "File.ParseError"


@pytest.mark.parametrize(
    ("times", "error"),
    [
        ({"end": "2026-03-01 12:01"}, ""),
        ({"end": "2026-03-01 12:00"}, "IncorrectScheduledDate"),
        ({"start": "2026-04-01 08:00", "end": "2026-04-01 08:00"}, "IncorrectScheduledDate"),
        ({"start": "2026-04-01 08:00", "end": "2026-04-01 08:01"}, ""),
        ({"start": "2026-04-01 08:00", "end": None}, ""),
        ({"start": "2026-04-01T08:00"}, "File.ParseError"),
        ({"start": "2026-04-31 08:00"}, "File.ParseError"),
    ],
)
def test_it_requires_the_end_after_the_start(times: dict[str, Any], error: str) -> None:
    assert result_of(wire(**times)).error == error


@pytest.mark.parametrize(
    "more",
    [
        {"start_dt": "2026-04-01 08:00"},
        {"check_optouts": "maybe"},
        {"max_errors": "-1"},
        {"email": "two@example.com, three@example.com"},
        {"message_template": "“quoted”"},
        {"contacts": {"msisdn": "27825550100"}},
    ],
)
def test_it_cannot_parse_what_the_document_does_not_name(more: dict[str, Any]) -> None:
    assert result_of(wire(**more)).error == "File.ParseError"


@pytest.mark.parametrize(
    "wrong",
    [
        contact("+27825550101"),
        contact("082 555 0101"),
        contact(27825550101),  # type: ignore[arg-type]
        contact("27825550101", customerID="C1", colour="red"),
        contact("27825550101", values={"value7": "x"}),
        contact("27825550101", values={"value1": 5}),
        contact("27825550101", values={"value1": "naïve"}),
        contact("27825550101", message="`"),
        "27825550101",
    ],
)
def test_it_reports_a_contact_it_cannot_parse_and_texts_the_other(wrong: Any) -> None:
    result = result_of(wire([contact(), wrong]))
    assert result.error == ""
    assert [text.msisdn for text in result.texts] == ["27825550100"]
    assert [(fault.position, fault.code) for fault in result.faults] == [(2, "File.ParseError")]


def test_it_stops_at_more_errors_than_allowed() -> None:
    contacts = [contact(), contact("27825599901"), contact("27825599903"), contact("27825599902")]
    assert result_of(wire(contacts)).error == ""
    assert result_of(wire(contacts, max_errors="2")).error == ""
    refused = result_of(wire(contacts, max_errors="1"))
    assert (refused.error, refused.texts, len(refused.faults)) == ("File.ParseError", (), 3)


def test_it_removes_its_own_opt_outs_unless_told_not_to() -> None:
    contacts = [contact("27825550100"), contact("27825550101")]
    scrubbed = result_of(wire(contacts), opted_out={"27825550101"})
    assert [(fault.msisdn, fault.code) for fault in scrubbed.faults] == [("27825550101", "MSISDN.Optout")]
    everyone = result_of(wire(contacts, check_optouts="False"), opted_out={"27825550101"})
    assert len(everyone.texts) == 2


def test_it_texts_a_number_as_often_as_the_file_names_it() -> None:
    assert len(texts_of(wire([contact(), contact()]))) == 2


def test_it_takes_what_the_credit_covers_to_the_last_part() -> None:
    body = wire([contact(message="a" * 161), contact("27825550101", message="b")])
    assert result_of(body, credit=3).cost == 3
    assert result_of(body, credit=2).error == "InsufficientCredits"


@pytest.mark.parametrize(
    ("text", "count"),
    [("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2)],
)
def test_it_counts_parts(text: str, count: int) -> None:
    assert parts(text) == count


def test_it_never_splits_an_extended_character() -> None:
    assert parts("a" * 152 + "€" + "a" * 152) == 3
