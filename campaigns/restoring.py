"""After a restore of an older database: what the journals know is brought back before anything is handed over."""

from django.db import connection

from campaigns import journal
from campaigns.models import Campaign
from contacts.suppression import reapply_journal


def catch_up() -> tuple[int, int]:
    """Record forgotten opt-outs again, and see that no campaign gets an id a journal already names.

    Returns how many opt-outs were recorded again and the highest campaign id a journal names. The intents themselves
    are looked up batch by batch when it is about to be handed over.
    """
    opt_outs = reapply_journal()
    latest = journal.latest_campaign()
    newest = Campaign.objects.order_by("-id").values_list("id", flat=True).first() or 0
    if latest > newest:
        _raise_sequence(latest)
    return opt_outs, latest


def _raise_sequence(latest: int) -> None:
    table = Campaign._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sequence = "pg_get_serial_sequence(%s, 'id')"
            cursor.execute(f"SELECT setval({sequence}, GREATEST(%s, nextval({sequence})))", [table, latest, table])
            return
        cursor.execute("UPDATE sqlite_sequence SET seq = MAX(seq, %s) WHERE name = %s", [latest, table])
        if cursor.rowcount == 0:
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, latest])
