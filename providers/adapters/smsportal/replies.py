"""SMSPortal's pushes of replies. Documents: "Webhooks V1 (GET)" and "Webhooks V2 (POST)" (docs.smsportal.com/docs)."""

from providers.replies import GMT_PLUS_2, ReplyShape

#: assumption: V1 times, which name no zone, are South African. V2 documents ``To``, ``Id``, ``EventId`` and a time in
#: Unix seconds; assumption: the sender and the text are called as in its delivery statuses and in V1. A delivery status
#: has ``Data`` or ``Status`` and no text of a reply, so that it fits no shape.
SHAPES = (
    ReplyShape("phonenumber", "incomingdata", "incomingid", "incomingdatatime", zone=GMT_PLUS_2),
    ReplyShape("from", "message", "id", "received", needs=("eventid",)),
    ReplyShape("msisdn", "message", "id", "received", needs=("eventid",)),
    ReplyShape("from", "incomingdata", "id", "received", needs=("eventid",)),
    ReplyShape("msisdn", "incomingdata", "id", "received", needs=("eventid",)),
)
SETUP = (
    "In the SMSPortal control panel, add a webhook for replies with this address. SMSPortal calls only https addresses."
)
