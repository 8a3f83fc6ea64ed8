"""The sandbox's Clickatell FTP: scans an account's folder, processes each file as the document says and writes the log.

Written from Clickatell's document alone ("Clickatell FTP": the page of 2007 and the archived reference), so that it and
the adapter check each other. Where the document is silent, the assumption is stated; where it can be read in two ways,
this code follows the stricter one.

assumption: a file is processed whatever its name, also after it was renamed; only names that end in ``.log`` are the
gateway's own. A file that is uploaded again under the same name is processed again.

Numbers that always cause an error, by their last digits:

* ``99901``: cannot be routed (114)
* ``99902``: opted out (122)
* ``99903``: no destination (105)
* ``99904``: neither texted nor named in the log
* ``99905``: texted, but its later status is 007 (see the fault ``clickatell:statuses``)
* ``99906``: blocked (121)
* ``99907``: delisted (128)

``optouts.txt`` in the account's folder holds more opt-outs, one number a line.
"""

from providers.sandbox.clickatell.site import Site

__all__ = ["Site"]
