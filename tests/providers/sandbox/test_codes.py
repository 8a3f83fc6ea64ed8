"""Each of the document's eleven error codes, provoked through the real socket."""

from typing import Any

import pytest

from providers.sandbox.server import Sandbox
from providers.sandbox.smsportal.codes import CODES
from tests.providers.sandbox.conftest import Client, contact, messages_of, wire, zipped

WHOLE_FILE = {
    "IncorrectScheduledDate": wire(start="2030-07-19 11:25", end="2030-07-19 11:05"),
    "RequiredParameter.Missing": wire([]),
    "File.InvalidVersion": wire(version="version: 6\n"),
    "File.ParseError": wire(senderId="Not a sender"),
    "EmptySend.NoValidMessages": wire([contact("27825599902")]),
}


@pytest.mark.parametrize("code", WHOLE_FILE)
def test_it_refuses_the_whole_file(code: str, sandbox: Sandbox, client: Client) -> None:
    body = zipped(f"{code}.json", WHOLE_FILE[code])
    client.upload(f"{code}.zip", body)

    assert client.folder_of(f"{code}.zip") == "Errors"
    assert client.report(f"{code}.zip")["errorCode"] == code
    assert client.report(f"{code}.zip")["errorMessage"] == CODES[code]
    assert client.read(f"Errors/{code}.zip") == body
    assert messages_of(sandbox, f"{code}.json") == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("27825599901", "MSISDN.NoNetworkFound"),
        ("27825599902", "MSISDN.Optout"),
        ("27825599903", "File.ParseError"),
        ("", "RequiredParameter.Missing"),
    ],
)
def test_it_leaves_out_one_contact_and_texts_the_others(
    number: str, code: str, sandbox: Sandbox, client: Client
) -> None:
    name = f"one-{code}"
    client.upload(f"{name}.zip", zipped(f"{name}.json", wire([contact(), contact(number, customerId="C7")])))

    assert client.folder_of(f"{name}.zip") == "Processed"
    faults = client.report(f"{name}.zip")["errorReport"]["faults"]
    assert [(fault["rawDestination"], fault["customerId"], fault["status"]) for fault in faults] == [
        (number, "C7", code)
    ]
    assert [message["msisdn"] for message in messages_of(sandbox, f"{name}.json")] == ["27825550100"]


def test_it_finds_a_name_twice_whatever_the_zip_is_called(sandbox: Sandbox, client: Client) -> None:
    client.upload("first.zip", zipped("same.json", wire()))
    assert client.folder_of("first.zip") == "Processed"
    client.upload("second.zip", zipped("same.json", wire()))

    assert client.folder_of("second.zip") == "Errors"
    assert client.report("second.zip")["errorCode"] == "File.DuplicateFound"
    assert len(messages_of(sandbox, "same.json")) == 1


def _damaged() -> bytes:
    body = bytearray(zipped("damaged.json", wire()))
    body[60] ^= 0xFF
    return bytes(body)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("crc.zip", _damaged()),
        ("half.zip", zipped("half.json", wire())[:90]),
        ("nothing.zip", b""),
        ("half.json", wire()[:-5]),
        ("latin.json", 'version: 7\n{"message_template": "é"}'.encode("latin-1")),
        ("ending.csv", wire()),
        ("folder.zip", zipped("inside/file.json", wire())),
        ("ending.zip", zipped("ending.csv", wire())),
    ],
    # A zip contains the time of its making, and each worker must give a test the same name.
    ids=lambda value: value if isinstance(value, str) else "body",
)
def test_it_reports_a_corrupt_file(name: str, body: bytes, client: Client) -> None:
    client.upload(name, body)

    assert client.folder_of(name) == "Errors"
    assert client.report(name)["errorCode"] == "File.Corrupt"


def test_it_reports_insufficient_credit(tmp_path: Any) -> None:
    with Sandbox(tmp_path, every=0.1, credit=2) as sandbox:
        client = Client(sandbox)
        client.upload("one.zip", zipped("one.json", wire()))
        assert client.folder_of("one.zip") == "Processed"
        client.upload("two.zip", zipped("two.json", wire([contact(), contact("27825550101")])))

        assert client.folder_of("two.zip") == "Errors"
        assert client.report("two.zip")["errorCode"] == "InsufficientCredits"
        assert client.report("two.zip")["remainingBalance"] == 1
        assert len(sandbox.messages()) == 1
        client.close()


def test_it_has_an_internal_error_on_demand(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("smsportal:internal-error", times=1)
    client.upload("internal.zip", zipped("internal.json", wire()))

    assert client.report("internal.zip")["errorCode"] == "InternalServerError"
    assert messages_of(sandbox, "internal.json") == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("incorrect-scheduled-date", "IncorrectScheduledDate"),
        ("required-parameter-missing", "RequiredParameter.Missing"),
        ("invalid-version", "File.InvalidVersion"),
        ("parse-error", "File.ParseError"),
        ("duplicate-found", "File.DuplicateFound"),
        ("no-valid-messages", "EmptySend.NoValidMessages"),
    ],
)
def test_it_refuses_a_good_file_on_demand(name: str, code: str, sandbox: Sandbox, client: Client) -> None:
    sandbox.fault(f"smsportal:error:{name}", times=1)
    client.upload(f"{name}.zip", zipped(f"{name}.json", wire()))

    assert client.folder_of(f"{name}.zip") == "Errors"
    assert client.report(f"{name}.zip")["errorCode"] == code
    assert messages_of(sandbox, f"{name}.json") == []


@pytest.mark.parametrize(("name", "code"), [("no-network-found", "MSISDN.NoNetworkFound"), ("optout", "MSISDN.Optout")])
def test_it_refuses_every_contact_on_demand(name: str, code: str, sandbox: Sandbox, client: Client) -> None:
    sandbox.fault(f"smsportal:error:{name}", times=1)
    contacts = [contact(customerId="A"), contact("27825599903", customerId="B"), contact("27825550101", customerId="C")]
    client.upload(f"{name}.zip", zipped(f"{name}.json", wire(contacts)))

    assert client.folder_of(f"{name}.zip") == "Errors"
    report = client.report(f"{name}.zip")
    assert report["errorCode"] == "EmptySend.NoValidMessages"
    faults = [(fault["position"], fault["customerId"], fault["status"]) for fault in report["errorReport"]["faults"]]
    assert faults == [(1, "A", code), (2, "B", "File.ParseError"), (3, "C", code)]
    assert messages_of(sandbox, f"{name}.json") == []


def test_it_knows_the_eleven_codes_of_the_document() -> None:
    assert len(CODES) == 11
