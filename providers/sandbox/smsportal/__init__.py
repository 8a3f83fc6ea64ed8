"""A pretend SMSPortal "SFTP to SMS": judges files as its document says and keeps the three folders.

The folders can be reached by SFTP and by FTP, as the document's table of ports says.
Written from SMSPortal's document alone ("SMSPortal SFTP"), so that it and the adapter check each other. Where the
document is silent the assumption is named; where two readings are possible this one is the stricter.

Numbers that cause trouble without any set-up, by how they end:

* ``99901``: no network is known for it (``MSISDN.NoNetworkFound``)
* ``99902``: opted out of the account (``MSISDN.Optout``), unless the file says ``check_optouts`` false
* ``99903``: the contact cannot be processed (``File.ParseError`` for this contact only)

``optouts.txt`` in the account's folder holds more opt-outs, one number a line.
"""

from providers.sandbox.smsportal.site import Site

__all__ = ["Site"]
