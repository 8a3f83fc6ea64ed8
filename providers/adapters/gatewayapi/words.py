"""GatewayAPI's error codes, causes and states of a file, and what they mean for people."""

import re

from providers.transports.files import is_plain

# GatewayAPI, "Error code index", "API Errors", as far as a file can meet them; then what a cause in words is about.
WORDS = {
    "0x0210": "GatewayAPI does not know the user name.",
    "0x0214": "GatewayAPI keeps a number from being texted for a while.",
    "0x0215": "GatewayAPI has a number of the file on its blacklist.",
    "0x0216": "GatewayAPI says there is not enough credit for this file. Top up the account.",
    "0x0217": "GatewayAPI may not text the country of a number of the file for this account.",
    "0x0218": "GatewayAPI does not know the message class of the file.",
    "0x021D": "GatewayAPI has not switched on texting for this account.",
    "0x021E": "GatewayAPI has not set up the message class of the file for this account.",
    "0x021F": "GatewayAPI may not text the operator of a number of the file for this account.",
    "0x0220": "GatewayAPI does not take one of the columns of the file.",
    "0x0222": "GatewayAPI misses a column that it requires in the file.",
    "0x022A": "GatewayAPI has frozen the account.",
    "0x0310": "GatewayAPI says a number is in the file more than once.",
    "0x0311": "GatewayAPI does not offer this priority.",
    "0x0312": "GatewayAPI filtered the text because of what it says.",
    "columns": "GatewayAPI could not read the file: something is wrong with its columns.",
    "class": "GatewayAPI does not take the message class of the file.",
    "sender": "GatewayAPI does not take the sender of the file.",
    "encoding": "GatewayAPI could not read the characters of the file.",
    "credit": "GatewayAPI says there is not enough credit for this file. Top up the account.",
    "size": "GatewayAPI says the file is too large.",
}
UNKNOWN = "UNKNOWN"
# What is wrong with the file as a whole. assumption: nothing of a file rejected for such a cause was queued.
ABOUT_THE_FILE = frozenset(
    {"0x0216", "0x0218", "0x021E", "0x0220", "0x0222", "columns", "class", "sender", "encoding", "credit", "size"}
)
# Those that every further file would meet as well.
ABOUT_THE_ACCOUNT = frozenset({"0x0210", "0x0216", "0x021D", "0x022A", "credit"})
ABOUT_A_NUMBER = {
    "0x0215": "GatewayAPI has this number on its blacklist.",
    "0x0217": "GatewayAPI may not text the country of this number for this account.",
    "0x021F": "GatewayAPI may not text the operator of this number for this account.",
}
# assumption: how a cause is worded is not documented; a line that names a subject and says it is wrong is taken at it.
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
# Beside any of these a known cause says no longer that nothing was queued: a row that is named was reached.
LEAVES_OPEN = re.compile(
    r"\b(?:internal|temporar\w+|partial\w*|partly|some|remaining|the rest|queued|time[ d]*-?out|try again|unexpected|"
    r"unknown error)\b"
    r"|\b(?:rows|lines)\b\D{0,12}\d|\b(?:row|line)\b(?:\s*(?:no\.?|number))?\s*[#:]?\s*(?!0*1\b)\d"
    r"|\b(?:after|processed|accepted|already)\W+(?!0x)\d|\d\s+(?:\w+\s+){0,3}(?:accepted|processed|delivered|already)\b",
    re.IGNORECASE,
)
# "Error code index": codes that end in 06, "Insufficient Resources", and 08, "Invalid Argument", mean something else in
# each context; what, only the words beside them say.
_LEFT_TO_WORDS = ("06", "08")
CODE = re.compile(r"\b0x([0-9a-f]{4})\b", re.IGNORECASE)

# One of these, after the stem and wherever the timestamp stands, says how far the file is.
# assumption: the exact name is not documented, so the last of them counts, in any case of letters.
_STATE = re.compile(r"\.(ready|processing|rejected|success)(?![a-z])")


def bears(name: str, stem: str) -> bool:
    return stem.lower() in name.lower() and is_plain(name)


def state_of(name: str, stem: str) -> str:
    """``ready``, ``processing``, ``rejected`` or ``success``; ``""`` for a name that says none of them."""
    _, _, rest = name.lower().partition(stem.lower())
    return (_STATE.findall(rest) or [""])[-1]


def causes(said: str) -> list[str]:
    """Every cause in the order of appearance, codes before words; a line without a telling code by what it is about."""
    codes, words = [], []
    for line in said.splitlines():
        named = [f"0x{digits.upper()}" for digits in CODE.findall(line)]
        telling = [code for code in named if code[-2:] not in _LEFT_TO_WORDS]
        codes += telling
        if not telling and (named or _IS_WRONG.search(line)):
            words += [subject for subject, pattern in _IS_ABOUT.items() if pattern.search(line)]
    return codes + words
