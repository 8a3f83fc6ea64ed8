"""The results of *Test connection* with BulkSMS."""

import re
from datetime import timedelta
from decimal import Decimal

from providers.adapters.bulksms.answers import Answer
from providers.adapters.bulksms.words import FAILURES, LOGIN_REFUSED
from providers.base import Check
from providers.transports.http import HttpRemote

# The server's clock comes with an answer that may have been on its way for as long as HTTP_TOTAL_SECONDS (over three
# minutes), and a difference only shifts a planned start by as much.
_CLOCK_TOLERANCE = timedelta(minutes=5)


def login_sentence(answer: Answer, hint: str) -> str:
    if answer.code == LOGIN_REFUSED:
        return f"{FAILURES[LOGIN_REFUSED][1]} {hint}"
    if answer.code in FAILURES:
        return FAILURES[answer.code][1]
    return f"BulkSMS answered with the unknown status {answer.code}."


def check_encryption(remote: HttpRemote) -> Check:
    if not remote.is_encrypted:
        sentence = (
            "The account's address has no encryption: the password, the texts and the numbers can be read in transit."
        )
        return Check("encryption", "Encryption", None, sentence, is_warning=True)
    if remote.certificate_ends_at:
        sentence = f"The certificate is valid until {remote.certificate_ends_at:%Y-%m-%d}."
    else:
        sentence = "The certificate is valid."
    return Check("certificate", "Certificate", True, sentence)


def check_credits(answer: Answer) -> Check:
    """get_credits: ``0|<balance>``."""
    label = "Free credits"
    if not re.fullmatch(r"-?\d+(\.\d+)?", answer.words):
        return Check("credits", label, None, "BulkSMS did not report the credit balance.")
    credits = Decimal(answer.words)
    sentence = f"There {'is' if credits == 1 else 'are'} {credits_in_words(credits, 'free ')}."
    if credits <= 0:
        return Check("credits", label, False, f"{sentence} Top up the account.", credit=str(credits))
    return Check("credits", label, True, sentence, credit=str(credits))


def credits_in_words(credits: Decimal, adjective: str = "") -> str:
    """Return for example ``1 credit`` or ``1,234.5 free credits``."""
    amount = f"{int(credits):,}" if credits == int(credits) else f"{credits:,}"
    return f"{amount} {adjective}{'credit' if credits == 1 else 'credits'}"


def check_clock(difference: timedelta) -> Check:
    seconds = abs(int(difference.total_seconds()))
    if abs(difference) > _CLOCK_TOLERANCE:
        sentence = f"This machine's clock and BulkSMS's differ by {seconds} seconds. Set this machine's clock."
        return Check("clock", "Clock", False, sentence)
    return Check("clock", "Clock", True, f"This machine's clock and BulkSMS's differ by {seconds} seconds.")
