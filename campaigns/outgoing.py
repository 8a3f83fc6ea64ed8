"""Sentences that leave Baton in e-mails and webhooks, where they may be read on any screen."""

import re

#: The name of a campaign may hold a number of a person: digits, perhaps with blanks between them.
_NUMBER = re.compile(r"\+?\d(?:[ ().-]{0,2}\d){6,}")


def without_numbers(sentence: str) -> str:
    """``sentence`` with "(a number)" in the place of everything that may be a phone number."""
    return _NUMBER.sub("(a number)", sentence)
