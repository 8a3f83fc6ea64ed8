"""Pushes of replies in every shape that the providers document, and what is no reply."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

import pytest

from providers import registry, replies
from providers.replies import PushedReply

SAST = timezone(timedelta(hours=2))


def read(slug: str, query: bytes = b"", body: bytes = b"") -> list[PushedReply]:
    adapter = registry.adapter(slug)
    found = (adapter.read_reply(fields) for fields in replies.fields_of(query, body))
    return [reply for reply in found if reply is not None]


def form(**fields: Any) -> bytes:
    return urlencode({name.rstrip("_"): value for name, value in fields.items()}).encode()


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


SMSPORTAL_GET = form(
    IncomingID=123456,
    Phonenumber="27821234567",
    IncomingData="STOP",
    IncomingDataTime="01/Jan/2021 00:00:00",
    SentID=654321,
    EventID=987654,
    SentData="Our text. Reply STOP to opt out",
    CustomerID="c1",
)
SMSPORTAL_POST = as_json(
    {"To": "27600000000", "Id": 77, "EventId": 9, "From": "27821234567", "Message": "STOP", "Received": 1609459200}
)
GATEWAYAPI = as_json(
    {
        "id": 1000001,
        "msisdn": 4587654321,
        "receiver": 451204,
        "message": "foo STOP",
        "senttime": 1450000000,
        "webhook_label": "test",
    }
)
CLICKATELL = form(
    api_id=3523864,
    from_="27821234567",
    to="27600000000",
    timestamp="2015-02-04 09:30:36",
    text="STOP",
    charset="ISO-8859-1",
    udh="",
    moMsgId="d2b6",
)
CLICKATELL_XML = (
    b"<?xml version='1.0'?><clickmo><api_id>1</api_id><moMsgId>d2b6</moMsgId><from>27821234567</from>"
    b"<to>27600000000</to><timestamp>2015-02-04 09:30:36</timestamp><charset/><udh/><text>STOP</text></clickmo>"
)
CLICKATELL_REPLY = as_json(
    {
        "integrationName": "x",
        "messageId": "m1",
        "replyMessageId": "r1",
        "fromNumber": "27821234567",
        "toNumber": "27600000000",
        "timestamp": 1506607698000,
        "text": "STOP",
        "charset": "UTF-8",
    }
)
CLICKATELL_ONE = as_json(
    {
        "integrationId": "f",
        "event": {
            "moText": [
                {"messageId": "3a", "from": "27821234567", "to": "2", "timestamp": 1506607698000, "content": "STOP"},
                {"messageId": "3b", "from": "27821234568", "to": "2", "timestamp": 1506607698000, "content": "Hi"},
            ]
        },
    }
)
BULKSMS = form(
    msisdn="27600000000",
    sender="27821234567",
    message="STOP",
    dca="7bit",
    msg_id=111,
    source_id="",
    referring_batch_id=12345,
    concat_num_segments="",
    received_time="14-05-25 12:40:06",
)
BULKSMS_HOOK: Mapping[str, Any] = {
    "id": "312",
    "type": "RECEIVED",
    "from": {"type": "INTERNATIONAL", "address": "+27821234567"},
    "to": {"type": "INTERNATIONAL", "address": "+27600000000"},
    "body": {"value": "STOP", "encoding": {"type": "TEXT"}},
    "submission": {"id": "5", "date": "2014-06-01T12:15:00Z"},
}


@pytest.mark.parametrize(
    ("slug", "query", "body", "phone", "text", "reference", "at"),
    [
        ("smsportal", SMSPORTAL_GET, b"", "27821234567", "STOP", "123456", datetime(2020, 12, 31, 22, tzinfo=UTC)),
        ("smsportal", b"", SMSPORTAL_POST, "27821234567", "STOP", "77", datetime(2021, 1, 1, tzinfo=UTC)),
        (
            "gatewayapi",
            b"",
            GATEWAYAPI,
            "4587654321",
            "foo STOP",
            "1000001",
            datetime(2015, 12, 13, 9, 46, 40, tzinfo=UTC),
        ),
        ("clickatell", CLICKATELL, b"", "27821234567", "STOP", "d2b6", datetime(2015, 2, 4, 9, 30, 36, tzinfo=SAST)),
        ("clickatell", b"", CLICKATELL, "27821234567", "STOP", "d2b6", datetime(2015, 2, 4, 9, 30, 36, tzinfo=SAST)),
        (
            "clickatell",
            b"",
            CLICKATELL_XML,
            "27821234567",
            "STOP",
            "d2b6",
            datetime(2015, 2, 4, 9, 30, 36, tzinfo=SAST),
        ),
        (
            "clickatell",
            b"",
            form(data=CLICKATELL_XML.decode()),
            "27821234567",
            "STOP",
            "d2b6",
            datetime(2015, 2, 4, 9, 30, 36, tzinfo=SAST),
        ),
        (
            "clickatell",
            b"",
            CLICKATELL_REPLY,
            "27821234567",
            "STOP",
            "r1",
            datetime(2017, 9, 28, 14, 8, 18, tzinfo=UTC),
        ),
        ("bulksms", BULKSMS, b"", "27821234567", "STOP", "111", datetime(2014, 5, 25, 12, 40, 6, tzinfo=SAST)),
        (
            "bulksms",
            b"",
            as_json([BULKSMS_HOOK]),
            "+27821234567",
            "STOP",
            "312",
            datetime(2014, 6, 1, 12, 15, tzinfo=UTC),
        ),
        (
            "bulksms",
            b"",
            as_json([{**BULKSMS_HOOK, "from": "27821234567", "body": "STOP"}]),
            "27821234567",
            "STOP",
            "312",
            datetime(2014, 6, 1, 12, 15, tzinfo=UTC),
        ),
    ],
)
def test_a_documented_push_is_read(
    slug: str, query: bytes, body: bytes, phone: str, text: str, reference: str, at: datetime
) -> None:
    (reply,) = read(slug, query, body)
    assert (reply.phone, reply.text, reply.reference, reply.received_at) == (phone, text, reference, at)


def test_one_push_of_clickatell_may_hold_several_replies() -> None:
    assert [(reply.phone, reply.text) for reply in read("clickatell", b"", CLICKATELL_ONE)] == [
        ("27821234567", "STOP"),
        ("27821234568", "Hi"),
    ]


def test_a_unicode_reply_of_bulksms_is_hexadecimal_and_a_long_one_arrives_in_parts() -> None:
    coded = "Ստոп".encode("utf-16-be").hex()
    (reply,) = read("bulksms", form(sender="2782", message=coded, dca="16bit", msg_id=1))
    assert reply.text == "Ստոп"
    (part,) = read("bulksms", form(sender="2782", message="STOP", dca="7bit", msg_id=1, concat_num_segments=2))
    assert part.is_part


@pytest.mark.parametrize(
    ("slug", "query", "body"),
    [
        ("smsportal", form(ID=1, EventID=2, Phonenumber="27821234567", Data="STOP", Status="DELIVRD"), b""),
        (
            "smsportal",
            b"",
            as_json({"Status": "DELIVRD", "EventId": 1, "Msisdn": "27821234567", "Received": 1530013907}),
        ),
        ("gatewayapi", b"", as_json({"id": 1, "msisdn": 4587654321, "time": 1450000000, "status": "DELIVERED"})),
        ("clickatell", form(api_id=1, from_="1", to="27821234567", status="004", apiMsgId="a", cliMsgId="b"), b""),
        ("bulksms", form(status=11, msisdn="27821234567", batch_id=1, completed_time="14-05-25 12:40:06"), b""),
        ("bulksms", b"", as_json([{**BULKSMS_HOOK, "type": "SENT"}])),
        ("bulksms", b"", as_json([])),
        ("smsportal", b"", b"{not json"),
        ("smsportal", b"", b"<not xml"),
        ("smsportal", b"", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x><from>&a;</from><text>STOP</text></x>"),
        ("smsportal", b"", b"[" * 100_000),
        ("smsportal", b"", b"\xff\xfe\x00 nothing"),
        ("smsportal", b"", b""),
    ],
)
def test_what_is_no_reply_gives_none(slug: str, query: bytes, body: bytes) -> None:
    assert read(slug, query, body) == []


@pytest.mark.parametrize(
    ("text", "charset", "expected"),
    [
        ("caf%C3%A9", "", "café"),
        ("caf%E9", "", "café"),
        ("caf%E9", "ISO-8859-1", "café"),
        ("%00S%00T%00O%00P", "UTF-16BE", "STOP"),
        ("%D1%F2%EE%EF", "windows-1251", "Стоп"),
        ("STOP", "base64", "STOP"),
        ("STOP", "no such charset", "STOP"),
        ("ST%00OP", "", "STOP"),
    ],
)
def test_a_form_is_decoded_as_it_says_and_never_fails(text: str, charset: str, expected: str) -> None:
    query = f"from=27821234567&text={text}&charset={charset}".encode()
    (fields,) = replies.fields_of(query, b"")
    assert fields["text"] == expected
    assert fields["from"] == "27821234567"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1609459200", datetime(2021, 1, 1, tzinfo=UTC)),
        ("1609459200000", datetime(2021, 1, 1, tzinfo=UTC)),
        ("2021-01-01T02:00:00+02:00", datetime(2021, 1, 1, tzinfo=UTC)),
        ("2021-01-01T00:00:00Z", datetime(2021, 1, 1, tzinfo=UTC)),
        ("2021-01-01 02:00", datetime(2021, 1, 1, tzinfo=UTC)),
        ("01/Jan/2021 02:00:00", datetime(2021, 1, 1, tzinfo=UTC)),
        ("yesterday", None),
        ("9999-99-99 00:00:00", None),
        ("0001-01-01 00:00:00", None),
        ("", None),
    ],
)
def test_times_are_read_in_the_usual_formats(text: str, expected: datetime | None) -> None:
    assert replies.parse_time(text, SAST) == expected


@pytest.mark.parametrize("slug", sorted(registry.all_adapters()))
def test_every_provider_says_how_to_set_the_address(slug: str) -> None:
    assert registry.adapter(slug).reply_setup
