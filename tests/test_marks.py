"""What the Makefile assumes about the marks of tests."""

import pytest

from tests.conftest import UNNAMED_MARKS


def test_a_file_names_the_marks_of_its_tests(request: pytest.FixtureRequest) -> None:
    """``make test-slow`` and ``make test-postgresql`` collect only the files that name their mark."""
    assert request.config.stash[UNNAMED_MARKS] == []
