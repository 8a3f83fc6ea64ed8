"""The roles of a host: which processes it starts, and what is refused before anything starts."""

from types import SimpleNamespace

import pytest

from config.errors import CannotStart
from config.roles import check_roles, read_roles

ALL = {"worker-imports", "worker-campaigns", "worker-handover", "worker-results"}
POSTGRESQL = {"default": {"ENGINE": "django.db.backends.postgresql"}}
SQLITE = {"default": {"ENGINE": "django.db.backends.sqlite3"}}


@pytest.mark.parametrize(
    ("environment", "workers", "is_whole"),
    [
        ({}, ALL, True),
        ({"ROLES": ""}, ALL, True),
        ({"ROLES": "web,imports,handover"}, ALL, True),
        ({"ROLES": "web"}, set(), False),
        ({"ROLES": " imports , web "}, {"worker-imports"}, False),
        ({"ROLES": "handover"}, ALL - {"worker-imports"}, False),
        ({"ROLES": "web", "HANDOVER_WORKERS": "3"}, set(), False),
        ({"HANDOVER_WORKERS": "3"}, ALL | {"worker-handover-2", "worker-handover-3"}, True),
    ],
)
def test_the_workers_of_a_host(environment: dict[str, str], workers: set[str], is_whole: bool) -> None:
    roles = read_roles(environment)
    assert set(roles.workers()) == workers
    assert roles.is_whole is is_whole


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"ROLES": "web,worker"}, "ROLES names worker, which is no role. The roles are: web, imports, handover."),
        ({"HANDOVER_WORKERS": "0"}, "HANDOVER_WORKERS=0 is not a number from 1 to 64."),
        ({"HANDOVER_WORKERS": "many"}, "HANDOVER_WORKERS=many is not a number from 1 to 64."),
    ],
)
def test_what_names_no_role_is_refused(environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(CannotStart, match=sentence):
        read_roles(environment)


def test_a_part_of_the_roles_needs_what_hosts_share(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SimpleNamespace(DATABASES=SQLITE)
    monkeypatch.setattr("config.roles.settings", settings)
    redis = {"REDIS_URL": "redis://redis.example.org/0"}
    part, whole = read_roles({"ROLES": "web"}), read_roles({})
    for databases, environment in ((SQLITE, redis), (POSTGRESQL, {})):
        settings.DATABASES = databases
        with pytest.raises(CannotStart, match="ROLES leaves out imports, handover, which another host has to run"):
            check_roles(part, "run", environment)
        check_roles(whole, "run", environment)
    settings.DATABASES = POSTGRESQL
    check_roles(part, "run", redis)
    with pytest.raises(CannotStart, match="leave out ROLES"):
        check_roles(part, "demo", redis)
