"""BulkSMS's status codes and what they mean to Baton."""

from typing import NamedTuple

from providers.base import Result
from providers.causes import Cause

# send_batch, "Possible values for status_code": a code to count and a sentence to show.
FAILURES = {
    22: ("internal_error", "BulkSMS had an internal error; whether anybody was texted is not known."),
    23: ("login_refused", "BulkSMS refused the login. Check user name, password and the region's address."),
    24: ("validation_failed", "BulkSMS says that the data is not valid. It accepted nothing of the batch."),
    25: ("no_credits", "The BulkSMS account does not have enough credits. Top it up and test the connection."),
    26: ("upstream_credits", "BulkSMS itself is temporarily out of credits with a network."),
    27: ("quota_exceeded", "The account's daily quota with BulkSMS is used up. Try again tomorrow, or have it raised."),
    28: ("upstream_quota", "BulkSMS itself has temporarily used up its quota with a network."),
    40: ("temporarily_unavailable", "BulkSMS is temporarily unavailable."),
    201: ("batch_too_large", "BulkSMS says that the batch has too many messages. It accepted nothing of the batch."),
}
UNKNOWN = "UNKNOWN"
IN_PROGRESS, SCHEDULED = 0, 1
LOGIN_REFUSED = 23
# These concern the account, not the batch.
ACCOUNT_FAILURES = (23, 25, 27)
# "which might have been resolved after several resend attempts"; assumption: several is five.
UPSTREAM, UPSTREAM_ATTEMPTS = (26, 28), 5
# Nothing of the batch was accepted.
REJECTIONS = (24, 201)


class StatusMeaning(NamedTuple):
    """What a status means for one recipient; ``result`` is None while the status is not final."""

    result: Result | None
    delivery: str
    sentence: str
    opted_out: bool = False


_OPEN = StatusMeaning(None, "", "")
# get_report, list of status codes. A row error is only a message that BulkSMS itself refused before any network had it.
# If a network may have had it, the message counts as accepted, so that no follow-up campaign texts the person again.
STATUSES = {
    0: _OPEN,
    1: _OPEN,
    10: _OPEN,
    11: StatusMeaning(Result.ACCEPTED, "delivered", "Delivered to the phone."),
    12: _OPEN,
    22: StatusMeaning(Result.ACCEPTED, "undelivered", "BulkSMS had an internal error with this message."),
    23: StatusMeaning(Result.ROW_ERROR, "", "BulkSMS refused the login for this message."),
    24: StatusMeaning(Result.ROW_ERROR, "", "BulkSMS says that this number or text is not valid."),
    25: StatusMeaning(Result.ROW_ERROR, "", "There were not enough credits for this message."),
    26: StatusMeaning(Result.ACCEPTED, "undelivered", "BulkSMS was short of credits with the network."),
    27: StatusMeaning(Result.ROW_ERROR, "", "The account's daily quota was used up."),
    28: StatusMeaning(Result.ACCEPTED, "undelivered", "BulkSMS had used up its quota with the network."),
    29: StatusMeaning(Result.ROW_ERROR, "", "This message was cancelled at BulkSMS."),
    30: StatusMeaning(Result.ACCEPTED, "undelivered", "BulkSMS treated this message as a test and texted nobody."),
    31: StatusMeaning(Result.ROW_ERROR, "", "BulkSMS has no route to this number."),
    32: StatusMeaning(Result.ROW_ERROR, "", "BulkSMS blocks this number because its owner complained.", opted_out=True),
    33: StatusMeaning(Result.ROW_ERROR, "", "BulkSMS censored this text."),
    40: _OPEN,
    50: StatusMeaning(Result.ACCEPTED, "undelivered", "The message failed. BulkSMS gives no reason."),
    51: StatusMeaning(Result.ACCEPTED, "undelivered", "The message could not be delivered to the phone."),
    52: StatusMeaning(Result.ACCEPTED, "undelivered", "The message could not be delivered to the network."),
    53: StatusMeaning(Result.ACCEPTED, "undelivered", "The message expired before it could be delivered."),
    54: StatusMeaning(Result.ACCEPTED, "undelivered", "The message failed in the other network."),
    55: StatusMeaning(Result.ACCEPTED, "undelivered", "The other network blocked the message."),
    56: StatusMeaning(Result.ACCEPTED, "undelivered", "The other network censored the message."),
    57: StatusMeaning(
        Result.ACCEPTED,
        "undelivered",
        "The phone could not receive the message, for example because its memory is full.",
    ),
    60: _OPEN,
    61: _OPEN,
    62: _OPEN,
    63: _OPEN,
    64: _OPEN,
    70: StatusMeaning(Result.ACCEPTED, "", "The network gave BulkSMS an unknown status."),
    201: StatusMeaning(Result.ROW_ERROR, "", "The batch had too many messages."),
}
MISSING = "missing_from_report"
REHEARSALS = {
    "succeed": "A rehearsal: BulkSMS checks the batch and texts nobody.",
    "fail": "A rehearsal: BulkSMS checks the batch, rejects it and texts nobody.",
}
# All codes of BulkSMS in words: those of a batch are words of Baton's, those of a recipient are BulkSMS's numbers.
WORDS = (
    dict(FAILURES.values())
    | {str(code): meaning.sentence for code, meaning in STATUSES.items() if meaning.sentence}
    | {MISSING: "BulkSMS silently dropped this line of the batch: its report does not list the number."}
)
CAUSES = {str(code): Cause.UNDELIVERED for code, meaning in STATUSES.items() if meaning.result is Result.ACCEPTED} | {
    "internal_error": Cause.PROVIDER,
    "login_refused": Cause.ACCOUNT,
    "validation_failed": Cause.PROVIDER,
    "no_credits": Cause.CREDIT,
    "upstream_credits": Cause.TEMPORARY,
    "quota_exceeded": Cause.CREDIT,
    "upstream_quota": Cause.TEMPORARY,
    "temporarily_unavailable": Cause.TEMPORARY,
    "batch_too_large": Cause.PROVIDER,
    **dict.fromkeys(("0", "1", "10", "11", "12", "40", "60", "61", "62", "63", "64"), Cause.PROGRESS),
    "23": Cause.ACCOUNT,
    "24": Cause.NUMBER,
    "25": Cause.CREDIT,
    "27": Cause.CREDIT,
    "29": Cause.TEMPORARY,
    "31": Cause.NUMBER,
    "32": Cause.OPTED_OUT,
    "33": Cause.TEXT,
    "201": Cause.PROVIDER,
    MISSING: Cause.PROVIDER,
    UNKNOWN: Cause.PROVIDER,
    "answer_unreadable": Cause.PROVIDER,
    "in_progress": Cause.PROGRESS,
    "long_texts_refused": Cause.SETTINGS,
    "no_batch_id": Cause.PROGRESS,
    "no_report": Cause.PROGRESS,
    "rehearsal": Cause.PROGRESS,
    "report_empty": Cause.PROVIDER,
    "report_filling": Cause.PROGRESS,
    "report_of_others": Cause.PROVIDER,
    "reported": Cause.PROGRESS,
    "scheduled": Cause.PROGRESS,
}
