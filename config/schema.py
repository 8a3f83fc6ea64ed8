"""Brings the schema of the database up to date at the start, on one host at a time."""

import sys
import time

from django.core.management import call_command

from campaigns.management.commands.sweep import CLOCK_LOCK
from config import timing
from providers import identity
from providers.keys import OtherInstallation
from providers.locks import hold

#: Held by the host that migrates; others that start at the same time wait for it.
SCHEMA_LOCK = "schema"

OTHERS_WORK = (
    "The schema of the database is older than this version of Baton, and another host is working on it. End Baton on "
    "every host, and then start the new version on one of them first."
)


def main() -> None:
    """Migrate where it is due, and check that this host belongs to the installation.

    Ends with a sentence if it does not, or if another host works on a schema that this host would have to change.
    """
    until = time.monotonic() + timing.WAIT_FOR_SCHEMA
    while True:
        with hold(SCHEMA_LOCK) as lock:
            if lock:
                _prepare()
                return
        if time.monotonic() > until:
            sys.exit("Another host has been changing the schema of the database for too long. Look at its log.")
        time.sleep(timing.SCHEMA_PAUSE)


def _prepare() -> None:
    try:
        identity.verify_before_migrating()
        if identity.missing_migrations():
            # Whoever works holds the lock of the clock: an older version must not continue on a newer schema.
            with hold(CLOCK_LOCK) as alone:
                if alone is None:
                    sys.exit(OTHERS_WORK)
                call_command("migrate", interactive=False, verbosity=0)
        identity.verify()
    except OtherInstallation as refusal:
        sys.exit(str(refusal))
