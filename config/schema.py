"""Brings the schema of the database up to date at the start, on one host at a time."""

import os
import sys
import time

from django.core.management import call_command

from campaigns.management.commands.sweep import CLOCK_LOCK
from config import timing
from config.roles import read_roles
from providers import identity
from providers.keys import OtherInstallation
from providers.locks import hold

#: Held by the host that migrates; others that start at the same time wait for it.
SCHEMA_LOCK = "schema"

OTHERS_WORK = (
    "The schema of the database is older than this version of Baton, and another host is working on it. End Baton on "
    "every host, and then start the new version on one of them first."
)
OTHERS_SHARE_IT = (
    "The schema of the database is older than this version of Baton: it lacks {missing}. This host shares the database "
    "with others (ROLES), so it does not change the schema by itself. Make a backup, and then run on one host: "
    "python manage.py migrate"
)


def main() -> None:
    """Check that this host belongs to the installation; migrate where it is due, if this host does everything alone.

    Ends with a sentence if the schema has to be changed by a person, because other hosts share the database or one
    works on it.
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
        if missing := identity.missing_migrations():
            if not read_roles(os.environ).is_whole:
                sys.exit(OTHERS_SHARE_IT.format(missing=missing[0]))
            # Whoever works holds the lock of the clock: an older version must not continue on a newer schema.
            with hold(CLOCK_LOCK) as alone:
                if alone is None:
                    sys.exit(OTHERS_WORK)
                call_command("migrate", interactive=False, verbosity=0)
        identity.verify()
    except OtherInstallation as refusal:
        sys.exit(str(refusal))
