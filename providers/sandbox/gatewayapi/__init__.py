"""A pretend GatewayAPI over FTP: judges files as its document says and renames them as it does.

Written from GatewayAPI's document alone ("GatewayAPI FTP"), so that it and the adapter check each other. Where the
document is silent the assumption is named; where two readings are possible this one is the stricter.

Numbers that cause trouble without any set-up, by how they end; either has the whole file rejected:

* ``99911``: its country is not one the account may text (0x0217)
* ``99912``: it is blacklisted (0x0215)
"""

from providers.sandbox.gatewayapi.site import Site

__all__ = ["Site"]
