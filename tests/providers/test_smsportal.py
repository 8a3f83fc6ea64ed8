"""SMSPortal's bytes by hand, from the examples of "SMSPortal SFTP"."""

import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.adapters.smsportal import Adapter
from providers.base import CampaignSpec, Message, Problem
from providers.transports.ftp import FtpTransport
from providers.transports.sftp import SftpTransport

STEM = "c1-b1-g1-0a1b2c3d"


def message(msisdn: str, text: str = "Hello", **others: Any) -> Message:
    filled = {"values": {}, "own_text": "", "customer_id": "", "reference": msisdn, **others}
    return Message(msisdn=msisdn, text=text, **filled)


def inner(spec: CampaignSpec, *messages: Message) -> str:
    payload = Adapter().render(STEM, 7, spec, messages)
    with zipfile.ZipFile(io.BytesIO(payload.body)) as archive:
        assert archive.namelist() == [f"{STEM}.json"]
        assert archive.testzip() is None
        return archive.read(f"{STEM}.json").decode("ascii")


def test_the_shortest_example_of_the_document() -> None:
    spec = CampaignSpec("Hello to the SMS world.", "")
    written = inner(spec, message("1111111111"), message("2222222222"))
    assert written == (
        "version: 7\n"
        "{\n"
        '"check_optouts": true,\n'
        '"message_template": "Hello to the SMS world.",\n'
        '"contacts": [\n'
        '{"msisdn":"1111111111"},\n'
        '{"msisdn":"2222222222"}\n'
        "]\n"
        "}\n"
    )


def test_the_longest_example_of_the_document() -> None:
    spec = CampaignSpec(
        "Message sent to @@value1@@",
        "Fixed",
        datetime(2017, 11, 2, 6, 19, tzinfo=UTC),
        datetime(2017, 11, 2, 6, 34, tzinfo=UTC),
        {"check_optouts": True, "email": "ops@example.org", "max_errors": 1},
    )
    own = "Specific message for msisdn 3333333333"
    written = inner(
        spec,
        message("1111111111", "Message sent to John", customer_id="AccJohn237", values={"value1": "John"}),
        message("3333333333", own, customer_id="TempAcc1032", own_text=own),
    )
    assert written == (
        "version: 7\n"
        "{\n"
        '"start": "2017-11-02 06:19",\n'
        '"end": "2017-11-02 06:34",\n'
        '"senderId": "Fixed",\n'
        '"check_optouts": true,\n'
        '"email": "ops@example.org",\n'
        '"max_errors": "1",\n'
        '"message_template": "Message sent to @@value1@@",\n'
        '"contacts": [\n'
        '{"msisdn":"1111111111","customerId":"AccJohn237","values":{"value1":"John"}},\n'
        '{"msisdn":"3333333333","customerId":"TempAcc1032","message":"Specific message for msisdn 3333333333"}\n'
        "]\n"
        "}\n"
    )


def test_without_a_template_every_text_is_rendered() -> None:
    written = inner(CampaignSpec("", "ACME"), message("1111111111", "Hi “you”\n€ 5"))
    assert "message_template" not in written
    assert r'{"msisdn":"1111111111","message":"Hi \u201cyou\u201d\n\u20ac 5"}' in written


def test_a_template_outside_gsm_is_not_written() -> None:
    """Where everybody has an own text, nobody's text has the characters that SMSPortal would refuse the file for."""
    written = inner(CampaignSpec("It’s @@value1@@", ""), message("1111111111", "Own", own_text="Own"))
    assert "message_template" not in written
    assert '"message":"Own"' in written


@pytest.mark.parametrize(
    "delicate",
    [
        {"values": {"value1": "a@@b"}, "text": "Hi a@@b"},
        {"own_text": "Mail me@@value1@@", "text": "Mail me@@value1@@"},
    ],
)
def test_two_at_signs_in_a_value_or_a_message_render_every_text(delicate: dict[str, Any]) -> None:
    written = inner(
        CampaignSpec("Hi @@value1@@", ""),
        message("1111111111", "Hi Bob", values={"value1": "Bob"}),
        message("2", **delicate),
    )
    assert "message_template" not in written
    assert '{"msisdn":"1111111111","message":"Hi Bob"}' in written


@pytest.mark.parametrize(
    "template", ["Mail info@@@value1@@", "Mail @@value1@@@ours", "@@value2@@@@Value1@@", "@@@value1@@@"]
)
def test_an_at_sign_that_touches_a_field_renders_every_text(template: str) -> None:
    """Read from the left, the field in info@@@value1@@ would be called @value1."""
    values = {"value1": "Bob", "value2": "Ann"}
    written = inner(CampaignSpec(template, ""), message("1111111111", "Mail info@Bob", values=values))
    assert "message_template" not in written
    assert '{"msisdn":"1111111111","message":"Mail info@Bob"}' in written
    native = inner(CampaignSpec("Mail info@ @@value1@@", ""), message("1111111111", "Mail info@ Bob", values=values))
    assert '"message_template": "Mail info@ @@value1@@"' in native


