from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.sandbox.server import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox", every=0.1) as running:
        yield running


@pytest.fixture
def sftp_settings(sandbox: Sandbox) -> dict[str, Any]:
    kind, key = sandbox.host_key.split()[:2]
    return {
        "host": sandbox.host,
        "port": sandbox.port,
        "username": sandbox.username,
        "password": sandbox.password,
        "host_key": f"{kind} {key}",
        "allow_private_hosts": True,
    }
