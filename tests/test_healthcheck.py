"""The address at which the web server listens, and whether it answers there."""

import pytest

from config.errors import CannotStart
from config.healthcheck import answers, host_of, read_bind
from config.preflight import check_requirements
from config.roles import Roles
from tests.postgresql import free_port


@pytest.mark.parametrize(
    ("bind", "listens", "host"),
    [
        ("", "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0", "127.0.0.1"),  # noqa: S104
        ("10.1.2.3", "10.1.2.3", "10.1.2.3"),
        ("::", "::", "[::1]"),
        ("::1", "::1", "[::1]"),
    ],
)
def test_where_baton_listens_and_where_it_is_asked(bind: str, listens: str, host: str) -> None:
    assert read_bind({"BIND": bind}) == listens
    assert host_of(listens) == host


@pytest.mark.parametrize("bind", ["example.org", "127.0.0.1:8000", "all"])
def test_what_is_no_address_is_refused(bind: str) -> None:
    with pytest.raises(CannotStart, match=rf"BIND={bind} is not an address\."):
        read_bind({"BIND": bind})


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(CannotStart, match=r"BIND=192\.0\.2\.1 is none of this host's addresses\."):
        check_requirements("192.0.2.1", free_port(), Roles())


def test_nothing_that_listens_does_not_answer() -> None:
    assert not answers("127.0.0.1", free_port())
