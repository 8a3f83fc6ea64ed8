"""The log records where an error occurred and its type, and never a phone number."""

import io
import logging
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils.log import configure_logging

from campaigns.views import overview

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
