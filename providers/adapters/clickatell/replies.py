"""Clickatell's pushes of replies, by the generation of the account.

Documents: "Two-way technical guide" (api_id, moMsgId, from, to, timestamp, charset, udh, text; GET, POST or XML),
"HTTP API: Reply callback" (fromNumber, replyMessageId) and "One API: Receive message callback" (event.moText).
"""

from providers.replies import GMT_PLUS_2, ReplyShape

#: Two-way technical guide: the timestamp is "GMT + 0200". The others push Unix milliseconds.
SHAPES = (
    ReplyShape("from", "text", "momsgid", "timestamp", needs=("momsgid",), zone=GMT_PLUS_2),
    ReplyShape("fromnumber", "text", "replymessageid", "timestamp"),
    ReplyShape("from", "content", "messageid", "timestamp", needs=("messageid",)),
)
SETUP = (
    "In Clickatell's portal, set this address as the reply path of your two-way number (HTTP GET, HTTP POST or XML), "
    "or as the reply callback of the integration. A user name and password are not needed."
)
