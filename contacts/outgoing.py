"""Sentences that leave Baton in e-mails and webhooks, or that the audit trail keeps for good."""

import re

#: The name of a campaign may hold a number of a person: digits, perhaps with blanks between them. A date is none.
_DATE = r"(?<!\d)(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)"
_NUMBER = re.compile(rf"({_DATE})|\+?\d(?:[ ().-]{{0,2}}\d){{6,}}")


def without_numbers(sentence: str) -> str:
    """``sentence`` with "(a number)" in the place of everything that may be a phone number."""
    return _NUMBER.sub(lambda found: found[1] or "(a number)", sentence)
