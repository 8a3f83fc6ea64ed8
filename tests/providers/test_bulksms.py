"""BulkSMS's bytes by hand, from the examples of "send_batch"; its problems and its forms."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import gsm
from providers.adapters.bulksms import Adapter
from providers.base import CampaignSpec, Message, Problem
from providers.gsm import Measure

STEM = "c1-b1-g1-0a1b2c3d"
START = datetime(2026, 12, 24, 8, tzinfo=UTC)


def message(msisdn: str, text: str = "Hello") -> Message:
    return Message(msisdn=msisdn, text=text, values={}, own_text="", customer_id="", reference=msisdn)


def spec(sender: str = "", start_at: datetime | None = None, **options: Any) -> CampaignSpec:
    return CampaignSpec("", sender, start_at, None, options)


def body(asked: CampaignSpec, *messages: Message) -> bytes:
    return Adapter().render(STEM, 7, asked, messages).body


def batch_data(asked: CampaignSpec, *messages: Message) -> str:
    return body(asked, *messages).decode("ascii").partition("batch_data=")[2]


def codes(found: list[Problem]) -> list[str]:
    return [problem.code for problem in found]


def refusals(asked: CampaignSpec, text: str) -> list[str]:
    return codes(Adapter().problems(asked, message("111111111", text)))


def test_the_unencoded_example_of_the_document() -> None:
    written = body(spec(), message("111111111", "Hi there"), message("333333333", "Hello again"))
    assert written == (
        b"stop_dup_id=7&dca=7bit&msg_class=2&want_report=1&batch_data=msisdn%2Cmessage"
        b"%0A%22111111111%22%2C%22Hi+there%22"
        b"%0A%22333333333%22%2C%22Hello+again%22"
    )


def test_the_escaped_example_of_the_document() -> None:
    text = 'Hello again. Here is some "quoted text".\nThis text follows a newline'
    documented = "%22Hello+again.+Here+is+some+%5C%22quoted+text%5C%22.%5C%0aThis+text+follows+a+newline%22"
    written = batch_data(spec(), message("333333333", text))
    assert written == f"msisdn%2Cmessage%0A%22333333333%22%2C{documented.replace('%0a', '%0A')}"


def test_a_backslash_is_escaped_by_another_and_an_apostrophe_is_not() -> None:
    written = batch_data(spec(), message("333333333", "C:\\it's\\"))
    assert written.endswith("%2C%22C%3A%5C%5Cit%27s%5C%5C%22")


def test_what_separates_fields_and_parameters_is_only_text_inside_quotes() -> None:
    written = batch_data(spec(), message("333333333", "a,b;c&d=e+f%g #field1# @@ to:"))
    assert written.endswith("%2C%22a%2Cb%3Bc%26d%3De%2Bf%25g+%23field1%23+%40%40+to%3A%22")


@pytest.mark.parametrize(
    ("character", "byte"),
    [
        ("Δ", "%D0"), ("Φ", "%DE"), ("Γ", "%AC"), ("Λ", "%C2"), ("Ω", "%DB"),
        ("Π", "%BA"), ("Ψ", "%DD"), ("Σ", "%CA"), ("Θ", "%D4"), ("Ξ", "%B1"),
        ("é", "%E9"), ("Ç", "%C7"), ("£", "%A3"), ("¥", "%A5"), ("¤", "%A4"), ("¿", "%BF"), ("ß", "%DF"), ("Ø", "%D8"),
        ("{", "%7B"), ("[", "%5B"), ("~", "~"), ("|", "%7C"), ("^", "%5E"), ("@", "%40"), ("_", "_"),
    ],
)  # fmt: skip
def test_the_byte_of_each_special_character(character: str, byte: str) -> None:
    assert refusals(spec(), character) == []
    assert batch_data(spec(), message("1", character)) == f"msisdn%2Cmessage%0A%221%22%2C%22{byte}%22"


def test_the_greek_bytes_belong_to_nothing_else_in_gsm() -> None:
    sayable = [character for character in gsm.BASIC + gsm.EXTENSION if not refusals(spec(), f"a{character}")]
    written = {body(spec(), message("1", f"a{character}")) for character in sayable}
    assert len(written) == len(sayable) == len(gsm.BASIC + gsm.EXTENSION) - 3


def test_unicode_is_big_endian_hex_for_the_whole_batch() -> None:
    asked = spec(alphabet="16bit")
    written = body(asked, message("111111111", "Hi"), message("333333333", 'ę"\n😀€'))
    assert written.startswith(b"stop_dup_id=7&dca=16bit&")
    assert written.endswith(b"%0A%22111111111%22%2C%2200480069%22%0A%22333333333%22%2C%2201190022000ad83dde0020ac%22")


def test_every_parameter_of_the_document() -> None:
    asked = spec(
        start_at=START,
        alphabet="7bit",
        msg_class="0",
        want_report=False,
        routing_group="3",
        source_id="Spring & more",
        repliable="1",
        scheduling_description="Café, 8 o'clock",
        rehearsal="succeed",
    )
    assert body(asked, message("1", "Hi")) == (
        b"stop_dup_id=7&dca=7bit&msg_class=0&want_report=0&repliable=1&routing_group=3&source_id=Spring+%26+more"
        b"&send_time_unixtime=1798099200&scheduling_description=Caf%E9%2C+8+o%27clock"
        b"&test_always_succeed=1&batch_data=msisdn%2Cmessage%0A%221%22%2C%22Hi%22"
    )


def test_a_sender_switches_replies_off() -> None:
    assert b"&sender=Acme2026Sms&repliable=0&" in body(spec("Acme2026Sms"), message("1"))
    assert b"repliable" not in body(spec(), message("1"))
    assert b"&repliable=0&" in body(spec(repliable="0"), message("1"))


def test_the_schedule_is_described_only_where_there_is_one() -> None:
    assert b"scheduling" not in body(spec(scheduling_description="Spring"), message("1"))
    assert b"send_time" not in body(spec(), message("1"))


def test_a_rehearsal_can_fail() -> None:
    assert b"&test_always_fail=1&" in body(spec(rehearsal="fail"), message("1"))
    assert b"test_" not in body(spec(rehearsal=""), message("1"))


def test_long_texts_are_refused_before_anything_is_frozen_where_the_account_may_not_join_them() -> None:
    strict = CampaignSpec("", "", account={"joins_long_texts": False})
    short, long = (Message("27825550100", "a" * count, {}, "", "", "r1") for count in (160, 161))
    assert Adapter().problems(strict, short) == []
    assert [problem.code for problem in Adapter().problems(strict, long)] == ["text_too_long"]


def test_long_texts_are_joined_only_where_there_are_some() -> None:
    assert b"concat" not in body(spec(), message("1", "a" * 160))
    written = body(spec(), message("1", "a"), message("2", "a" * 161), message("3", "a" * 307))
    assert b"&allow_concat_text_sms=1&concat_text_sms_max_parts=3&" in written
    assert b"concat" not in body(spec(alphabet="16bit"), message("1", "a" * 70))


def test_neither_user_name_nor_password_is_in_the_payload() -> None:
    payload = Adapter().render(STEM, 7, spec(), [message("1")])
    assert payload.name == f"{STEM}.form"
    assert b"username" not in payload.body
    assert b"password" not in payload.body
    assert [Adapter().attempt_name(payload, number) for number in (1, 2)] == [f"{STEM}-a1", f"{STEM}-a2"]


@pytest.mark.parametrize("sender", ["", "ACME", "Acme2026Sms", "27825550100", "123456789012345"])
def test_senders_the_document_allows(sender: str) -> None:
    assert Adapter().spec_problems(spec(sender)) == []


@pytest.mark.parametrize("sender", ["Acme2026Sms2", "Acme Sms", "1234567890123456", "+27825550100", "Café"])
def test_senders_it_does_not(sender: str) -> None:
    assert codes(Adapter().spec_problems(spec(sender))) == ["sender_invalid"]


def test_a_sender_and_replies_exclude_each_other() -> None:
    assert codes(Adapter().spec_problems(spec("ACME", repliable="1"))) == ["sender_and_replies"]
    assert Adapter().spec_problems(spec("ACME", repliable="0")) == []
    assert Adapter().spec_problems(spec(repliable="1")) == []


def test_what_gsm_lacks_is_refused_by_name_and_taken_in_unicode() -> None:
    (found,) = Adapter().problems(spec(), message("1", "Olá, ça va 😀?"))
    assert (found.code, found.characters) == ("text_not_gsm", "áç😀")
    assert "Unicode" in found.sentence
    assert refusals(spec(alphabet="16bit"), "Olá, ça va 😀?") == []


def test_the_euro_sign_has_no_byte() -> None:
    (found,) = Adapter().problems(spec(), message("1", "5 €"))
    assert found.characters == "€"
    assert "EUR" in found.sentence
    assert refusals(spec(alphabet="16bit"), "5 €") == []


@pytest.mark.parametrize("character", ["\r", "\f"])
def test_control_characters_have_no_byte(character: str) -> None:
    (found,) = Adapter().problems(spec(), message("1", f"a{character}b"))
    assert (found.code, found.characters) == ("text_has_control", character)


def test_a_text_of_more_parts_than_allowed_is_refused() -> None:
    assert refusals(spec(max_parts=1), "a" * 160) == []
    assert refusals(spec(max_parts=1), "a" * 161) == ["text_too_long"]
    assert refusals(spec(), "a" * 612) == []
    assert refusals(spec(max_parts=None), "a" * 613) == ["text_too_long"]
    assert refusals(spec(max_parts=5), "a" * 613) == []


def test_long_unicode_is_refused() -> None:
    asked = spec(alphabet="16bit")
    assert refusals(asked, "ę" * 70) == []
    assert refusals(asked, "ę" * 71) == ["text_too_long"]
    assert refusals(asked, "😀" * 35) == []
    assert refusals(asked, "😀" * 35 + "a") == ["text_too_long"]
    assert refusals(asked, "\ud83d") == ["text_broken"]


@pytest.mark.parametrize("alphabet", ["7bit", "16bit"])
@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_text_is_refused(alphabet: str, text: str) -> None:
    assert refusals(spec(alphabet=alphabet), text) == ["text_empty"]


def test_with_unicode_every_text_is_measured_as_such() -> None:
    measure = Adapter().measure
    assert measure(spec(), "a" * 71) == Measure("gsm", 71, 1)
    assert measure(spec(alphabet="16bit"), "a" * 70) == Measure("ucs2", 70, 1)
    assert measure(spec(alphabet="16bit"), "a" * 71) == Measure("ucs2", 71, 2)
    assert measure(spec(alphabet="16bit"), "😀") == Measure("ucs2", 2, 1)
    assert measure(spec(alphabet="16bit"), "") == Measure("ucs2", 0, 0)


def parsed(form: bytes) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Read a form as the document describes it: ISO-8859-1 parameters, a CSV; a backslash escapes the next character.

    Written from the document alone; it shares only the table of the code sample with the adapter.
    """
    greek = {
        0xD0: "Δ",
        0xDE: "Φ",
        0xAC: "Γ",
        0xC2: "Λ",
        0xDB: "Ω",
        0xBA: "Π",
        0xDD: "Ψ",
        0xCA: "Σ",
        0xD4: "Θ",
        0xB1: "Ξ",
    }
    fields = {}
    for piece in form.split(b"&"):
        name, _, value = piece.partition(b"=")
        decoded = bytearray()
        position = 0
        while position < len(value):
            if value[position : position + 1] == b"%":
                decoded.append(int(value[position + 1 : position + 3], 16))
                position += 3
            else:
                decoded += b" " if value[position : position + 1] == b"+" else value[position : position + 1]
                position += 1
        assert name.decode("ascii") not in fields
        fields[name.decode("ascii")] = decoded.decode("latin-1")
    rows: list[list[str]] = [[""]]
    is_quoted = is_escaped = False
    for character in fields.pop("batch_data"):
        if is_escaped:
            rows[-1][-1] += character
            is_escaped = False
        elif character == "\\":
            is_escaped = True
        elif character == '"':
            is_quoted = not is_quoted
        elif character == "," and not is_quoted:
            rows[-1].append("")
        elif character == "\n" and not is_quoted:
            rows.append([""])
        else:
            rows[-1][-1] += character
    assert not is_quoted
    assert not is_escaped
    assert rows.pop(0) == ["msisdn", "message"]
    people = []
    for msisdn, text in rows:
        if fields["dca"] == "16bit":
            people.append((msisdn, bytes.fromhex(text).decode("utf-16-be")))
        else:
            people.append((msisdn, "".join(greek.get(ord(character), character) for character in text)))
    return fields, people


