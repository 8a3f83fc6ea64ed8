import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers import adapters, registry
from tests.campaigns.conftest import clock, own_files

__all__ = ["clock", "own_files"]


@pytest.fixture(autouse=True)
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Acme's one file lies in a folder of adapters."""
    folder = tmp_path / "adapters"
    folder.mkdir()
    (folder / "acme.py").write_bytes(Path(__file__).with_name("acme.py").read_bytes())
    monkeypatch.setattr(adapters, "__path__", [*adapters.__path__, str(folder)])
    registry.all_adapters.cache_clear()
    yield
    registry.all_adapters.cache_clear()
    sys.modules.pop("providers.adapters.acme", None)


@pytest.fixture(autouse=True)
def database(db: None) -> None:
    """Every test here stores something."""
