"""The log records where an error occurred and its type, and never a phone number."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils.log import configure_logging

from campaigns.views import overview, watch
from config import processes, sentry
from config.logs import JsonFormatter
from contacts import queues
from contacts.log_context import log_about

WORDS = "Key (list_id, msisdn)=(7, 27825550101) already exists."


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a Baton process writes to standard error with its own logging settings."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.django_db
def test_a_failing_page_logs_no_number(written: io.StringIO, admin_user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*rest: object, **options: object) -> None:
        raise ValueError(WORDS)

    monkeypatch.setattr(overview, "render", fail)
    client = Client(raise_request_exception=False)
    client.force_login(admin_user)

    assert client.get("/").status_code == 500
    assert "Internal Server Error: /" in written.getvalue()
    assert "ValueError" in written.getvalue()
    assert "in fail" in written.getvalue()
    assert WORDS not in written.getvalue()


def test_the_address_of_the_webhook_is_not_logged(written: io.StringIO) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    for name in ("httpx", "httpcore.http11"):
        logging.getLogger(name).info("HTTP Request: POST https://hooks.example.org/secret")
    assert written.getvalue() == ""


# -- ids and JSON --------------------------------------------------------------------------------------------------


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What a Baton process writes to standard error with LOG_FORMAT=json: the lines so far."""
    root = logging.getLogger()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)


def test_json_lines_bear_the_ids_and_no_number(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logger = logging.getLogger("campaigns.somewhere")
    with log_about(job="hand_over", account=3):
        try:
            raise ValueError(WORDS)
        except ValueError:
            logger.exception("it failed", extra={"batch": 7, "request": "GET /search/?number=27825550101"})
    logger.warning("later")
    [failed, later] = lines()
    assert {name: failed[name] for name in ("level", "logger", "message", "job", "account", "batch")} == {
        "level": "ERROR",
        "logger": "campaigns.somewhere",
        "message": "it failed",
        "job": "hand_over",
        "account": 3,
        "batch": 7,
    }
    assert failed["exception"].endswith("ValueError")
    assert later.keys() == {"time", "level", "logger", "message"}


@pytest.mark.django_db
def test_a_request_has_an_id_in_its_lines_and_its_answer(
    lines: Callable[[], list[dict[str, Any]]], admin_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*rest: object, **options: object) -> None:
        raise ValueError(WORDS)

    monkeypatch.setattr(watch, "get_object_or_404", fail)
    client = Client(raise_request_exception=False)
    client.force_login(admin_user)
    answer = client.get("/campaigns/7/", headers={"X-Request-ID": "from-the-proxy-1"})
    assert answer.headers["X-Request-ID"] == "from-the-proxy-1"
    [line] = [line for line in lines() if line["logger"] == "django.request"]
    assert (line["request"], line["campaign"]) == ("from-the-proxy-1", 7)
    assert client.get("/healthz", headers={"X-Request-ID": "no\tid"}).headers["X-Request-ID"] != "no\tid"


def test_a_job_names_its_row(lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "_allow_next", lambda started, pk: None)

    @queues.job("campaigns")
    def freeze(campaign_id: int) -> None:
        logging.getLogger("campaigns").warning("frozen")

    freeze(12)
    [line] = lines()
    assert (line["job"], line["campaign"]) == ("freeze", 12)


# -- what leaves the machine ---------------------------------------------------------------------------------------


def test_an_error_report_has_places_and_types_only() -> None:
    frame = {"filename": "a.py", "lineno": 3, "function": "f", "vars": {"msisdn": "27825550101"}, "context_line": "x"}
    event: Any = {
        "event_id": "e",
        "level": "error",
        "message": WORDS,
        "request": {"url": "http://x/search/?number=27825550101", "query_string": "number=27825550101"},
        "breadcrumbs": {"values": [{"message": WORDS}]},
        "extra": {"number": "27825550101"},
        "user": {"username": "thandi"},
        "exception": {"values": [{"type": "ValueError", "value": WORDS, "stacktrace": {"frames": [frame]}}]},
    }
    with log_about(campaign=12):
        sent = sentry.without_data(event, {})
    assert "27825550101" not in json.dumps(sent)
    assert "thandi" not in json.dumps(sent)
    assert sent["tags"] == {"campaign": "12"}
    [value] = sent["exception"]["values"]
    assert value["type"] == "ValueError"
    assert value["stacktrace"]["frames"] == [{"filename": "a.py", "lineno": 3, "function": "f"}]


# -- log files -----------------------------------------------------------------------------------------------------


def test_a_large_log_is_set_aside_while_its_program_writes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT", 10)
    monkeypatch.setattr(processes, "LOGS_KEPT", 2)
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as program:
        for number in range(4):
            program.write(f"line {number} is long\n".encode())
            assert processes.rotate(log)
        assert not processes.rotate(log)
        program.write(b"now")
    assert log.read_text() == "now"
    assert {path.name: path.read_text() for path in tmp_path.iterdir() if path != log} == {
        "web.log.1": "line 3 is long\n",
        "web.log.2": "line 2 is long\n",
    }
