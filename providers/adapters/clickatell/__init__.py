"""Clickatell FTP: one text file of ``key:value`` lines for each batch.

Documents: the page "FTP" (developer solutions), and the archived reference pages "Using the FTP API", "Login
credentials", "Send basic message", "Send templated bulk message" and "API error codes".

A file is handed over by storing it in the login's folder, which Clickatell scans once a minute. The answers appear in a
history log file in the same folder. Clickatell cannot tell a complete upload from a broken one, and a file that is
stored again is texted again, so Baton never repeats an upload by itself.

The payload is the file without its credential lines, which are put before it in memory during the upload. Clickatell
counts minutes from the moment it reads the file, but the payload is fixed long before. So the payload may begin with
two lines of Baton's own. ``deliv_at:`` (the start, UTC) becomes ``deliv_time:`` in minutes from the attempt, rounded
up; it is left out if the start has passed. ``valid_until:`` (the end, UTC) becomes ``validity:`` in minutes, rounded
down, if that is shorter than the campaign's own validity or Clickatell's default of 1,440. It is 2 minutes shorter,
because Clickatell counts from its scan. Beside a delay the validity counts from the delayed delivery, which may be 5
minutes late. If not even a minute is left, nothing is stored.
"""

from providers.adapters.clickatell.adapter import Adapter

__all__ = ["Adapter"]
