"""A missing Debian package skips a test and is listed in the summary, or fails it where everything is required."""

from collections.abc import Iterator

import pytest

from tests import debian


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    before = dict(debian.lacking)
    yield
    debian.lacking.clear()
    debian.lacking.update(before)


def test_a_missing_program_skips_the_test_and_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-server is not installed"):
        debian.require("no-such-server", "tests/test_x.py::test_y")
    assert debian.lacking["no-such-server"] == {"tests/test_x.py::test_y"}


def test_it_fails_instead_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="REQUIRE_ALL"):
        debian.require("no-such-server", "tests/test_x.py::test_y")


def test_an_installed_program_is_found() -> None:
    assert debian.require("sh", "tests/test_x.py::test_y").endswith("/sh")
    assert "sh" not in debian.lacking
