"""The connection to a provider account over which its batches are handed over."""

from contextlib import ExitStack
from typing import Any

from providers.connections import connect
from providers.models import Account


class SessionBroken(Exception):
    """The connection must be closed; the next batch gets a fresh one."""


class RemoteSession:
    """A connection to an account, opened when first needed. ``fresh()`` closes it and opens another."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._stack = ExitStack()
        self._remote: Any = None
        #: Campaigns about which the database knows everything that the journals know.
        self.verified_campaigns: set[int] = set()

    def __enter__(self) -> "RemoteSession":
        return self

    def __exit__(self, *details: Any) -> None:
        self.close()

    def close(self) -> None:
        """Close the transport; calls in other threads that still use it fail soon."""
        self._remote = None
        self._stack.close()

    def remote(self) -> Any:
        """The open transport, opened by the first call. Raises Trouble."""
        if self._remote is None:
            self._remote = self._stack.enter_context(connect(self.account))
        return self._remote

    def fresh(self) -> Any:
        """Close the transport and open a new one, for polling in a recovery. Raises Trouble."""
        self.close()
        return self.remote()
