"""A pretend Clickatell FTP: scans an account's folder, judges each file as the document says and writes the log.

Written from Clickatell's document alone ("Clickatell FTP": the page of 2007 and the archived reference), so that it and
the adapter check each other. Where the document is silent the assumption is named; where two readings are possible this
one is the stricter.

assumption: a file is taken whatever it is called, also one that was renamed since; only names that end in ``.log`` are
the gateway's own. A file that is uploaded again under the same name is taken again.

Numbers that cause trouble without any set-up, by how they end:

* ``99901``: cannot be routed (114)
* ``99902``: opted out (122)
* ``99903``: no destination (105)
* ``99904``: neither texted nor named in the log
* ``99905``: texted, but its later status is 007 (see ``clickatell:statuses``)
* ``99906``: blocked (121)
* ``99907``: delisted (128)

``optouts.txt`` in the account's folder holds more opt-outs, one number a line.
"""

from providers.sandbox.clickatell.site import Site

__all__ = ["Site"]
