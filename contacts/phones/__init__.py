"""Turns a phone number as a person typed it into digits: ``"082 555 0100"`` read in ZA is ``"27825550100"``.

A number is never guessed: what can be read in two ways is refused with a PhoneError that says what to do. Its rules are
in docs/phone-numbers.md. ``readings`` is the exception, for opt-outs: it returns everything a person could have meant.
"""

from contacts.phones.numbering import KINDS, calling_code, country_of, formatted, kind_of
from contacts.phones.parsing import EVERYTHING, MOBILES, TYPED, Accepted, check_country, mentions, parse, readings
from contacts.phones.refusals import SENTENCES, PhoneError, refusal

__all__ = [
    "EVERYTHING",
    "KINDS",
    "MOBILES",
    "SENTENCES",
    "TYPED",
    "Accepted",
    "PhoneError",
    "calling_code",
    "check_country",
    "country_of",
    "formatted",
    "kind_of",
    "mentions",
    "parse",
    "readings",
    "refusal",
]
