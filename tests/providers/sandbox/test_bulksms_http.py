"""The EAPI over its real socket: addresses, answers, one connection, and every fault by its name."""

import asyncio
import socket
import ssl
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from providers.sandbox.bulksms import Site
from providers.sandbox.bulksms.codes import CODES, Failed
from providers.sandbox.faults import Faults
from providers.sandbox.ledger import Ledger
from providers.sandbox.server import Sandbox
from providers.sandbox.site import Ports, SiteContext
from tests.providers.sandbox.conftest import until

TWO = "msisdn,message\n27825550100,Hi\n27825550101,Hi\n"
SEND = "/submission/send_batch/1/1.0"
REPORT = "/status_reports/get_report/2/2.0"
CREDITS = "/user/get_credits/1/1.1"
QUOTE = "/submission/quote_sms/2/2.0"


class Client:
    """A client that is logged in on one kept connection."""

    def __init__(self, sandbox: Sandbox) -> None:
        account = sandbox.providers["bulksms"]
        self.login = {"username": account["username"], "password": account["password"]}
        self.http = httpx.Client(base_url=account["api_url"], timeout=10, trust_env=False)

    def post(self, path: str = SEND, **fields: str) -> httpx.Response:
        return self.http.post(path, data={**self.login, **fields})

    def send(self, **fields: str) -> str:
        return self.post(batch_data=TWO, **fields).text


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    opened = Client(sandbox)
    yield opened
    opened.http.close()


def texted(sandbox: Sandbox) -> int:
    return len(sandbox.messages("bulksms"))


def test_a_batch_goes_from_its_answer_to_its_report(sandbox: Sandbox, client: Client) -> None:
    answer = client.post(batch_data='msisdn,message\n"27825550100","na\xefve \xd0"\n', source_id="c1", sender="Shop")
    code, words, batch_id = answer.text.split("|")
    assert (answer.status_code, answer.headers["Content-Type"], code, words) == (200, "text/plain", "0", "IN_PROGRESS")

    def report() -> str:
        text = client.post(REPORT, batch_id=batch_id, optional_fields="source_id,credits").text
        return text if "|11|" in text else ""

    assert until(report) == "0|Returns to follow\n\n27825550100|11|c1|1\n"
    message = sandbox.messages("bulksms")[-1]
    assert (message["file"], message["sender"], message["reference"]) == (batch_id, "Shop", "c1")


def test_it_can_be_encrypted(sandbox: Sandbox, client: Client) -> None:
    account = sandbox.providers["bulksms"]
    trusting = ssl.create_default_context(cadata=account["tls_certificate"])
    fields = {**client.login, "batch_data": TWO, "stop_dup_id": "99"}
    with httpx.Client(base_url=account["https_url"], verify=trusting, trust_env=False) as encrypted:
        said = encrypted.post(SEND, data=fields).text
        assert encrypted.post(SEND, data=fields).text == said
        sandbox.fault("bulksms:drop-before-answer", times=1)
        with pytest.raises(httpx.TransportError):
            encrypted.post(SEND, data=fields)
        assert encrypted.post(SEND, data=fields).text == said
    assert client.send(stop_dup_id="99") == said
    with httpx.Client(base_url=account["https_url"], trust_env=False) as careful, pytest.raises(httpx.ConnectError):
        careful.post(SEND, data=fields)


def test_fields_are_read_as_iso_8859_1(sandbox: Sandbox, client: Client) -> None:
    account = client.login
    body = f"username={account['username']}&password={account['password']}&batch_data=msisdn,message%0a27825550100,"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    client.http.post(SEND, content=f"{body}%E9+%D0%2B".encode(), headers=headers)
    assert sandbox.messages("bulksms")[-1]["text"] == "é Δ+"


def test_only_post_and_only_forms(client: Client) -> None:
    assert client.http.get(SEND, params=client.login).status_code == 405
    assert client.post("/submission/send_batch/9/9.0").status_code == 404
    multipart = client.http.post(SEND, files={name: (None, value) for name, value in client.login.items()})
    assert multipart.text.startswith("24|")


@pytest.mark.parametrize("path", [SEND, REPORT, CREDITS, QUOTE])
def test_a_wrong_password_is_refused(path: str, client: Client) -> None:
    assert client.post(path, password="wrong", batch_data=TWO).text.startswith("23|invalid credentials")
    assert client.post(path, username="nobody").text.startswith("23|invalid credentials")


