"""The connection to a provider account over which its batches are handed over."""

from contextlib import ExitStack
from typing import Any

from providers.connections import connect
from providers.models import Account


class SessionBroken(Exception):
    """The connection gave trouble: close it; the next batch gets a fresh one."""


class RemoteSession:
    """A connection to an account, opened when it is first needed; ``fresh()`` closes it and opens another."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._stack = ExitStack()
        self._remote: Any = None
        #: Campaigns of which the database knows whatever the journals do.
        self.verified_campaigns: set[int] = set()

    def __enter__(self) -> "RemoteSession":
        return self

    def __exit__(self, *details: Any) -> None:
        self._stack.close()

    def remote(self) -> Any:
        """The open transport. Raises Trouble."""
        if self._remote is None:
            self._remote = self._stack.enter_context(connect(self.account))
        return self._remote

    def fresh(self) -> Any:
        """A transport opened just now: what a recovery looks through. Raises Trouble."""
        self._remote = None
        self._stack.close()
        return self.remote()
