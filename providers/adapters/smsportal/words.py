"""SMSPortal's folders and error codes, and what they mean for people."""

import re

from providers.causes import Cause

SEND, PROCESSED, ERRORS = "Send_SMS", "Processed", "Errors"

# SMSPortal SFTP, "Error Codes": the complete list.
WORDS = {
    "InsufficientCredits": "SMSPortal reports too few credits for this file. Top up the account.",
    "IncorrectScheduledDate": "SMSPortal reports that the end is earlier than the start.",
    "MSISDN.NoNetworkFound": "SMSPortal found no network for this number.",
    "MSISDN.Optout": "This number has opted out with SMSPortal.",
    "RequiredParameter.Missing": "SMSPortal reports that something it requires is missing from the file.",
    "File.InvalidVersion": "SMSPortal reports that the version of the file is missing or wrong.",
    "File.ParseError": "SMSPortal could not read some fields of the file.",
    "File.DuplicateFound": "SMSPortal has already processed a file with this name and dropped this one.",
    "File.Corrupt": "SMSPortal could not read the file.",
    "EmptySend.NoValidMessages": "SMSPortal found nobody to text in the file, for example because all have opted out.",
    "InternalServerError": "SMSPortal had an internal error; how many people were texted is not known.",
}
UNKNOWN = "UNKNOWN"
CAUSES = {
    "InsufficientCredits": Cause.CREDIT,
    "IncorrectScheduledDate": Cause.SETTINGS,
    "MSISDN.NoNetworkFound": Cause.NUMBER,
    "MSISDN.Optout": Cause.OPTED_OUT,
    "RequiredParameter.Missing": Cause.PROVIDER,
    "File.InvalidVersion": Cause.PROVIDER,
    "File.ParseError": Cause.PROVIDER,
    "File.DuplicateFound": Cause.PROVIDER,
    "File.Corrupt": Cause.TEMPORARY,
    "EmptySend.NoValidMessages": Cause.NUMBER,
    "InternalServerError": Cause.PROVIDER,
    UNKNOWN: Cause.PROVIDER,
    "errors_by_inner_name": Cause.PROVIDER,
    "errors_waiting": Cause.PROGRESS,
    "processed": Cause.PROGRESS,
    "waiting": Cause.PROGRESS,
    "waiting_after_break": Cause.PROVIDER,
}
# The codes that the document describes with "the MSISDN": each is about one recipient. A report that gives such a code
# without a number does not say which recipient.
ABOUT_ONE_RECIPIENT = {"MSISDN.NoNetworkFound", "MSISDN.Optout"}

_CODE = re.compile(r"\b(?:" + "|".join(re.escape(code) for code in WORDS) + r")\b", re.IGNORECASE)
_BY_LOWER = {code.lower(): code for code in WORDS}
# A code of one of SMSPortal's families; it may be missing from the list.
_UNLISTED = re.compile(r"\b(?:MSISDN|RequiredParameter|File|EmptySend)\.[A-Z]\w+")


def listed(text: str) -> list[str]:
    """Return the error codes in ``text`` that SMSPortal documents, in its spelling and in order of appearance."""
    return [_BY_LOWER[found.lower()] for found in _CODE.findall(text)]


def unlisted(text: str) -> list[str]:
    """Return the words in ``text`` that look like SMSPortal's error codes and are not in its list."""
    return [found for found in _UNLISTED.findall(text) if found.lower() not in _BY_LOWER]