def test_the_bytes_never_change() -> None:
    spec = CampaignSpec("Hi @@value1@@", "ACME")
    people = [message("1111111111", "Hi Bob", values={"value1": "Bob"})]
    first, second = (Adapter().render(STEM, 7, spec, people) for _ in range(2))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first.body)) as archive:
        entry = archive.infolist()[0]
    assert entry.date_time == (1980, 1, 1, 0, 0, 0)
    assert entry.compress_type == zipfile.ZIP_DEFLATED


def test_each_attempt_has_its_own_zip_name_and_all_the_same_inner_name() -> None:
    payload = Adapter().render(STEM, 7, CampaignSpec("Hi", ""), [message("1111111111")])
    assert payload.name == f"{STEM}.zip"
    assert [Adapter().attempt_name(payload, number) for number in (1, 2)] == [f"{STEM}-a1.zip", f"{STEM}-a2.zip"]


@pytest.mark.parametrize("sender", ["", "Fixed", "FixedR", "ACME", "Acme2026Sms", "27825550100", "123456789012345"])
def test_senders_the_document_allows(sender: str) -> None:
    assert Adapter().spec_problems(CampaignSpec("Hi", sender)) == []


@pytest.mark.parametrize("sender", ["Acme2026Shop", "My Shop", "Shop!", "1234567890123456", "Café", "+2782555"])
def test_senders_the_document_does_not_allow(sender: str) -> None:
    assert [problem.code for problem in Adapter().spec_problems(CampaignSpec("Hi", sender))] == ["sender_invalid"]


def test_the_end_must_be_a_minute_after_the_start() -> None:
    start = datetime(2026, 11, 21, 8, 0, 10, tzinfo=UTC)
    late = CampaignSpec("Hi", "", start, start.replace(second=50))
    assert [problem.code for problem in Adapter().spec_problems(late)] == ["end_before_start"]
    assert Adapter().spec_problems(CampaignSpec("Hi", "", start, start.replace(minute=1))) == []


def codes(problems: list[Problem]) -> list[str]:
    return [problem.code for problem in problems]


def test_a_plain_text_has_no_problem() -> None:
    assert Adapter().problems(CampaignSpec("", ""), message("1", "Hi {you} @ € 5")) == []


def test_characters_outside_gsm_are_named() -> None:
    (problem,) = Adapter().problems(CampaignSpec("", ""), message("1", "Hi á 😀 á"))
    assert problem.code == "text_not_gsm"
    assert problem.characters == "á😀"


def test_other_texts_that_are_refused() -> None:
    spec = CampaignSpec("", "")
    assert codes(Adapter().problems(spec, message("1", " \n"))) == ["text_empty"]
    assert codes(Adapter().problems(spec, message("1", "Hi @@value2@@"))) == ["text_has_field"]
    assert codes(Adapter().problems(spec, message("1", customer_id="x" * 101))) == ["customer_id_long"]
    assert codes(Adapter().problems(spec, message("1", customer_id="x" * 100))) == []


FORM = {
    "host": "ftp.smsportal.com",
    "username": "acme",
    "password": "sesame",
    "send_folder": "Send_SMS",
    "processed_folder": "Processed",
    "errors_folder": "Errors",
}


@pytest.mark.parametrize(
    ("protocol", "port", "stored", "host", "transport"),
    [
        ("", "22", ("sftp", 22), "ftp.smsportal.com:22", SftpTransport),
        ("sftp", "", ("sftp", 22), "ftp.smsportal.com:22", SftpTransport),
        ("sftp", "2222", ("sftp", 2222), "ftp.smsportal.com:2222", SftpTransport),
        ("ftp", "", ("ftp", 21), "ftp.smsportal.com:21 (FTP)", FtpTransport),
        ("ftp", "2121", ("ftp", 2121), "ftp.smsportal.com:2121 (FTP)", FtpTransport),
    ],
)
def test_each_protocol_has_its_port(
    protocol: str, port: str, stored: tuple[str, int], host: str, transport: type
) -> None:
    form = Adapter.SettingsForm({**FORM, "protocol": protocol, "port": port})
    assert form.is_valid(), form.errors
    assert (form.cleaned_data["protocol"], form.cleaned_data["port"]) == stored
    assert Adapter().host(form.cleaned_data) == host
    assert Adapter().transport_for(form.cleaned_data) is transport


@pytest.mark.parametrize(("protocol", "port", "right"), [("sftp", "21", "22"), ("ftp", "22", "21")])
def test_the_other_protocols_port_is_refused(protocol: str, port: str, right: str) -> None:
    form = Adapter.SettingsForm({**FORM, "protocol": protocol, "port": port})
    assert list(form.errors) == ["port"]
    assert f"Enter {right}" in form.errors["port"][0]


def test_an_account_stored_before_there_was_a_choice_still_uses_sftp() -> None:
    settings = {**FORM, "port": 22}
    assert Adapter().transport_for(settings) is SftpTransport
    assert Adapter().host(settings) == "ftp.smsportal.com:22"


def test_ftps_is_not_documented_and_not_offered() -> None:
    assert not Adapter.SettingsForm({**FORM, "protocol": "ftps"}).is_valid()
