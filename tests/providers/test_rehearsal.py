"""The sandbox page: faults switched on and off in a real sandbox, over its control server."""

import ssl
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from providers import rehearsal
from providers.sandbox.server import Sandbox

LogIn = Callable[[User], Client]
PAGE, FAULT, CLEAR = "/accounts/sandbox/", "/accounts/sandbox/fault/", "/accounts/sandbox/clear/"


@pytest.fixture
def rehearsing(sandbox: Sandbox, settings: Settings) -> Sandbox:
    settings.SANDBOX_URL = sandbox.control_url
    return sandbox


class Impostor(BaseHTTPRequestHandler):
    """Answers everything with the class's ``body``."""

    body = b"[]"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], str]]:
    """Starts a server on loopback that answers every GET with these bytes; returns its address."""
    started = []

    def start(body: bytes) -> str:
        server = HTTPServer(("127.0.0.1", 0), type("Handler", (Impostor,), {"body": body}))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_it_lists_every_sandbox_provider_with_its_accounts_and_faults(sandbox: Sandbox) -> None:
    seen = rehearsal.poll(sandbox.control_url)
    assert {provider.slug for provider in seen.providers} == set(sandbox.state()["providers"])
    smsportal = next(provider for provider in seen.providers if provider.slug == "smsportal")
    assert smsportal.label == "SMSPortal"
    assert smsportal.accounts[0].credit == sandbox.state()["providers"]["smsportal"]["accounts"][0]["credit"]
    assert dict(smsportal.accounts[0].facts).keys() == {"Send_SMS", "Processed", "Errors"}
    assert all(provider.accounts and provider.faults for provider in seen.providers)
    assert all(fault.words and not fault.is_on for provider in seen.providers for fault in provider.faults)
    assert seen.faults_on == 0


def test_every_fault_is_listed_once_under_the_heading_of_its_kind(sandbox: Sandbox) -> None:
    headings: dict[str, str] = {}
    for provider in rehearsal.poll(sandbox.control_url).providers:
        for group in provider.groups:
            headings |= {fault.name: group.heading for fault in group.faults}
        names = [fault.name for group in provider.groups for fault in group.faults]
        assert sorted(names) == sorted(fault.name for fault in provider.faults)
    for name, heading in {
        "gatewayapi:reject:msisdn": "Rejections",
        "clickatell:error:901-halfway": "Rejections",
        "bulksms:status:23": "Rejections",
        "smsportal:internal-error": "Rejections",
        "bulksms:http-500": "Answers",
        "bulksms:report-status:11": "Reports",
        "gatewayapi:tail:csv": "Reports",
        "clickatell:statuses": "Logs",
        "clickatell:no-log": "Logs",
        "smsportal:silent": "Pickup and duplicates",
        "smsportal:no-tls": "Connection and servers",
        "gatewayapi:host-a-down": "Connection and servers",
        "smsportal:refuse-login": "Connection and servers",
    }.items():
        assert headings[name] == heading, name


def test_numbers_in_names_are_sorted_as_numbers(sandbox: Sandbox) -> None:
    bulksms = next(found for found in rehearsal.poll(sandbox.control_url).providers if found.slug == "bulksms")
    rejections = [fault.name for fault in bulksms.groups[0].faults]
    assert rejections.index("bulksms:status:99") < rejections.index("bulksms:status:201")


def test_the_page_leads_to_each_heading(rehearsing: Sandbox, logged_in: LogIn, operator: User) -> None:
    page = logged_in(operator).get(PAGE, {"provider": "clickatell"}).content.decode()
    for anchor in ("faults-rejections", "faults-logs", "faults-connection-and-servers"):
        assert page.count(f'href="#{anchor}"') == page.count(f'id="{anchor}"') == 1


def test_a_fault_is_switched_on_for_some_times_and_off(sandbox: Sandbox) -> None:
    rehearsal.switch_on(sandbox.control_url, "smsportal:corrupt", 5)
    rehearsal.switch_on(sandbox.control_url, "smsportal:slow", None)
    assert sandbox.state()["faults"] == {"smsportal:corrupt": 5, "smsportal:slow": None}
    seen = rehearsal.poll(sandbox.control_url)
    on = {fault.name: fault.times for provider in seen.providers for fault in provider.faults if fault.is_on}
    assert on == {"smsportal:corrupt": 5, "smsportal:slow": None}
    rehearsal.switch_off(sandbox.control_url, "smsportal:corrupt")
    assert sandbox.state()["faults"] == {"smsportal:slow": None}
    rehearsal.switch_off(sandbox.control_url)
    assert sandbox.state()["faults"] == {}