def test_credits_and_a_quotation(client: Client) -> None:
    before = int(client.post(CREDITS).text.removeprefix("0|"))
    client.send()
    assert client.post(CREDITS).text == f"0|{before - 2}"
    quote = client.post(QUOTE, msisdn="27825550100,27825550101", message="a" * 161, allow_concat_text_sms="1")
    assert quote.text == "0|Quotation issued|4.00"
    assert client.post(QUOTE).text.startswith("24|")
    assert client.post(REPORT, batch_id="1").text.startswith("24|")


@pytest.mark.parametrize("code", [code for code in CODES if code > 1])
def test_each_code_can_be_forced_once(code: int, sandbox: Sandbox, client: Client) -> None:
    before = texted(sandbox)
    sandbox.fault(f"bulksms:status:{code}", times=1)
    assert client.send(stop_dup_id=str(1000 + code)) == f"{code}|{CODES[code]}|\n"
    assert texted(sandbox) == before
    assert client.send(stop_dup_id=str(1000 + code)).startswith("0|IN_PROGRESS|")
    assert texted(sandbox) == before + 2


@pytest.mark.parametrize("status", [500, 401, 404, 302])
def test_an_http_status_without_processing(status: int, sandbox: Sandbox, client: Client) -> None:
    before = texted(sandbox)
    sandbox.fault(f"bulksms:http-{status}", times=1)
    assert client.post(batch_data=TWO).status_code == status
    assert texted(sandbox) == before


@pytest.mark.parametrize("fault", ["drop-before-answer", "truncated-answer", "http-502"])
def test_an_answer_that_is_lost_comes_again_with_its_id(fault: str, sandbox: Sandbox, client: Client) -> None:
    before, key = texted(sandbox), str(len(fault))
    sandbox.fault(f"bulksms:{fault}", times=1)
    if fault == "http-502":
        assert client.post(batch_data=TWO, stop_dup_id=key).status_code == 502
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            client.send(stop_dup_id=key)
    assert texted(sandbox) == before + 2
    assert client.send(stop_dup_id=key).startswith("0|IN_PROGRESS|")
    assert texted(sandbox) == before + 2


def test_the_memory_can_fail(sandbox: Sandbox, client: Client) -> None:
    first = client.send(stop_dup_id="77")
    sandbox.fault("bulksms:forgets-stop-dup-id", times=1)
    assert client.send(stop_dup_id="77") != first


def test_a_connection_can_break_before_anything_is_processed(sandbox: Sandbox, client: Client) -> None:
    before = texted(sandbox)
    sandbox.fault("bulksms:drop-before-processing", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        client.send()
    assert texted(sandbox) == before


@pytest.mark.parametrize(("fault", "count"), [("hangs", 2), ("hangs-before-processing", 0)])
def test_an_answer_may_never_come(fault: str, count: int, sandbox: Sandbox, client: Client) -> None:
    before = texted(sandbox)
    sandbox.fault(f"bulksms:{fault}", times=1)
    with pytest.raises(httpx.ReadTimeout):
        client.http.post(SEND, data={**client.login, "batch_data": TWO}, timeout=1)
    until(lambda: texted(sandbox) == before + count)
    assert client.send().startswith("0|")


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("empty-answer", ""),
        ("html-answer", "<html>"),
        ("no-batch-id", "0|IN_PROGRESS"),
        ("status:22-halfway", "22|"),
        ("status:99", "99|MYSTERY|"),
        ("refuse-login", "23|"),
    ],
)
def test_an_answer_can_be_strange(fault: str, answer: str, sandbox: Sandbox, client: Client) -> None:
    sandbox.fault(f"bulksms:{fault}", times=1)
    said = client.send()
    assert said.startswith(answer)
    assert said == answer or answer not in ("", "0|IN_PROGRESS")


def test_an_answer_can_end_in_a_bar_and_be_slow(sandbox: Sandbox, client: Client) -> None:
    sandbox.fault("bulksms:trailing-pipe", times=1)
    assert client.send().endswith("|\n")
    sandbox.fault("bulksms:slow", times=1)
    assert client.send().startswith("0|IN_PROGRESS|")


def test_half_a_batch_can_be_texted(sandbox: Sandbox, client: Client) -> None:
    before = texted(sandbox)
    sandbox.fault("bulksms:status:22-halfway", times=1)
    assert client.send() == "22|Internal fatal error|\n"
    assert texted(sandbox) == before + 1


