"""/healthz, /health, /metrics and the link for the first administrator."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from config import health
from config.first_administrator import make_path
from providers import identity
from tests.conftest import MakeUser

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

CHOSEN = {"username": "thandi", "email": "", "password1": "long enough to keep", "password2": "long enough to keep"}


def test_it_answers_without_a_login(client: Client, valkey: Redis) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_it_says_that_redis_does_not_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.RQ_QUEUES["handover"], "URL", "unix:///nowhere/valkey.sock")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (503, b"no answer: redis\n")


READY = {"database": True, "migrations": True, "redis": True, "disk": True}


def test_it_is_ready_and_says_what_is_not(client: Client, valkey: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/health/live").status_code == 200
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "checks": READY})

    monkeypatch.setattr(settings, "DISK_LOW_BYTES", 10**18)
    monkeypatch.setattr(identity, "missing_migrations", lambda: ["campaigns.0002_of_the_next_version"])
    monkeypatch.setitem(settings.RQ_QUEUES["handover"], "URL", "unix:///nowhere/valkey.sock")
    answer = client.get("/health/ready")
    failed = {"database": True, "migrations": False, "redis": False, "disk": False}
    assert (answer.status_code, answer.json()) == (503, {"status": "failed", "checks": failed})
    assert client.get("/health/live").status_code == 200


def test_health_is_answered_before_the_installation_is_checked(
    client: Client, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "verify_if_due", lambda: False)
    assert client.get("/login/login/").status_code == 503
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 200


def test_health_is_asked_without_tls(client: Client, valkey: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SECURE_SSL_REDIRECT", True)
    paths = ("/healthz", "/health/live", "/health/ready", "/login/login/")
    assert [Client().get(path).status_code for path in paths] == [200, 200, 200, 301]


def test_metrics_are_for_those_the_settings_name(
    client: Client, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/metrics").status_code == 404
    monkeypatch.setattr(settings, "METRICS_TOKEN", "a token of Prometheus")
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 404
    answer = client.get("/metrics", headers={"Authorization": "Bearer a token of Prometheus"})
    assert answer.status_code == 200
    found = {(sample.name, *sample.labels.values()) for family in parsed(answer) for sample in family.samples}
    expected = {
        ("baton_campaigns", "running"),
        ("baton_batches", "unclear"),
        ("baton_recipients", "accepted"),
        ("baton_alarms", "disk"),
        ("baton_queue_jobs", "handover"),
        ("baton_redis_up",),
        ("baton_accounts_stopped",),
    }
    assert expected <= found

    monkeypatch.setattr(settings, "METRICS_NETWORKS", [ip_network("10.0.0.0/8")])
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    # Whoever is not a proxy cannot choose an address.
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 404


def parsed(answer: object) -> list[Metric]:
    return list(text_string_to_metric_families(answer.content.decode()))  # type: ignore[attr-defined]


def test_the_link_makes_the_first_administrator_once(client: Client, make_user: MakeUser) -> None:
    make_user("operator")
    path = make_path()
    assert b"Create the first administrator" in client.get(path).content
    assert client.post(path, CHOSEN).status_code == 302

    made = User.objects.get(username="thandi")
    assert made.is_superuser
    assert made.is_staff
    assert list(made.groups.values_list("name", flat=True)) == ["administrator"]
    assert client.session["_auth_user_id"] == str(made.pk)

    again = Client().post(path, {**CHOSEN, "username": "sipho"})
    assert again.status_code == 410
    assert not User.objects.filter(username="sipho").exists()


def test_a_weak_password_is_refused(client: Client, make_user: MakeUser) -> None:
    make_user("operator")
    answer = client.post(make_path(), {**CHOSEN, "password1": "short", "password2": "short"})
    assert answer.status_code == 200
    assert b"too short" in answer.content
    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.parametrize("token", ["nonsense", "ImZpcnN0Ig:1xUd7w:YefZ3vtu1NXGGk6yB0xBvRr8eCpBzgeT6k09XmKxfeY"])
def test_a_made_up_link_is_refused(client: Client, token: str) -> None:
    assert client.get(f"/first-administrator/{token}/").status_code == 410


def test_an_expired_link_is_refused(client: Client) -> None:
    path = make_path()
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert client.get(path).status_code == 410
