"""The country and the kind of a number, from its digits alone. Stored with each contact, for filters."""

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from contacts.phones import country_of, kind_of
from contacts.phones.numbering import main_country, region_of_mobile

#: The kinds that a filter can ask for. A number that may be either a mobile or a fixed line counts as a mobile.
NUMBER_KINDS = [("mobile", "Mobile"), ("fixed_line", "Fixed line"), ("other", "Other")]
#: The columns that hold what ``number_facts`` returns.
NUMBER_FACTS = ("number_country", "number_kind")
_CODES = frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))
_KINDS = {"mobile": "mobile", "mobile_or_fixed_line": "mobile", "fixed_line": "fixed_line"}


def number_facts(msisdn: str) -> tuple[str, str]:
    """The ISO 3166 code of the country of ``msisdn`` (digits), ``""`` if it belongs to none, and its kind.

    An import calls this for each row, so mobiles do not go through the library, which takes fifty times as long.
    """
    code = next((msisdn[:length] for length in (1, 2, 3) if msisdn[:length] in _CODES), "")
    region = region_of_mobile(code, msisdn[len(code) :]) if code else ""
    if region:
        return main_country(region), "mobile"
    return country_of(msisdn), _KINDS.get(kind_of(msisdn), "other")
