"""The roles of a host: which of Baton's processes run on it. One host has all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from config.errors import CannotStart

#: The queues that a host with this role works on.
QUEUES: dict[str, tuple[str, ...]] = {
    "web": (),
    "imports": ("imports",),
    "handover": ("campaigns", "handover", "results"),
}


@dataclass(frozen=True)
class Roles:
    """What runs on this host, and how many workers hand over."""

    names: frozenset[str] = frozenset(QUEUES)
    handover_workers: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether this host does everything by itself."""
        return self.names == frozenset(QUEUES)

    def workers(self) -> dict[str, str]:
        """The queue of each worker process, by the name of the process."""
        queues = {f"worker-{queue}": queue for role in QUEUES if role in self.names for queue in QUEUES[role]}
        if "handover" in self.names:
            for number in range(2, self.handover_workers + 1):
                queues[f"worker-handover-{number}"] = "handover"
        return queues

    def __str__(self) -> str:
        return ", ".join(role for role in QUEUES if role in self.names)


def read_roles(environment: Mapping[str, str]) -> Roles:
    """The roles that ROLES and HANDOVER_WORKERS name. Raises CannotStart."""
    named = frozenset(part.strip() for part in environment.get("ROLES", "").split(",") if part.strip())
    if unknown := sorted(named - QUEUES.keys()):
        raise CannotStart(f"ROLES names {unknown[0]}, which is no role. The roles are: {', '.join(QUEUES)}.")
    count = environment.get("HANDOVER_WORKERS") or "1"
    if not count.isdigit() or not 1 <= int(count) <= 64:
        raise CannotStart(f"HANDOVER_WORKERS={count} is not a number from 1 to 64.")
    return Roles(named or frozenset(QUEUES), int(count))


def check_roles(roles: Roles, mode: str, environment: Mapping[str, str]) -> None:
    """Check that the other hosts can do what this one does not. Raises CannotStart."""
    if roles.is_whole:
        return
    left = ", ".join(role for role in QUEUES if role not in roles.names)
    if mode == "demo":
        raise CannotStart("make demo runs everything on this host: leave out ROLES.")
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql" or not environment.get("REDIS_URL"):
        raise CannotStart(
            f"ROLES leaves out {left}, which another host has to run. Several hosts need one PostgreSQL and one Redis: "
            "set DATABASE_URL and REDIS_URL, the same on every host."
        )
