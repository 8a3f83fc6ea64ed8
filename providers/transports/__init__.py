"""The ways to reach a provider: what every one of them offers, and one module for each."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Remote(Protocol):
    """An open transport: the account's settings with decrypted secrets, and the hosts that it may connect to.

    One that can upload several files at once over its connection also has ``most_at_once`` and ``another``, as
    ``SftpRemote`` does; its adapter's calls then run in threads, each with a remote of its own.
    """

    settings: Mapping[str, Any]

    def hosts(self) -> tuple[str, ...]: ...


class Transport(Protocol):
    """A way to reach a provider. ``connect`` is a context manager that yields a Remote; it raises Trouble."""

    @staticmethod
    def connect(settings: Mapping[str, Any]) -> AbstractContextManager[Any]: ...