TEXTS = st.one_of(
    st.text(max_size=80),
    st.text(alphabet=gsm.BASIC + gsm.EXTENSION, max_size=700),
    st.text(alphabet='\\"\n,a', max_size=80),
)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.sampled_from(["7bit", "16bit"]))
def test_a_text_arrives_as_it_was_written_or_is_refused_by_name(texts: list[str], alphabet: str) -> None:
    asked = spec(alphabet=alphabet)
    people = [message(str(27825550100 + number), text) for number, text in enumerate(texts)]
    sayable = []
    for person in people:
        found = Adapter().problems(asked, person)
        assert all(problem.sentence for problem in found)
        if not found:
            sayable.append(person)
    fields, arrived = parsed(body(asked, *sayable))
    assert arrived == [(person.msisdn, person.text) for person in sayable]
    assert fields["stop_dup_id"] == "7"
    most = max((gsm.measure(person.text).parts for person in sayable), default=1)
    if alphabet == "7bit" and most > 1:
        assert fields["concat_text_sms_max_parts"] == str(most)
    else:
        assert "allow_concat_text_sms" not in fields


def test_a_text_resembling_rows_stays_one_text() -> None:
    text = 'x"\n"27820000000","y\n27820000001,z'
    _, arrived = parsed(body(spec(), message("27825550100", text)))
    assert arrived == [("27825550100", text)]


