"""GatewayAPI's pushes of replies. Document: "REST API", "MO SMS (Receiving SMS'es)" (gatewayapi.com/docs)."""

from providers.replies import ReplyShape

#: A delivery status has no ``message`` and no ``receiver``.
SHAPES = (ReplyShape("msisdn", "message", "id", "senttime", needs=("receiver",)),)
SETUP = (
    "In GatewayAPI's dashboard, add a webhook with this address and assign it to the keyword or number that receives "
    "replies. With a keyword, texts arrive with it, such as “acme stop”, and are shown to people. "
    "GatewayAPI repeats a push that was not taken."
)
