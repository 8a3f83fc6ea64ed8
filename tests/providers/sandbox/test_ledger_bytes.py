"""A line of the ledger records its source bytes: those of the file or request, without the login at its front."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from providers.sandbox import bulksms, clickatell, gatewayapi, smsportal
from providers.sandbox.bulksms.http import without_login
from providers.sandbox.clickatell.site import login_of
from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger, read_ledger
from providers.sandbox.server import Sandbox
from tests.providers.sandbox.conftest import wire, zipped

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEND = "/submission/send_batch/1/1.0"
FORM = b"msg_class=2&stop_dup_id=71&batch_data=msisdn%2Cmessage%0A%2227825550100%22%2C%22username%3Dme%22"


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def named_in(folder: Path) -> set[str]:
    return {line["sha256"] for line in read_ledger(folder / "ledger.jsonl")}


def test_a_zip_is_named_as_it_is(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    gateway = smsportal.gateway.Gateway(
        tmp_path / "demo", "demo", ledger, Faults(smsportal.Site.faults()), lambda path: False
    )
    body = zipped("a.json", wire())
    (gateway.home / "Send_SMS" / "a.zip").write_bytes(body)
    gateway.scan(NOW)
    assert named_in(tmp_path) == {sha256(body)}


def test_a_csv_is_named_as_it_is(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    gateway = gatewayapi.gateway.Gateway(
        tmp_path / "demo", "demo", ledger, Faults(gatewayapi.Site.faults()), lambda path: False
    )
    body = b"msisdn,message\n4510203040,Hello\n"
    (gateway.home / "a.csv.utf8.ready").write_bytes(body)
    gateway.scan(NOW)
    gateway.scan(NOW)
    assert named_in(tmp_path) == {sha256(body)}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_text_file_is_named_without_its_login(tmp_path: Path, end: bytes) -> None:
    login = login_of("demo", "secret")
    gateway = clickatell.gateway.Gateway(
        tmp_path / "demo",
        "demo",
        login,
        Ledger(tmp_path / "ledger.jsonl"),
        Faults(clickatell.Site.faults()),
        lambda path: False,
    )
    own = [f"api_id:{login.api_id}", f"user:{login.user}", f"password:{login.password}"]
    rest = end.join([b"climsgid:c1", b"to:27825550100", b"text:user:me", b"text:password:no", b""])
    (gateway.home / "a.txt").write_bytes(b"".join(line.encode() + end for line in own) + rest)
    gateway.scan(NOW)
    assert named_in(tmp_path) == {sha256(rest)}


def test_only_the_fields_at_the_front_of_a_request_are_its_login() -> None:
    assert without_login(b"username=me&password=a%26b&" + FORM) == FORM
    assert without_login(b"password=&username=me&" + FORM) == FORM
    assert without_login(FORM + b"&username=me") == FORM + b"&username=me"
    assert without_login(b"username=me&password=x") == b""


def test_a_request_is_named_without_its_login(sandbox: Sandbox) -> None:
    account: dict[str, Any] = sandbox.providers["bulksms"]
    login = str(httpx.QueryParams({"username": account["username"], "password": account["password"]})).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx.post(account["api_url"] + SEND, content=login + b"&" + FORM, headers=headers, trust_env=False)
    assert answer.text.startswith("0|")
    assert {line["sha256"] for line in sandbox.messages("bulksms")} == {sha256(FORM)}


def test_a_scheduled_request_is_named_when_it_is_due(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    gateway = bulksms.gateway.Gateway(tmp_path / "demo", "demo", ledger, Faults(bulksms.Site.faults()))
    due = int((NOW + timedelta(hours=1)).timestamp())
    gateway.submit({"batch_data": 'msisdn,message\n"27825550100","Hi"', "send_time_unixtime": str(due)}, NOW, "0a1b")
    assert gateway.scan(NOW + timedelta(hours=1)) == 1
    assert named_in(tmp_path) == {"0a1b"}
