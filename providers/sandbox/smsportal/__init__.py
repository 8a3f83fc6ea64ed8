"""The sandbox's SMSPortal "SFTP to SMS": processes files as its document says, in its three folders.

SFTP and FTP both reach the folders, as the document's table of ports says.
Written from SMSPortal's document alone ("SMSPortal SFTP"), so that it and the adapter check each other. Where the
document is silent, the assumption is stated; where it can be read in two ways, this code follows the stricter one.

Numbers that always cause an error, by their last digits:

* ``99901``: no network is known for the number (``MSISDN.NoNetworkFound``)
* ``99902``: the number has opted out (``MSISDN.Optout``), unless the file sets ``check_optouts`` to false
* ``99903``: the contact cannot be processed (``File.ParseError`` for this contact only)

``optouts.txt`` in the account's folder holds more opt-outs, one number a line.
"""

from providers.sandbox.smsportal.site import Site

__all__ = ["Site"]
