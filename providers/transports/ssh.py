"""An SSH connection up to the login: algorithms, the server's key, and the password, however the server asks for it."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.message import Message
from paramiko.ssh_exception import BadAuthenticationType, IncompatiblePeer

from providers import time_limits, timing
from providers.errors import Refused, Unreachable
from providers.transports.dial import dial
from providers.transports.files import connection_lost, login_refused

#: What paramiko and sockets raise when a request fails or the connection breaks.
FAILURES = (paramiko.SSHException, OSError, EOFError)

_LOGIN_UNANSWERED = f"The server did not answer the login. {time_limits.advice(time_limits.REPLY)}"

_CURVE = "curve25519-sha256"

# By a word of paramiko's error: its name for the server's list, what the algorithms are for, and what Baton accepts.
_ALGORITHMS = {
    "kex": ("kex_algo_list", "key exchange", f"{_CURVE}, ecdh-sha2-nistp256 or diffie-hellman-group16-sha512"),
    "host key": ("server_key_algo_list", "host key", "ssh-ed25519, rsa-sha2-512 or rsa-sha2-256"),
    "ciphers": ("server_encrypt_algo_list", "encryption", "aes128-gcm@openssh.com or aes256-ctr"),
    "macs": ("server_mac_algo_list", "integrity", "hmac-sha2-256 or hmac-sha2-512"),
}
# What servers put into the list of key exchanges that names no algorithm.
_MARKS = ("ext-info-", "kex-strict-")


class Transport(paramiko.Transport):
    """paramiko's, which also knows curve25519 by its standard name, and keeps what the server offers.

    ``offered`` holds the server's algorithms by paramiko's names for the lists; it is empty before the handshake.
    """

    # RFC 8731: curve25519-sha256 and curve25519-sha256@libssh.org are the same; paramiko knows only the second.
    _preferred_kex = (*paramiko.Transport._preferred_kex, _CURVE)  # type: ignore[attr-defined]
    _kex_info = {
        **paramiko.Transport._kex_info,  # type: ignore[attr-defined]
        _CURVE: paramiko.Transport._kex_info[f"{_CURVE}@libssh.org"],  # type: ignore[attr-defined]
    }
    offered: Mapping[str, Sequence[str]] = {}

    def _parse_kex_init(self, m: Message) -> None:
        self.offered = self._really_parse_kex_init(m)  # type: ignore[attr-defined]
        m.rewind()
        super()._parse_kex_init(m)  # type: ignore[misc]


class _SecondLogin(AuthHandler):
    """A second login, for which the login service is not requested again: asyncssh hangs up if it is."""

    def _request_auth(self) -> None:
        accepted = Message()
        accepted.add_string("ssh-userauth")
        accepted.rewind()
        self._parse_service_accept(accepted)  # type: ignore[attr-defined]


class _PasswordPrompt:
    """Answers the one prompt for a password, and nothing else."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._answered: list[tuple[str, bool]] = []
        self.further = ""

    def __call__(self, title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        if not prompts:
            return []
        is_shown_while_typed = prompts[0][1]
        if not self._answered and len(prompts) == 1 and not is_shown_while_typed:
            self._answered = prompts
            return [self._password]
        if prompts != self._answered:
            self.further = ", ".join(text.strip().rstrip(":") for text, _ in prompts)
        # The same prompt again: the password was wrong.
        return [""] * len(prompts)


def open_transport(settings: Mapping[str, Any], key_type: str) -> Transport:
    """Connect, without a handshake; ``key_type`` is the pinned key's, ``""`` for any. Raises what ``dial`` raises."""
    allow_private = bool(settings.get("allow_private_hosts"))
    host, port = str(settings["host"]), int(settings["port"])
    connection = dial(host, port, time_limits.connect_seconds(settings), allow_private)
    transport = Transport(connection)
    transport.banner_timeout = greeting_seconds(settings)
    transport.handshake_timeout = greeting_seconds(settings)
    transport.auth_timeout = reply_seconds(settings)
    transport.channel_timeout = reply_seconds(settings)
    transport.clear_to_send_timeout = reply_seconds(settings)
    options = transport.get_security_options()
    # Measured: GCM is by far the fastest cipher in paramiko.
    options.ciphers = sorted(options.ciphers, key=lambda cipher: cipher != "aes128-gcm@openssh.com")
    if key_type == "ssh-rsa":
        options.key_types = [name for name in options.key_types if name.startswith("rsa-sha2-")]
    elif key_type in options.key_types:
        options.key_types = [key_type]
    return transport


def greeting_seconds(settings: Mapping[str, Any]) -> float:
    """How long the server may take for its banner and the key exchange."""
    return time_limits.greeting_seconds(settings, timing.SFTP_BANNER_SECONDS)


def reply_seconds(settings: Mapping[str, Any]) -> float:
    """How long the server may take to answer the password, or one SFTP request."""
    return time_limits.reply_seconds(settings, timing.SFTP_REPLY_SECONDS)


def handshake(transport: Transport, settings: Mapping[str, Any]) -> str:
    """Exchange keys and return the server's, as ``"ssh-ed25519 AAAA..."``.

    Raises Unreachable, or Refused with ``account``: ``host_key_changed``, or ``no_common_encryption`` with the names of
    the algorithms that the server offers and of those that Baton accepts.
    """
    try:
        transport.start_client(timeout=greeting_seconds(settings))
        key = transport.get_remote_server_key()
    except IncompatiblePeer as error:
        pinned_type = str(settings.get("host_key") or "").partition(" ")[0]
        # A server whose pinned RSA key comes only with SHA-1 signatures has not changed its key.
        if pinned_type and "host key" in str(error) and pinned_type not in transport.offered["server_key_algo_list"]:
            raise host_key_changed(settings) from error
        raise _no_common_algorithm(transport, str(error)) from error
    except FAILURES as error:
        raise Unreachable(
            "no_ssh_answer",
            f"{settings['host']} port {settings['port']} is open but does not answer as an SFTP server. "
            f"{time_limits.advice(time_limits.GREETING)}",
        ) from error
    return f"{key.get_name()} {key.get_base64()}"


def log_in(transport: Transport, settings: Mapping[str, Any]) -> None:
    """Log in with the password: as such, or as the answer to one prompt where the server only prompts.

    Raises Unreachable, or Refused with ``account``: ``login_refused``, ``login_asks_more``.
    """
    username, password = str(settings["username"]), str(settings["password"])
    prompt = _PasswordPrompt(password)
    try:
        try:
            further = transport.auth_password(username, password, fallback=False)
        except BadAuthenticationType as error:
            if "keyboard-interactive" not in error.allowed_types:
                raise
            further = _answer_prompt(transport, username, prompt)
    except paramiko.AuthenticationException as error:
        # paramiko raises the same exception for a dropped connection and a late answer as for a refusal.
        if "transport shut down" in str(error) or "timeout" in str(error).lower():
            raise Unreachable("login_unanswered", _LOGIN_UNANSWERED) from error
        if prompt.further:
            raise _asks_more(prompt.further) from error
        raise login_refused() from error
    except FAILURES as error:
        raise connection_lost(error) from error
    if further:
        raise _asks_more(", ".join(further))


def _answer_prompt(transport: Transport, username: str, prompt: _PasswordPrompt) -> list[str]:
    answered = threading.Event()
    login = _SecondLogin(transport)
    transport.auth_handler = login
    login.auth_interactive(username, prompt, answered)
    return list(login.wait_for_response(answered))


def _asks_more(what: str) -> Refused:
    return Refused(
        "login_asks_more",
        f"The server asks for more than a password ({_shown([what])}), which Baton cannot answer. Ask the provider for "
        "a login with a password alone.",
        account=True,
    )


def _no_common_algorithm(transport: Transport, error: str) -> Refused:
    for word, (name, purpose, accepted) in _ALGORITHMS.items():
        offered = [found for found in transport.offered.get(name, ()) if not found.startswith(_MARKS)]
        if word in error and offered:
            why = " (RSA with SHA-1, which is no longer safe)" if offered == ["ssh-rsa"] else ""
            sentence = (
                f"For the {purpose}, the server offers only {_shown(offered)}{why}, which Baton does not accept. "
                f"Ask the provider to switch on {accepted}. The password was not sent."
            )
            break
    else:
        sentence = "The server offers no encryption that Baton accepts. The password was not sent."
    return Refused("no_common_encryption", sentence, account=True)


def _shown(names: Sequence[str]) -> str:
    """A server's own words, in a sentence: not more of them than fit, and only what can be printed."""
    return "".join(character for character in ", ".join(names) if character.isprintable())[:200]


def host_key_changed(settings: Mapping[str, Any]) -> Refused:
    """The server's key is not the pinned one; no password was sent."""
    return Refused(
        "host_key_changed",
        f"The key of {settings['host']} is not the one that was confirmed. Nothing is handed over until an "
        "administrator has asked the provider whether it changed its key, and confirmed the new fingerprint.",
        account=True,
    )
