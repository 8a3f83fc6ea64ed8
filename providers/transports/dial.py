"""Opens TCP connections with a time limit, and only to public addresses unless private ones are allowed."""

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from providers import time_limits
from providers.errors import Refused, Unreachable
from providers.points import reach

#: IPv6 addresses that lead to the IPv4 address inside them, which may be private: NAT64 (RFC 6052, RFC 8215), 6to4
#: (RFC 3056) and Teredo (RFC 4380). None of them is a provider's own address.
_TRANSLATED = tuple(
    ipaddress.IPv6Network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)


def dial(host: str, port: int, seconds: float, allow_private: bool = False) -> socket.socket:
    """Return a connected socket with Nagle's algorithm off; the address that was checked is the one that is dialled.

    Raises Refused when the host resolves to a private, loopback or otherwise non-public address, or to one that is
    translated to IPv4 (NAT64, 6to4, Teredo), and ``allow_private`` is false; Unreachable when the name is unknown or
    nothing answers within ``seconds``.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable("host_unknown", f"The host name {host} is not known. Check its spelling.") from error
    reason: OSError | None = None
    for family, kind, protocol, _, address in found:
        if not allow_private and not _is_public(str(address[0])):
            raise Refused(
                "host_private",
                f"{host} is an address in a private network. Use the provider's public host name, "
                "or ask for ALLOW_PRIVATE_HOSTS to be switched on.",
                account=True,
            )
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(seconds)
        try:
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            reason = error
        else:
            reach("dial:connected")
            return connection
    if isinstance(reason, TimeoutError):
        raise connect_timeout(f"{host} port {port}", seconds)
    raise Unreachable("connect_failed", f"{host} port {port} cannot be reached: {_words(reason)}.") from reason


def connect_timeout(server: str, seconds: float) -> Unreachable:
    """Nothing answered within the account's time limit for connecting."""
    sentence = f"{server} did not answer within {seconds:g} seconds. {time_limits.advice(time_limits.CONNECT)}"
    return Unreachable("connect_timeout", sentence)


@contextmanager
def time_limit(close: Callable[[], object], seconds: float) -> Iterator[threading.Event]:
    """Call ``close``, from another thread, when the block takes longer than ``seconds``.

    A peer that stops reading can block a write for ever, and one that sends a byte at a time resets every other limit;
    the only way out is to shut the connection under the running call. The event yielded is set before that happens.
    """
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        close()

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield expired
    finally:
        timer.cancel()


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if any(ip in network for network in _TRANSLATED):
        return False
    return ip.is_global and not ip.is_multicast


def _words(reason: OSError | None) -> str:
    return (reason.strerror if reason and reason.strerror else "no address answered").lower()
