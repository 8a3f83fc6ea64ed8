import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from providers import adapters, registry, sandbox
from providers.sandbox.registry import all_sites
from tests.campaigns.conftest import clock, own_files
from tests.providers.fifth import run_sandbox

__all__ = ["clock", "own_files"]

FOLDER = Path(__file__).parent


@pytest.fixture(autouse=True)
def dropped_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Acme's two files are in the folders of the adapters and of the sandbox's providers."""
    monkeypatch.setattr(adapters, "__path__", [*adapters.__path__, str(FOLDER / "adapters")])
    monkeypatch.setattr(sandbox, "__path__", [*sandbox.__path__, str(run_sandbox.FOLDER)])
    registry.all_adapters.cache_clear()
    all_sites.cache_clear()
    yield
    registry.all_adapters.cache_clear()
    all_sites.cache_clear()
    for name in ("providers.adapters.acme", "providers.sandbox.acme"):
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def database(db: None) -> None:
    """Every test here uses the database."""


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The ready line of a running sandbox that has Acme as well."""
    started = subprocess.Popen(
        [sys.executable, "-m", run_sandbox.__name__, str(tmp_path_factory.mktemp("fifth"))],
        cwd=django_settings.BASE_DIR,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout
    try:
        yield json.loads(started.stdout.readline())
    finally:
        started.terminate()
        started.wait(timeout=15)
        started.stdout.close()
