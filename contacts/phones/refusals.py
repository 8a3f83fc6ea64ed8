"""Why a cell is not taken in as a phone number: one code for each kind of cell, with a sentence for people."""

from contacts import countries
from contacts.errors import Refusal

_HINT = "Check the digits. A number from another country needs a plus and its country code."

#: The sentence of each code. ``{country}`` is the name of the country that the number was read for.
SENTENCES = {
    "missing": "This row has no phone number.",
    "not_a_number": "This is not a phone number. Enter it as digits, such as +27825550100.",
    "unknown_country": "{country} is not a country code that Baton knows. Use two letters, such as ZA, GB or US.",
    # Digits that no mobile phone has.
    "too_short": "This number is too short for a mobile number in {country}. {hint}",
    "too_long": "This number is too long for a mobile number in {country}. {hint}",
    "not_in_use": "This number does not exist in {country}. {hint}",
    "other_country": "This appears to be a number in {country}. If it is, write it with a plus: {number}.",
    # Numbers that exist and are not mobile phones.
    "fixed_line": "This is a fixed line in {country}, which rarely receives texts. Enter a mobile number, or choose to"
    " take in fixed lines.",
    "toll_free": "This is a toll-free number, which cannot receive texts. Enter a mobile number.",
    "premium_rate": "This is a premium-rate number, not a person's phone. Enter a mobile number.",
    "shared_cost": "This is a shared-cost number, not a person's phone. Enter a mobile number.",
    "voip": "This is an internet phone number, which may not receive texts. Enter a mobile number.",
    "personal_number": "This is a personal number that forwards calls, and may not receive texts. Enter the mobile"
    " number itself.",
    "pager": "This is the number of a pager. Enter a mobile number.",
    "uan": "This is a company's switchboard number. Enter a mobile number.",
    "voicemail": "This is the number of a voice mailbox. Enter a mobile number.",
    "short_number": "This is a short number such as an emergency or service number. Enter a mobile number.",
    # Cells that hold something else.
    "identity_number": "This appears to be an identity number, not a phone number. Check which column holds the phone.",
    "card_number": "This appears to be the number of a bank card. Remove it from the sheet, and enter a phone number.",
    "date": "This is a date or a time, not a phone number. Check which column holds the phone.",
    "amount": "This is an amount, a measurement or a coordinate, not a phone number. Check which column holds the"
    " phone.",
    "thousands_separators": "This number is divided into thousands, as amounts are. Format the column as text, and"
    " write the number without separators.",
    "ip_address": "This is the address of a computer (an IP address), not a phone number.",
    "spreadsheet_error": "This cell shows an error of the spreadsheet instead of a number. Correct it in the sheet.",
    "rounded_by_excel": "Excel rounded this number, so its last digits are lost. Format the column as text and export"
    " it again.",
    # Cells that hold more than one number.
    "two_numbers": "This cell has more than one number. Keep one, or put each in its own row.",
    "extension": "This number has an extension, and a text cannot be sent to an extension. Enter a mobile number.",
    "footnote": "This number has a footnote or a mark beside it that could be taken for a digit. Remove it.",
    "words": "This cell has words or signs beside the number. Keep only the number.",
}

#: For a plain number that ends in six zeros: it may be a real one.
APPEARS_ROUNDED = (
    "Excel appears to have rounded this number, so its last digits are lost. Format the column as text and export it"
    " again."
)


class PhoneError(Refusal):
    """A cell is not taken in as a phone number.

    ``country`` is set for the code ``other_country``: the ISO 3166 code of the country that the digits could be of.
    """

    def __init__(self, code: str, sentence: str, country: str = "") -> None:
        super().__init__(code, sentence)
        self.country = country


def refusal(code: str, country: str = "", number: str = "") -> PhoneError:
    """The PhoneError of ``code``; ``country`` is an ISO 3166 code, ``number`` a number as people write it."""
    sentence = SENTENCES[code].format(country=countries.name_of(country), number=number, hint=_HINT)
    return PhoneError(code, sentence, country if code == "other_country" else "")
