"""Clickatell's codes and statuses, and what they mean to Baton."""

from providers.causes import Cause

UNKNOWN = "UNKNOWN"
# Baton's own: the provider may have read only a part of this text.
TRUNCATED = "TRUNCATED"
WORDS_TRUNCATED = "Clickatell gave this text a message id, but may have read only a part of it."
# "API error codes", the codes that apply to files.
WORDS = {
    "001": "Clickatell refused the user name or password inside the file. Check the API user of the account.",
    "007": "Clickatell refused Baton's IP address (IP lockdown). Allow it in the Clickatell account.",
    "100": "Clickatell says the data is malformed.",
    "101": "Clickatell says a parameter is missing or invalid.",
    "102": "Clickatell says the user data header is invalid.",
    "105": "Clickatell says this is not a valid destination.",
    "106": "Clickatell says the sender is not valid. It must be registered with Clickatell.",
    "107": "Clickatell says the message is empty.",
    "108": "Clickatell says the api_id is invalid or missing. Check the account's settings.",
    "109": "Clickatell says a message id is missing.",
    "113": "Clickatell says the text has more parts than allowed.",
    "114": "Clickatell has no route to this number.",
    "115": "The message expired before Clickatell could deliver it.",
    "116": "Clickatell says the Unicode data is invalid.",
    "120": "Clickatell says the delivery time is invalid.",
    "121": "Clickatell blocks this destination.",
    "122": "This number has opted out with Clickatell.",
    "123": "Clickatell says the sender is not valid. It must be registered with Clickatell.",
    "128": "Clickatell has delisted this number.",
    "130": "The account has reached its message limit.",
    "201": "Clickatell says the batch id is invalid.",
    "202": "Clickatell says there is no batch template.",
    "301": "Clickatell says there is no credit left. Top up the account.",
    "302": "Clickatell says the charge is above the allowed maximum.",
    "901": "Clickatell had an internal error; whether this was texted is not known.",
}
CAUSES = {
    "001": Cause.ACCOUNT,
    "007": Cause.ACCOUNT,
    "100": Cause.PROVIDER,
    "101": Cause.PROVIDER,
    "102": Cause.PROVIDER,
    "105": Cause.NUMBER,
    "106": Cause.SENDER,
    "107": Cause.TEXT,
    "108": Cause.ACCOUNT,
    "109": Cause.PROVIDER,
    "113": Cause.TEXT,
    "114": Cause.NUMBER,
    "115": Cause.TEMPORARY,
    "116": Cause.TEXT,
    "120": Cause.SETTINGS,
    "121": Cause.PROVIDER,
    "122": Cause.OPTED_OUT,
    "123": Cause.SENDER,
    "128": Cause.NUMBER,
    "130": Cause.PROVIDER,
    "201": Cause.PROVIDER,
    "202": Cause.PROVIDER,
    "301": Cause.CREDIT,
    "302": Cause.PROVIDER,
    "901": Cause.PROVIDER,
    TRUNCATED: Cause.PROVIDER,
    UNKNOWN: Cause.PROVIDER,
    "credentials_unusable": Cause.ACCOUNT,
    "expired": Cause.SETTINGS,
    "log_growing": Cause.PROGRESS,
    "log_incomplete": Cause.PROVIDER,
    "logged": Cause.PROGRESS,
    "picked_up": Cause.PROGRESS,
    "read_while_uploading": Cause.PROVIDER,
    "start_too_far": Cause.SETTINGS,
    "upload_unproven": Cause.PROVIDER,
    "waiting": Cause.PROGRESS,
    "waiting_after_break": Cause.PROVIDER,
}
# Errors that concern one recipient, even if the log does not say which one.
OF_ONE_RECIPIENT = {"105", "114", "115", "121", "122", "128"}
# Baton checks these before it writes a file, so they can only be about a part of it.
UNTRUE_OF_A_WHOLE_FILE = {"100", "101", "107", "113", "116", "202"}
# Those that Clickatell may give for a number if only the beginning of the text was read.
UNTRUE_OF_A_WHOLE_TEXT = {"107", "116"}
# Errors that every later file would get as well.
NO_CREDIT = "301"
ACCOUNT_ERRORS = {"001", "007", "108", NO_CREDIT}
INTERNAL_ERROR = "901"
OPTED_OUT = "122"
# "API error codes", message statuses. The table of callbacks in the HTTP summary says which of them are final.
STATUSES = {
    "001": "Clickatell does not know this message.",
    "002": "The message is queued with Clickatell.",
    "003": "The message was delivered to the gateway.",
    "004": "The message was received.",
    "005": "There was an error with the message.",
    "006": "The message was cancelled.",
    "007": "The message could not be delivered.",
    "008": "Clickatell accepted the message.",
    "009": "No route was found for the message.",
    "010": "The message expired before it could be delivered.",
    "011": "The message is queued for later delivery.",
    "012": "There was no credit left for the message.",
    "014": "The message limit was reached.",
}
DELIVERED = {"004"}
UNDELIVERED = {"005", "007", "009", "010", "012"}
