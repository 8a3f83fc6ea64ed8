"""``python -m config.healthcheck``: whether Baton's web server on this host answers; for containers and scripts."""

import ipaddress
import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException

from django.conf import settings

from config import timing
from config.errors import CannotStart

LOOPBACK = "127.0.0.1"


def read_bind(environment: Mapping[str, str]) -> str:
    """The address of this host at which the web server listens, from BIND. Raises CannotStart."""
    bind = environment.get("BIND") or LOOPBACK
    try:
        return str(ipaddress.ip_address(bind))
    except ValueError:
        raise CannotStart(
            f"BIND={bind} is not an address. Set it to one of this host's addresses, or 0.0.0.0 for all of them."
        ) from None


def host_of(bind: str) -> str:
    """The host for a URL or a connection from this machine to a server that listens on ``bind``."""
    address = ipaddress.ip_address(bind)
    if address.is_unspecified:
        return LOOPBACK if address.version == 4 else "[::1]"
    return bind if address.version == 4 else f"[{bind}]"


def answers(bind: str, port: int) -> bool:
    """Whether the web server that listens on ``bind`` says that it is able to work."""
    allowed = settings.ALLOWED_HOSTS[0].lstrip(".") if settings.ALLOWED_HOSTS else LOOPBACK
    headers = {"Host": LOOPBACK if allowed == "*" else allowed, "X-Forwarded-Proto": "https"}
    asking = HTTPConnection(host_of(bind).strip("[]"), port, timeout=timing.HEALTH_ANSWER)
    try:
        asking.request("GET", "/healthz", headers=headers)
        return asking.getresponse().status == 200
    except (HTTPException, OSError):
        return False
    finally:
        asking.close()


def main() -> int:
    """0 if the web server of this host answers, else 1, with one line for people."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    is_well = answers(read_bind(os.environ), int(os.environ.get("PORT") or 8000))
    sys.stdout.write("Baton answers.\n" if is_well else "Baton does not answer, or not yet.\n")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
