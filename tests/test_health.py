"""/healthz and the link for the first administrator."""

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from redis import Redis

from config.first_administrator import make_path
from tests.conftest import MakeUser

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

CHOSEN = {"username": "thandi", "email": "", "password1": "long enough to keep", "password2": "long enough to keep"}


def test_it_answers_without_a_login(client: Client, valkey: Redis) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_behind_tls_it_is_not_redirected(client: Client, valkey: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SECURE_SSL_REDIRECT", True)
    assert [client.get(path).status_code for path in ("/healthz", "/login/login/")] == [200, 301]


def test_it_says_that_redis_does_not_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.RQ_QUEUES["handover"], "URL", "unix:///nowhere/valkey.sock")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (503, b"no answer: redis\n")


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
