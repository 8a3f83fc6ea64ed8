"""The country and the kind of a number, from its digits alone."""

from contacts import phones

#: The kinds that a filter can ask for. A number that may be either a mobile or a fixed line counts as a mobile.
NUMBER_KINDS = [("mobile", "Mobile"), ("fixed_line", "Fixed line"), ("other", "Other")]


def number_facts(msisdn: str) -> tuple[str, str]:
    """The ISO 3166 code of the country of ``msisdn`` (digits), ``""`` if it belongs to none, and its kind."""
    return "", "other"
