"""Wrong passwords are limited by name and address, across all web processes, and with growing pauses."""

from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache, caches
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from redis import Redis

from config import settings as product_settings
from providers.models import Account
from tests.conftest import PASSWORD
from tests.test_settings import run

OWNER, STRANGER = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def shared_limits(valkey: Redis, settings: Settings) -> Redis:
    """The product's cache, on a real, empty Valkey."""
    settings.CACHES = product_settings.CACHES
    return valkey


def attempt(password: str, address: str = OWNER, name: str = "operator", **headers: str) -> str:
    """The result of one login: ``in``, ``wrong`` or ``refused``."""
    client = Client(headers=headers)
    answer = client.post(reverse("account_login"), {"login": name, "password": password}, REMOTE_ADDR=address)
    if answer.status_code == 302:
        return "in"
    assert answer.status_code in (200, 429)
    return "refused" if answer.status_code == 429 or "Too many" in answer.content.decode() else "wrong"


@pytest.mark.usefixtures("operator")
def test_a_stranger_cannot_lock_an_account() -> None:
    said = [attempt(f"guess {n}", STRANGER) for n in range(40)]
    assert said[:5] == ["wrong"] * 5
    assert set(said[5:]) == {"refused"}

    assert attempt(PASSWORD, STRANGER) == "refused"
    assert attempt(PASSWORD, OWNER) == "in"


@pytest.mark.usefixtures("operator")
def test_one_address_does_not_try_many_names() -> None:
    said = [attempt("Summer2026!", STRANGER, f"person{n}") for n in range(12)]
    assert said == ["wrong"] * 10 + ["refused"] * 2
    assert attempt("Summer2026!", OWNER, "person0") == "wrong"


@pytest.mark.usefixtures("operator")
def test_the_pauses_grow() -> None:
    def failures() -> int:
        """The number of wrong passwords that are checked before the next is refused."""
        count = 0
        while attempt("guess") == "wrong":
            count += 1
        return count

    with time_machine.travel("2026-11-27 09:00", tick=False) as clock:
        assert failures() == 5
        assert attempt(PASSWORD) == "refused"
        clock.shift(61)
        assert failures() == 5
        clock.shift(61)
        assert failures() == 0
        clock.shift(15 * 60)
        assert failures() == 5
        clock.shift(61)
        assert failures() == 5
        clock.shift(15 * 60)
        assert failures() == 0
        clock.shift(60 * 60)
        assert failures() == 5
        clock.shift(24 * 60 * 60)
        assert attempt(PASSWORD) == "in"


@pytest.mark.usefixtures("operator")
def test_logging_in_costs_no_attempt() -> None:
    assert {attempt(PASSWORD) for _ in range(8)} == {"in"}


@pytest.mark.usefixtures("operator")
def test_all_web_processes_count_together(shared_limits: Redis) -> None:
    for n in range(5):
        assert attempt(f"guess {n}") == "wrong"
        # Use a process that has not seen the earlier attempts.
        caches.close_all()
        del caches["default"]
    assert attempt(PASSWORD) == "refused"
    assert any(key.startswith(b"baton:") for key in shared_limits.scan_iter())


def test_the_product_counts_in_redis() -> None:
    default = product_settings.CACHES["default"]
    assert default["BACKEND"] == "django.core.cache.backends.redis.RedisCache"
    assert default["LOCATION"] == product_settings.REDIS_URL


@pytest.mark.usefixtures("operator")
def test_while_redis_does_not_answer_nobody_logs_in_and_the_page_says_why(settings: Settings) -> None:
    settings.CACHES = {"default": {**product_settings.CACHES["default"], "LOCATION": "unix:///nowhere/valkey.sock"}}
    client = Client(raise_request_exception=False)
    answer = client.post(reverse("account_login"), {"login": "operator", "password": PASSWORD})
    assert answer.status_code == 503
    assert "Redis does not answer" in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert client.get(reverse("account_login")).status_code == 200


@pytest.mark.usefixtures("shared_limits")
@pytest.mark.parametrize("value", [[1.5, 2.25], True, "y", 7, None])
def test_the_cache_keeps_what_allauth_stores(value: object) -> None:
    cache.set("kept", value, 60)
    assert cache.get("kept") == value
    assert cache.add("kept", "other", 60) is False


# -- behind proxies ------------------------------------------------------------------------------------------------

PROXY = "10.0.0.1"


@pytest.mark.usefixtures("operator")
def test_behind_a_proxy_each_client_counts_for_itself(settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for n in range(6):
        # The client's own header value comes before the address that the proxy appends.
        last = attempt(f"guess {n}", PROXY, X_Forwarded_For=f"192.0.2.{n}, {STRANGER}")
    assert last == "refused"
    assert attempt(PASSWORD, PROXY, X_Forwarded_For=OWNER) == "in"


@pytest.mark.usefixtures("operator")
def test_without_a_proxy_nobody_chooses_their_address() -> None:
    said = [attempt(f"guess {n}", STRANGER, X_Forwarded_For=f"192.0.2.{n}") for n in range(6)]
    assert said[-1] == "refused"


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("header", ["192.0.2.1", "unknown", "'; --", ""])
def test_a_header_that_did_not_come_through_the_proxies_is_ignored(settings: Settings, header: str) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    said = [attempt(f"guess {n}", STRANGER, X_Forwarded_For=header) for n in range(6)]
    assert said == ["wrong"] * 5 + ["refused"]


def test_the_setting_counts_the_proxies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "2")
    for name in ("SECRET_KEY", "ACCOUNT_KEYS", "INSTALLATION_KEY", "BACKUP_KEY"):
        monkeypatch.setenv(name, "x")
    program = "from django.conf import settings; print(settings.ALLAUTH_TRUSTED_PROXY_COUNT)"
    assert run(tmp_path, "-c", program).stdout == "2\n"


def test_the_audit_trail_records_the_same_address(administrator: User, settings: Settings) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    account = Account.objects.create(name="One", provider="smsportal")
    administrator.is_superuser = administrator.is_staff = True
    administrator.save()
    client = Client(headers={"X-Forwarded-For": f"192.0.2.1, {OWNER}"})
    client.force_login(administrator, backend="django.contrib.auth.backends.ModelBackend")

    client.post(f"/admin/providers/account/{account.pk}/change/", {"name": "Two"}, REMOTE_ADDR=PROXY)

    entry = account._meta.apps.get_model("audit", "AuditEntry").objects.latest("id")
    assert (entry.remote_addr, entry.actor) == (OWNER, administrator)