@pytest.mark.parametrize(
    ("fault", "lines"),
    [
        ("report-missing-rows", ["0|Returns to follow", "", "27825550100|0"]),
        ("report-empty", ["0|Returns to follow", ""]),
        ("report-status:0", ["0|Returns to follow", "", "27825550100|0", "27825550101|0"]),
        ("report-status:99", ["0|Returns to follow", "", "27825550100|99", "27825550101|99"]),
        ("report-status:57", ["0|Returns to follow", "", "27825550100|57", "27825550101|57"]),
        ("report-failed", ["22|Internal fatal error"]),
    ],
)
def test_a_report_can_be_strange(fault: str, lines: list[str], sandbox: Sandbox, client: Client) -> None:
    batch_id = client.send().split("|")[2]
    sandbox.fault("bulksms:report-status:0")
    sandbox.fault(f"bulksms:{fault}")
    assert client.post(REPORT, batch_id=batch_id).text.splitlines() == lines


def test_reports_credits_and_everything_can_fail(sandbox: Sandbox, client: Client) -> None:
    batch_id = client.send().split("|")[2]
    sandbox.fault("bulksms:report-other-words", times=1)
    assert client.post(REPORT, batch_id=batch_id).text.startswith("0|Results to follow\n\n")
    sandbox.fault("bulksms:report-http-500", times=1)
    assert client.post(REPORT, batch_id=batch_id).status_code == 500
    sandbox.fault("bulksms:credits-failed", times=1)
    assert client.post(CREDITS).text.startswith("22|")
    sandbox.fault("bulksms:down", times=1)
    assert client.post(CREDITS).status_code == 503


def test_each_fault_has_a_name_and_a_sentence(sandbox: Sandbox) -> None:
    for name, sentence in Site.faults().items():
        assert name.startswith("bulksms:")
        assert sentence.endswith(".")
        sandbox.fault(name)


def test_connections_at_once_are_counted(sandbox: Sandbox, client: Client) -> None:
    def most() -> int:
        count: int = sandbox.state()["providers"]["bulksms"]["accounts"][0]["most_connections"]
        return count

    client.post(CREDITS)
    before = most()
    others = [Client(sandbox) for _ in range(before)]
    for other in others:
        other.post(CREDITS)
    assert most() == before + 1
    for other in others:
        other.http.close()
    client.http.close()
    again = Client(sandbox)
    again.post(CREDITS)
    again.http.close()
    assert most() == before + 1


def in_a_thread(action: Coroutine[Any, Any, None]) -> None:
    """Playwright's event loop may run in this thread."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, action).result()


def test_requests_of_one_account_at_the_same_time_are_refused(tmp_path: Path) -> None:
    ledger, ports = Ledger(tmp_path / "ledger.jsonl"), Ports(tmp_path / "ports.json")
    site = Site(SiteContext(tmp_path, tmp_path, {"a": "1", "b": "2"}, ledger, Faults(Site.faults()), 10, ports))
    in_a_thread(site.open())
    one, other = socket.socketpair()
    with one, other, site.connections.only_one("a", one), site.connections.only_one("b", other):
        with pytest.raises(Failed) as refused, site.connections.only_one("a", other):
            pytest.fail("two at once")
        assert refused.value.code == 40
    assert [account["overlapping_requests"] for account in site.state()["accounts"]] == [1, 0]
    in_a_thread(site.close())


def test_half_a_request_is_ignored(sandbox: Sandbox, client: Client) -> None:
    before = texted(sandbox)
    account = sandbox.providers["bulksms"]
    with socket.create_connection((account["host"], account["port"]), timeout=10) as half:
        body = f"username={client.login['username']}&password={client.login['password']}&batch_data={TWO}".encode()
        head = f"POST /eapi{SEND} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) + 9}\r\n"
        half.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\n".encode() + body)
        half.shutdown(socket.SHUT_WR)
        assert half.recv(100) == b""
    assert texted(sandbox) == before


def test_it_listens_where_it_did_and_keeps_its_state_after_kill_9(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.start()
    account = sandbox.providers["bulksms"]
    first = Client(sandbox).send(stop_dup_id="7")
    sandbox.kill()
    with sandbox:
        assert sandbox.providers["bulksms"] == account
        assert Client(sandbox).send(stop_dup_id="7") == first
        assert texted(sandbox) == 2
        assert account["password"] not in str(sandbox.state())
