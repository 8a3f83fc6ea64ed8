"""The statistics by which PostgreSQL plans its queries."""

from django.db import connection
from django.db.models import Model


def analyze(model: type[Model]) -> None:
    """Have PostgreSQL learn what the table of ``model`` holds, after many rows were written to it.

    It does so by itself after a minute or more. Until then it takes the table to be small, and reads all of the new
    rows for each range of them. Does nothing while the table is being analyzed or vacuumed, or on SQLite.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE (SKIP_LOCKED) {model._meta.db_table}")
