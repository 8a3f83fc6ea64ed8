"""The sandbox's GatewayAPI over FTP: processes and renames files as its document says.

Written from GatewayAPI's document alone ("GatewayAPI FTP"), so that it and the adapter check each other. Where the
document is silent, the assumption is stated; where it can be read in two ways, this code follows the stricter one.

Numbers that always get the whole file rejected, by their last digits:

* ``99911``: the account may not text the number's country (0x0217)
* ``99912``: the number is blacklisted (0x0215)
"""

from providers.sandbox.gatewayapi.site import Site

__all__ = ["Site"]
