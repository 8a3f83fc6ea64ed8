from collections.abc import Iterator
from typing import Any

import pytest

from providers.sandbox.server import Sandbox


@pytest.fixture(scope="session")
def shared_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox"), every=0.1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Iterator[Sandbox]:
    yield shared_sandbox
    shared_sandbox.clear()


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
