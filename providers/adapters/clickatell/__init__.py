"""Clickatell FTP: one text file of ``key:value`` lines for each batch.

Documents: the page "FTP" (developer solutions), and the archived reference pages "Using the FTP API", "Login
credentials", "Send basic message", "Send templated bulk message" and "API error codes".

How a file is handed over: it is stored in the login's folder, which Clickatell looks through once a minute; a history
log file appears there with the answers. Nothing tells a whole upload from a broken one, and the same file stored again
is texted again: so Baton never repeats one by itself.

The payload is the file without its credential lines; those are put before it in memory while it is stored. The payload
may begin with two lines of Baton's own, because Clickatell counts minutes from when it reads the file, and the payload
is fixed long before: ``deliv_at:`` (the start, UTC) becomes ``deliv_time:`` in minutes from the attempt, rounded up,
and is left out when the start has come; ``valid_until:`` (the end, UTC) becomes ``validity:`` in minutes, rounded down,
where that is shorter than what was ordered or Clickatell's own 1,440.
"""

from providers.adapters.clickatell.adapter import Adapter

__all__ = ["Adapter"]
