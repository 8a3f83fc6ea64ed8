"""What can go wrong at GatewayAPI on request."""

from providers.sandbox.ftp import ftp_faults
from providers.sandbox.gatewayapi.codes import SLUG

#: What each fault ``reject:<cause>`` does, by one of ``codes.CAUSES``.
REJECTIONS = {
    "insufficient-credit": "Every file is rejected for lack of credit.",
    "unknown-class": "Every file is rejected because its message class is not known.",
    "class-not-configured": "Every file is rejected because its message class is not configured for the account.",
    "different-classes": "Every file is rejected because its messages have different classes.",
    "missing-parameter": "Every file is rejected because a required parameter is missing.",
    "columns": "Every file is rejected because of an unknown column.",
    "msisdn": "Every file is rejected because of an invalid number.",
    "message": "Every file is rejected because of a text.",
    "sender": "Every file is rejected because of its sender.",
    "encoding": "Every file is rejected because its characters cannot be read.",
    "too-large": "Every file is rejected because it is larger than 30 MB.",
    "blacklisted": "Every file is rejected because of a number that is blacklisted.",
    "temporary-blacklist": "Every file is rejected because of a temporary blacklist.",
    "destination": "Every file is rejected because of a number in a country that the account may not text.",
    "operator": "Every file is rejected because of a number whose operator the account may not text.",
    "same-recipient": "Every file is rejected because it contains a number twice.",
    "priority": "Every file is rejected because of a priority that is not available.",
    "unknown-user": "Every file is rejected because the account's user name is not known.",
    "not-enabled": "Every file is rejected because SMS is not enabled for the account.",
    "frozen": "Every file is rejected because the account is frozen.",
    "filtered": "Every file is rejected because of the content of its texts.",
}

_TAILS = {
    f"{SLUG}:tail:json": "The cause at the end of a rejected file is a JSON object.",
    f"{SLUG}:tail:csv": "The cause at the end of a rejected file is a CSV row.",
    f"{SLUG}:tail:crlf": "The cause at the end of a rejected file is several lines that end in CR and LF.",
    f"{SLUG}:tail:glued": "The cause at the end of a rejected file does not begin on a new line.",
    f"{SLUG}:tail:rewritten": "A rejected file has other line endings than the uploaded file.",
}
_PICKUP = {
    f"{SLUG}:silent": "Files named .ready are not picked up.",
    f"{SLUG}:stuck-processing": "Files stay in processing.",
}
GROUPS = {
    "Rejections": {
        **{f"{SLUG}:reject:{cause}": words for cause, words in REJECTIONS.items()},
        f"{SLUG}:reject:unexplained": "Every file is rejected, and no cause is appended to it.",
        f"{SLUG}:internal-error": "Files in processing fail with an internal error and are retried up to five times.",
    },
    "Reports": _TAILS,
    "Pickup and duplicates": _PICKUP,
    "Connection and servers": ftp_faults(SLUG, {"host-a": "Host a", "host-b": "Host b"}),
}
