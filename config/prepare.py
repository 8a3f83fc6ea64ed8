"""Prepares what the processes of a host need: at each start, in one process, because that is the quickest."""

import os
import sys

from django.core.management import CommandError, call_command

from config import schema
from config.roles import read_roles


def main() -> None:
    """Update the schema, record again what only the journals know, and collect the static files of a host with pages.

    Runs Django's system checks too. Ends with a sentence about what a person has to do first.
    """
    schema.main()
    try:
        call_command("replay_journal", skip_checks=False)
        if "web" in read_roles(os.environ).names:
            call_command("collectstatic", interactive=False, verbosity=0)
    except CommandError as refusal:
        sys.exit(str(refusal))
