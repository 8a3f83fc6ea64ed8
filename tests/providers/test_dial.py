"""Which addresses count as private: a provider is never reached through one of them by mistake."""

import socket

import pytest

from providers.errors import Refused, Unreachable
from providers.transports.dial import dial


@pytest.mark.parametrize(
    ("address", "is_refused"),
    [
        ("127.0.0.1", True),
        ("10.0.0.8", True),
        ("169.254.169.254", True),
        ("100.64.0.1", True),
        ("224.0.0.1", True),
        ("::1", True),
        ("fd00::1", True),
        ("fe80::1%eth0", True),
        ("::ffff:10.0.0.8", True),
        # NAT64, with the well-known prefix and the one for local use, around 10.0.0.8, 169.254.169.254 and 8.8.8.8.
        ("64:ff9b::a00:8", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("64:ff9b::808:808", True),
        ("64:ff9b:1::a00:8", True),
        # 6to4 and Teredo.
        ("2002:a00:8::1", True),
        ("2002:808:808::1", True),
        ("2001:0:a00:8::1", True),
        ("8.8.8.8", False),
        ("2a00:1450:4009::200e", False),
    ],
)
def test_private_and_translated_addresses_are_refused(
    monkeypatch: pytest.MonkeyPatch, address: str, is_refused: bool
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(family, socket.SOCK_STREAM, 6, "", (address, 21))])

    def refuse_to_connect(*_: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", refuse_to_connect)
    with pytest.raises(Refused if is_refused else Unreachable) as caught:
        dial("gateway.example.org", 21, 1.0)
    assert caught.value.code == ("host_private" if is_refused else "connect_failed")
