"""The campaign that the downloads of these tests belong to, and limits that count from zero in each test."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from tests.campaigns.conftest import account, make_campaign, make_list, make_running, own_files

__all__ = ["account", "make_campaign", "make_list", "make_running", "own_files"]


@pytest.fixture(autouse=True)
def no_earlier_attempts() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()
