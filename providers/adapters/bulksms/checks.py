"""The lines of *Test connection*."""

import re
from datetime import timedelta
from decimal import Decimal

from providers.adapters.bulksms.answers import Answer
from providers.adapters.bulksms.words import FAILURES, LOGIN_REFUSED
from providers.base import (
    Check,
)
from providers.transports.http import HttpRemote

_CLOCK_TOLERANCE = timedelta(minutes=5)


def login_sentence(answer: Answer, hint: str) -> str:
    if answer.code == LOGIN_REFUSED:
        return f"{FAILURES[LOGIN_REFUSED][1]} {hint}"
    if answer.code in FAILURES:
        return FAILURES[answer.code][1]
    return f"BulkSMS answered with status {answer.code}, which Baton does not know."


def check_encryption(remote: HttpRemote) -> Check:
    if not remote.is_encrypted:
        said = (
            "The account's address has no encryption: the password, the texts and the numbers can be read on the way."
        )
        return Check("encryption", "Encryption", None, said, is_warning=True)
    if remote.certificate_ends_at:
        said = f"The certificate is valid until {remote.certificate_ends_at:%Y-%m-%d}."
    else:
        said = "The certificate is valid."
    return Check("certificate", "Certificate", True, said)


def check_credits(answer: Answer) -> Check:
    """get_credits: ``0|<balance>``."""
    label = "Free credits"
    if not re.fullmatch(r"-?\d+(\.\d+)?", answer.words):
        return Check("credits", label, None, "BulkSMS did not say how many credits there are.")
    credits = Decimal(answer.words)
    said = f"There {'is' if credits == 1 else 'are'} {amount(credits)} free {noun(credits)}."
    if credits <= 0:
        return Check("credits", label, False, f"{said} Top up the account.")
    return Check("credits", label, True, said)


def amount(credits: Decimal) -> str:
    return f"{int(credits):,}" if credits == int(credits) else f"{credits:,}"


def noun(credits: Decimal) -> str:
    return "credit" if credits == 1 else "credits"


def check_clock(difference: timedelta) -> Check:
    seconds = abs(int(difference.total_seconds()))
    if abs(difference) > _CLOCK_TOLERANCE:
        said = f"This machine's clock and BulkSMS's differ by {seconds} seconds. Set this machine's clock."
        return Check("clock", "Clock", False, said)
    return Check("clock", "Clock", True, f"This machine's clock and BulkSMS's differ by {seconds} seconds.")
