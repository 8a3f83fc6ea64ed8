"""Logins, and the one connection that BulkSMS allows each account."""

import hmac
import select
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from providers.sandbox.bulksms.codes import SLUG, Failed
from providers.sandbox.bulksms.gateway import Gateway
from providers.sandbox.faults import Faults


class Connections:
    """Logs requests in, and allows one request per account at a time."""

    def __init__(self, gateways: Mapping[str, Gateway], passwords: Mapping[str, str], faults: Faults) -> None:
        self.faults = faults
        self.most: Counter[str] = Counter()
        self.overlaps: Counter[str] = Counter()
        self._gateways = gateways
        self._passwords = passwords
        self._busy = {name: threading.Lock() for name in passwords}
        self._open: dict[str, set[socket.socket]] = {name: set() for name in passwords}
        self._counting = threading.Lock()

    def login(self, fields: Mapping[str, str]) -> Gateway:
        """Return the account whose ``username`` and ``password`` are in the request's fields. Raises Failed."""
        username, password = fields.get("username", ""), fields.get("password", "")
        known = self._passwords.get(username)
        right = known is not None and hmac.compare_digest(known.encode(), password.encode())
        if not right or self.faults.use(f"{SLUG}:refuse-login"):
            raise Failed(23, f"invalid credentials (username was: {username})")
        return self._gateways[username]

    @contextmanager
    def only_one(self, account: str, connection: socket.socket) -> Iterator[None]:
        """Hold the account's only request slot, and count the connections open at once. Raises Failed.

        "please limit yourself to one concurrent connection": assumption: a second request at the same time is
        answered with 40.
        """
        with self._counting:
            others = {other for other in self._open[account] if not _is_gone(other)}
            self._open[account] = others | {connection}
            self.most[account] = max(self.most[account], len(self._open[account]))
        if not self._busy[account].acquire(blocking=False):
            self.overlaps[account] += 1
            raise Failed(40, "only one connection at a time")
        try:
            yield
        finally:
            self._busy[account].release()

    def forget(self, connection: socket.socket) -> None:
        """Stop counting a connection that has closed."""
        with self._counting:
            for connections in self._open.values():
                connections.discard(connection)


def _is_gone(connection: socket.socket) -> bool:
    # The client may have closed it although its thread has not noticed yet. A TLS socket cannot be peeked at
    # (ValueError); anything that arrives on an idle one is its end.
    try:
        return bool(select.select([connection], [], [], 0)[0]) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True
