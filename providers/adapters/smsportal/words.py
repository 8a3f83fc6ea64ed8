"""SMSPortal's folders and error codes, and what they mean for people."""

import re

SEND, PROCESSED, ERRORS = "Send_SMS", "Processed", "Errors"

# SMSPortal SFTP, "Error Codes": the complete list.
WORDS = {
    "InsufficientCredits": "SMSPortal says there are not enough credits for this file. Top up the account.",
    "IncorrectScheduledDate": "SMSPortal says the end is earlier than the start.",
    "MSISDN.NoNetworkFound": "No network is known for this number.",
    "MSISDN.Optout": "This number has opted out with SMSPortal.",
    "RequiredParameter.Missing": "SMSPortal misses something it requires in the file.",
    "File.InvalidVersion": "SMSPortal says the version of the file is missing or wrong.",
    "File.ParseError": "SMSPortal could not read some fields of the file.",
    "File.DuplicateFound": "SMSPortal has already processed a file of this name and dropped this one.",
    "File.Corrupt": "SMSPortal could not read the file.",
    "EmptySend.NoValidMessages": "SMSPortal found nobody in the file to text, for example because all have opted out.",
    "InternalServerError": "SMSPortal had an internal error; how many were texted is not known.",
}
UNKNOWN = "UNKNOWN"
# Of the eleven those that say "the MSISDN", so one recipient and no more; said without a number they do not tell whom.
ABOUT_ONE_RECIPIENT = {"MSISDN.NoNetworkFound", "MSISDN.Optout"}

_CODE = re.compile(r"\b(?:" + "|".join(re.escape(code) for code in WORDS) + r")\b", re.IGNORECASE)
_BY_LOWER = {code.lower(): code for code in WORDS}
# A word of one of SMSPortal's families that its list does not have.
_UNLISTED = re.compile(r"\b(?:MSISDN|RequiredParameter|File|EmptySend)\.[A-Z]\w+")


def listed(text: str) -> list[str]:
    """Return the error codes in ``text`` that SMSPortal documents, in its spelling and in order of appearance."""
    return [_BY_LOWER[found.lower()] for found in _CODE.findall(text)]


def unlisted(text: str) -> list[str]:
    """Return the words in ``text`` that look like SMSPortal's error codes and are not in its list."""
    return [found for found in _UNLISTED.findall(text) if found.lower() not in _BY_LOWER]