def form_data(**others: str) -> dict[str, str]:
    filled = {"api_url": "https://bulksms.vsms.net/eapi", "username": "acme", "password": "word", **others}
    return {name: value for name, value in filled.items() if value}


def test_the_address_is_tidied() -> None:
    form = Adapter.SettingsForm(form_data(api_url=" https://usa.bulksms.com/eapi/ "))
    assert form.is_valid(), form.errors
    assert form.cleaned_data["api_url"] == "https://usa.bulksms.com/eapi"
    assert Adapter().host(form.cleaned_data) == "https://usa.bulksms.com/eapi"
    assert Adapter().login(form.cleaned_data) == "acme"


@pytest.mark.parametrize(
    "url", ["bulksms.vsms.net", "ftp://bulksms.vsms.net", "https://a:b@bulksms.vsms.net/eapi", "https://x/eapi?y=z"]
)
def test_invalid_addresses_are_refused(url: str) -> None:
    assert "api_url" in Adapter.SettingsForm(form_data(api_url=url)).errors


def test_plain_http_must_be_allowed_by_hand() -> None:
    assert "api_url" in Adapter.SettingsForm(form_data(api_url="http://bulksms.vsms.net:5567/eapi")).errors
    allowed = Adapter.SettingsForm(form_data(api_url="http://bulksms.vsms.net:5567/eapi", allow_plain_http="on"))
    assert allowed.is_valid(), allowed.errors


def test_a_login_must_be_encodable_and_a_certificate_readable() -> None:
    assert "password" in Adapter.SettingsForm(form_data(password="p€ss")).errors
    assert "username" in Adapter.SettingsForm(form_data(username="acmę")).errors
    assert "tls_certificate" in Adapter.SettingsForm(form_data(tls_certificate="no certificate")).errors


def test_options_must_follow_the_document() -> None:
    form = Adapter.OptionsForm(
        {"source_id": "x" * 21, "routing_group": "4", "msg_class": "1", "alphabet": "8bit", "repliable": "2"}
    )
    assert set(form.errors) == {"source_id", "routing_group", "msg_class", "alphabet", "repliable"}
    assert "source_id" in Adapter.OptionsForm({"source_id": "Zoë"}).errors


def test_the_limits_of_the_document() -> None:
    limits = Adapter.limits
    assert (limits.rows, limits.connections, limits.alphabet) == (30_000, 1, "gsm+ucs2")
    assert limits.start_ahead == timedelta(days=730)
    full = [message(str(27820000000 + number), "a" * 70) for number in range(limits.rows)]
    assert len(body(spec(alphabet="16bit"), *full)) <= limits.bytes
