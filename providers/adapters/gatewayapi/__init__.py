"""GatewayAPI "FTP API": CSV files over FTP. Documents: "FTP API" and "Error code index" (gatewayapi.com/docs).

How a file is handed over: it is uploaded under a name that nothing picks up and then renamed to one that ends in
``.ready``; the rename starts the texting. GatewayAPI renames it on: to a timestamped ``.processing``, and then to
``.success``, or to ``.rejected`` with the cause at its bottom. Two servers, a and b, see the same files. An uploaded
file can be renamed once only: that is what keeps a repeated hand-over from texting twice.
"""

from providers.adapters.gatewayapi.adapter import Adapter, GatewayFtp
from providers.adapters.gatewayapi.forms import servers
from providers.adapters.gatewayapi.words import WORDS

__all__ = ["WORDS", "Adapter", "GatewayFtp", "servers"]
