"""GatewayAPI's error codes, causes and states of a file, and what they mean for people."""

import re

from providers.causes import Cause
from providers.transports.files import is_plain

# GatewayAPI, "Error code index", "API Errors", as far as they can occur with files; then the subjects of causes that
# are given in words.
WORDS = {
    "0x0210": "GatewayAPI does not know the user name.",
    "0x0214": "GatewayAPI has temporarily blocked a number of the file.",
    "0x0215": "GatewayAPI has a number of the file on its blacklist.",
    "0x0216": "GatewayAPI reports too little credit for this file. Top up the account.",
    "0x0217": "GatewayAPI does not allow this account to text the country of a number in this file.",
    "0x0218": "GatewayAPI does not know the message class of the file.",
    "0x021D": "GatewayAPI has not switched on texting for this account.",
    "0x021E": "GatewayAPI has not set up the message class of the file for this account.",
    "0x021F": "GatewayAPI does not allow this account to text the operator of a number in this file.",
    "0x0220": "GatewayAPI does not accept one of the columns of the file.",
    "0x0222": "GatewayAPI reports that a column it requires is missing from the file.",
    "0x022A": "GatewayAPI has frozen the account.",
    "0x0310": "GatewayAPI reports that a number is in the file more than once.",
    "0x0311": "GatewayAPI does not offer this priority.",
    "0x0312": "GatewayAPI blocked the text because of its content.",
    "columns": "GatewayAPI could not read the file: something is wrong with its columns.",
    "class": "GatewayAPI does not accept the message class of the file.",
    "sender": "GatewayAPI does not accept the sender of the file.",
    "encoding": "GatewayAPI could not read the characters of the file.",
    "credit": "GatewayAPI reports too little credit for this file. Top up the account.",
    "size": "GatewayAPI reports that the file is too large.",
}
UNKNOWN = "UNKNOWN"
CAUSES = {
    "0x0210": Cause.ACCOUNT,
    "0x0214": Cause.TEMPORARY,
    "0x0215": Cause.OPTED_OUT,
    "0x0216": Cause.CREDIT,
    "0x0217": Cause.PROVIDER,
    "0x0218": Cause.SETTINGS,
    "0x021D": Cause.PROVIDER,
    "0x021E": Cause.SETTINGS,
    "0x021F": Cause.PROVIDER,
    "0x0220": Cause.PROVIDER,
    "0x0222": Cause.PROVIDER,
    "0x022A": Cause.PROVIDER,
    "0x0310": Cause.PROVIDER,
    "0x0311": Cause.SETTINGS,
    "0x0312": Cause.TEXT,
    "columns": Cause.PROVIDER,
    "class": Cause.SETTINGS,
    "sender": Cause.SENDER,
    "encoding": Cause.SETTINGS,
    "credit": Cause.CREDIT,
    "size": Cause.PROVIDER,
    UNKNOWN: Cause.PROVIDER,
    "processing": Cause.PROGRESS,
    "ready": Cause.PROGRESS,
    "rejected_waiting": Cause.PROGRESS,
    "servers_disagree": Cause.PROVIDER,
    "source_gone": Cause.PROVIDER,
    "staged": Cause.PROGRESS,
    "success": Cause.PROGRESS,
    "upload_incomplete": Cause.TEMPORARY,
    "upload_vanished": Cause.PROVIDER,
}
# Causes about the file as a whole. assumption: nothing of a file that is rejected for one of them was queued.
ABOUT_THE_FILE = frozenset(
    {"0x0216", "0x0218", "0x021E", "0x0220", "0x0222", "columns", "class", "sender", "encoding", "credit", "size"}
)
# Causes that would also affect every further file.
ABOUT_THE_ACCOUNT = frozenset({"0x0210", "0x0216", "0x021D", "0x022A", "credit"})
ABOUT_A_NUMBER = {
    "0x0215": "GatewayAPI has this number on its blacklist.",
    "0x0217": "GatewayAPI does not allow this account to text the country of this number.",
    "0x021F": "GatewayAPI does not allow this account to text the operator of this number.",
}
# assumption: the wording of a cause is not documented; a line that names a subject and says that something is wrong is
# taken to be about that subject.
_SUBJECTS = {
    "columns": r"columns?|headers?",
    "class": r"class(?:es)?",
    "sender": r"senders?",
    "encoding": r"encoding|charset|character set|utf-?8|cp1252|decod\w+",
    "credit": r"credits?|balance|funds",
    "size": r"file ?size|size of the file|too (?:large|big)|larger than|\d+ ?MB",
}
_IS_ABOUT = {code: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for code, words in _SUBJECTS.items()}
_IS_WRONG = re.compile(
    r"\b(?:unknown|invalid|missing|insufficient|no|not|cannot|can't|unsupported|differ\w*|mixed|mismatch\w*|must|too|larger|"
    r"exceed\w*|unable|fail\w*|wrong|bad|required|malformed|illegal|low|error)\b",
    re.IGNORECASE,
)
# If one of these is in the cause, a known cause no longer means that nothing was queued: a named row was reached.
LEAVES_OPEN = re.compile(
    r"\b(?:internal|temporar\w+|partial\w*|partly|some|remaining|the rest|queued|time[ d]*-?out|try again|unexpected|"
    r"unknown error)\b"
    r"|\b(?:rows|lines)\b\D{0,12}\d|\b(?:row|line)\b(?:\s*(?:no\.?|number))?\s*[#:]?\s*(?!0*1\b)\d"
    r"|\b(?:after|processed|accepted|already)\W+(?!0x)\d|\d\s+(?:\w+\s+){0,3}(?:accepted|processed|delivered|already)\b",
    re.IGNORECASE,
)
# "Error code index": codes that end in 06, "Insufficient Resources", and 08, "Invalid Argument", mean something else in
# each context, which only the words next to them explain.
_LEFT_TO_WORDS = ("06", "08")
CODE = re.compile(r"\b0x([0-9a-f]{4})\b", re.IGNORECASE)

# The state of a file: one of these after the stem, before or after the timestamp.
# assumption: the exact name is not documented, so the last of them counts, in upper or lower case.
_STATE = re.compile(r"\.(ready|processing|rejected|success)(?![a-z])")


def contains(name: str, stem: str) -> bool:
    """Whether the file belongs to the batch with this stem, by its name."""
    return stem.lower() in name.lower() and is_plain(name)


def state_of(name: str, stem: str) -> str:
    """Return ``ready``, ``processing``, ``rejected`` or ``success``; ``""`` for a name that contains none of them."""
    _, _, rest = name.lower().partition(stem.lower())
    return (_STATE.findall(rest) or [""])[-1]


def causes(text: str) -> list[str]:
    """Return every cause: codes in order of appearance, then the subjects of the lines without a clear code."""
    codes, words = [], []
    for line in text.splitlines():
        named = [f"0x{digits.upper()}" for digits in CODE.findall(line)]
        clear = [code for code in named if code[-2:] not in _LEFT_TO_WORDS]
        codes += clear
        if not clear and (named or _IS_WRONG.search(line)):
            words += [subject for subject, pattern in _IS_ABOUT.items() if pattern.search(line)]
    return codes + words
