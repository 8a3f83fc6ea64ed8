"""What the web server and the workers check before they work."""

import logging
import threading

from django.db import DatabaseError, connection

from providers import identity

logger = logging.getLogger(__name__)

#: Set while this process has started, but what it needs has not answered yet, so that the installation is not checked.
unverified = threading.Event()
#: What did not answer, for people.
silent = "database"


def verify_installation() -> None:
    """Raise keys.OtherInstallation when this host is not of the database's installation: see ``providers.identity``.

    A database or a storage that does not answer is no reason not to start. ``verify_if_due`` then checks again before a
    worker's first job and the web server's first page; the clock checks before it enqueues anything.
    """
    global silent
    try:
        identity.verify()
        unverified.clear()
    except (DatabaseError, OSError) as error:
        silent = "database" if isinstance(error, DatabaseError) else "shared storage"
        unverified.set()
        logger.warning("The installation was not checked: the %s did not answer (%s).", silent, type(error).__name__)
    finally:
        # Processes that are forked from this one must not share its connection.
        connection.close()


def verify_if_due() -> bool:
    """Check the installation if the start could not; return whether it is checked. Raises keys.OtherInstallation."""
    if unverified.is_set():
        verify_installation()
    return not unverified.is_set()
