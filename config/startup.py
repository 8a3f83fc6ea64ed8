"""What the web server and the workers check before they work."""

import logging
import threading

from django.db import DatabaseError, connection

from providers import keys

logger = logging.getLogger(__name__)

#: Set while this process has started, but the database has not answered yet, so that the keys are not checked.
unverified = threading.Event()


def verify_keys() -> None:
    """Raise keys.OtherKeys when the keys are not those of the database.

    A database that does not answer is no reason not to start. ``verify_if_due`` then checks the keys before a worker's
    first job and the web server's first page; the clock checks them before it enqueues anything.
    """
    try:
        keys.verify()
        unverified.clear()
    except DatabaseError as error:
        unverified.set()
        logger.warning("The keys were not checked: the database did not answer (%s).", type(error).__name__)
    finally:
        # Processes that are forked from this one must not share its connection.
        connection.close()


def verify_if_due() -> bool:
    """Check the keys if the start could not, and return whether they are checked now. Raises keys.OtherKeys."""
    if unverified.is_set():
        verify_keys()
    return not unverified.is_set()
