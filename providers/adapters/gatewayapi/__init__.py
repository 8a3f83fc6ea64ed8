"""GatewayAPI "FTP API": CSV files over FTP. Documents: "FTP API" and "Error code index" (gatewayapi.com/docs).

How a file is handed over: Baton uploads it under a name that GatewayAPI ignores, then renames it to a name that ends in
``.ready``; the rename starts the texting. GatewayAPI renames the file to a timestamped ``.processing``, and then to
``.success``, or to ``.rejected`` with the cause added at the bottom. Two servers, a and b, show the same files. An
uploaded file can be renamed only once, which keeps a repeated hand-over from texting anybody twice.
"""

from providers.adapters.gatewayapi.adapter import Adapter, GatewayFtp
from providers.adapters.gatewayapi.forms import servers
from providers.adapters.gatewayapi.words import WORDS

__all__ = ["WORDS", "Adapter", "GatewayFtp", "servers"]