def test_every_fault_there_is_can_be_switched_by_its_name(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise each of the hundreds of requests reads the system's certificates.
    monkeypatch.setattr(httpx, "Client", partial(httpx.Client, verify=ssl.create_default_context()))
    names = [fault.name for provider in rehearsal.poll(sandbox.control_url).providers for fault in provider.faults]
    for name in names:
        rehearsal.switch_on(sandbox.control_url, name, None)
    assert set(sandbox.state()["faults"]) == set(names)
    for name in names:
        rehearsal.switch_off(sandbox.control_url, name)
    assert sandbox.state()["faults"] == {}


def test_an_unknown_fault_is_refused_with_the_sandboxs_own_sentence(sandbox: Sandbox) -> None:
    with pytest.raises(rehearsal.SandboxTrouble, match="There is no fault named smsportal:nonsense"):
        rehearsal.switch_on(sandbox.control_url, "smsportal:nonsense", 1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense", "http://[::1", "ftp://127.0.0.1/"])
def test_a_sandbox_that_does_not_answer_raises_a_sentence(url: str) -> None:
    with pytest.raises(rehearsal.SandboxTrouble, match="does not answer"):
        rehearsal.poll(url)


@pytest.mark.parametrize("body", [b"[]", b"<html>", b"12"])
def test_something_else_in_its_place_raises_a_sentence(answering: Callable[[bytes], str], body: bytes) -> None:
    with pytest.raises(rehearsal.SandboxTrouble):
        rehearsal.poll(answering(body))


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"providers": [], "known": 3, "on": null, "ledger": []}',
        b'{"providers": {"acme": {"accounts": [{"name": "one", "files": {"in": 3, "out": ["a"], "odd": {}}}, 7]}}}',
        b'{"providers": {"acme": null}, "known": {"acme:slow": 1, "elsewhere:odd": "words"}, "on": {"acme:slow": 2}}',
    ],
)
def test_the_page_is_rendered_whatever_the_sandbox_answers(
    answering: Callable[[bytes], str], body: bytes, logged_in: LogIn, viewer: User, settings: Settings
) -> None:
    settings.SANDBOX_URL = answering(body)
    assert logged_in(viewer).get(PAGE).status_code == 200


def test_without_a_sandbox_there_is_no_page_and_no_link_to_it(
    logged_in: LogIn, administrator: User, settings: Settings
) -> None:
    settings.SANDBOX_URL = ""
    client = logged_in(administrator)
    assert client.get(PAGE).status_code == 404
    assert client.post(FAULT, {"name": "smsportal:corrupt"}).status_code == 404
    assert client.post(CLEAR).status_code == 404
    assert reverse("providers:sandbox") not in client.get("/accounts/").content.decode()


def test_the_page_says_that_it_is_a_rehearsal_and_lists_what_can_go_wrong(
    rehearsing: Sandbox, logged_in: LogIn, operator: User
) -> None:
    client = logged_in(operator)
    page = client.get(PAGE, {"provider": "smsportal"}).content.decode()
    assert "simulated providers that text nobody" in page
    assert "Files are not picked up." in page
    assert f'href="{PAGE}"' in client.get("/accounts/").content.decode()
    assert rehearsing.password not in page


def test_an_operator_switches_faults_on(rehearsing: Sandbox, logged_in: LogIn, operator: User) -> None:
    client = logged_in(operator)
    answer = client.post(FAULT, {"name": "smsportal:corrupt", "times": "5"})
    assert answer.headers["Location"] == f"{PAGE}?provider=smsportal#smsportal-corrupt"
    assert rehearsing.state()["faults"] == {"smsportal:corrupt": 5}
    page = client.get(PAGE, {"provider": "smsportal"}).content.decode()
    assert "On, 5 times" in page
    assert "1 fault switched on" in page
    client.post(FAULT, {"name": "smsportal:slow", "times": ""})
    assert rehearsing.state()["faults"]["smsportal:slow"] is None
    client.post(CLEAR, {"name": "smsportal:corrupt"})
    assert set(rehearsing.state()["faults"]) == {"smsportal:slow"}
    assert "All faults are off." in client.post(CLEAR, follow=True).content.decode()
    assert rehearsing.state()["faults"] == {}


def test_an_unknown_fault_is_reported_on_the_page(rehearsing: Sandbox, logged_in: LogIn, operator: User) -> None:
    page = logged_in(operator).post(FAULT, {"name": "smsportal:nonsense", "times": "1"}, follow=True)
    assert "There is no fault named smsportal:nonsense" in page.content.decode()


def test_a_viewer_reads_and_switches_nothing(rehearsing: Sandbox, logged_in: LogIn, viewer: User) -> None:
    client = logged_in(viewer)
    page = client.get(PAGE).content.decode()
    assert "Files are not picked up." in page
    assert FAULT not in page
    assert client.post(FAULT, {"name": "smsportal:corrupt", "times": "1"}).status_code == 403
    assert client.post(CLEAR).status_code == 403
    assert rehearsing.state()["faults"] == {}


def test_switching_is_post_only(rehearsing: Sandbox, logged_in: LogIn, operator: User) -> None:
    client = logged_in(operator)
    assert client.get(FAULT).status_code == 405
    assert client.get(CLEAR).status_code == 405


def test_a_sandbox_that_does_not_answer_is_explained_on_the_page(
    logged_in: LogIn, operator: User, settings: Settings
) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    page = logged_in(operator).get(PAGE)
    assert page.status_code == 200
    assert "The sandbox does not answer." in page.content.decode()
    assert "does not answer" in logged_in(operator).post(CLEAR, follow=True).content.decode()
