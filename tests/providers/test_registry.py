import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers import adapters, registry


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(adapters, "__path__", [*adapters.__path__, str(tmp_path)])
    registry.all_adapters.cache_clear()
    yield tmp_path
    registry.all_adapters.cache_clear()
    for name in ("acme", "acme.adapter"):
        sys.modules.pop(f"providers.adapters.{name}", None)


def test_the_shipped_adapters_are_found() -> None:
    assert "smsportal" in registry.all_adapters()


def test_a_file_that_is_dropped_in_is_found_by_its_name(dropped_in: Path) -> None:
    (dropped_in / "acme.py").write_text(
        "from providers.base import BaseAdapter\nclass Adapter(BaseAdapter):\n    label = 'Acme'\n"
    )
    (dropped_in / "_notes.py").write_text("raise AssertionError")
    assert registry.all_adapters()["acme"].label == "Acme"
    assert registry.adapter("acme").slug == "acme"


def test_a_package_that_is_dropped_in_is_found_by_its_name(dropped_in: Path) -> None:
    package = dropped_in / "acme"
    package.mkdir()
    (package / "__init__.py").write_text("from providers.adapters.acme.adapter import Adapter as Adapter\n")
    (package / "adapter.py").write_text(
        "from providers.base import BaseAdapter\nclass Adapter(BaseAdapter):\n    label = 'Acme'\n"
    )
    assert registry.all_adapters()["acme"].label == "Acme"
    assert registry.adapter("acme").slug == "acme"


def test_an_unknown_provider_raises() -> None:
    with pytest.raises(registry.UnknownProvider, match="nobody"):
        registry.adapter("nobody")
