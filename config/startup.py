"""What the web server and the workers check before they start."""

import logging

from django.db import DatabaseError, connection

from providers import keys

logger = logging.getLogger(__name__)


def verify_keys() -> None:
    """Raise keys.OtherKeys when the keys are not those of the database.

    A database that does not answer is no reason not to start: the clock checks the keys as soon as it answers, before
    it enqueues anything.
    """
    try:
        keys.verify()
    except DatabaseError as error:
        logger.warning("The keys were not checked: the database did not answer (%s).", type(error).__name__)
    finally:
        # Processes that are forked from this one must not share its connection.
        connection.close()
