"""What the columns of a spreadsheet mean: a guess from the header, and the mapping an operator confirmed."""

import re
from collections.abc import Mapping, Sequence

from contacts.errors import Refusal
from contacts.models import CONTACT_FIELDS, FIELD_LABELS, VALUE_FIELDS

#: How long a cell may be in each field, in characters; what is longer is refused, never cut. ``message`` is an SMS.
LENGTHS = {"phone": 60, "customer_id": 100, "name": 200, "message": 1600, **dict.fromkeys(VALUE_FIELDS, 500)}

# The better a name says what it is, the further in front; a column is guessed by the best name in the whole header.
PHONE_NAMES = (
    "phone", "phone number", "mobile number", "mobile", "cell number", "cell", "cellphone", "cellphone number",
    "cell phone", "cell phone number", "mobile phone", "mobile phone number", "msisdn", "telephone",
    "telephone number", "tel", "tel no", "phone no", "mobile no", "cell no", "contact number", "contact no",
    "handset", "gsm", "handy", "handynummer", "telefon", "telefonnummer", "mobilnummer", "number", "destination",
    "recipient", "to",
)  # fmt: skip
NAMES = {
    "phone": PHONE_NAMES,
    "customer_id": (
        "customer id", "customer number", "customer no", "customer", "client id", "client number", "client no",
        "account number", "account no", "account id", "account", "member number", "member id", "membership number",
        "policy number", "reference", "ref", "id",
    ),
    "name": (
        "name", "full name", "customer name", "client name", "contact name", "first name", "firstname", "given name",
        "forename", "contact", "surname", "last name",
    ),
    "message": ("message", "own text", "sms text", "sms", "text", "message text", "body"),
}  # fmt: skip
_SPLIT = re.compile(r"[^0-9a-z]+|(?<=[a-z])(?=[0-9])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class ColumnsError(Refusal):
    """A column mapping cannot be used."""


def guess(header: Sequence[str], labels: Mapping[str, str]) -> dict[int, str]:
    """Which column, counted from 0, is likely which field of a contact; ``labels`` are the list's own names of them.

    The list's labels come first, then usual names, the best known first. No field twice; a column nothing is known
    about is not in the answer.
    """
    names = [_plain(title) for title in header]
    mapping: dict[int, str] = {}
    candidates = [(field, _plain(label)) for field, label in labels.items() if field in CONTACT_FIELDS and label]
    for field in CONTACT_FIELDS:
        candidates += [(field, _plain(field)), (field, _plain(FIELD_LABELS[field]))]
        candidates += [(field, name) for name in NAMES.get(field, ())]
    for field, name in candidates:
        if field not in mapping.values() and name in names and names.index(name) not in mapping:
            mapping[names.index(name)] = field
    return dict(sorted(mapping.items()))


def validate(mapping: Mapping[int, str], header: Sequence[str]) -> None:
    """Raises ColumnsError ``no_phone_column``, ``field_twice``, ``unknown_field`` or ``unknown_column``."""
    for column, field in mapping.items():
        if field not in CONTACT_FIELDS:
            raise ColumnsError("unknown_field", f"{field} is no field of a contact. Use {', '.join(CONTACT_FIELDS)}.")
        if not 0 <= column < len(header):
            raise ColumnsError(
                "unknown_column", f"The sheet has {len(header)} columns; there is no column {column + 1}."
            )
    for field in CONTACT_FIELDS:
        columns = [header[column] or f"column {column + 1}" for column, found in mapping.items() if found == field]
        if len(columns) > 1:
            said = f"{' and '.join(columns)} are both mapped to {FIELD_LABELS[field]}. Keep one of them."
            raise ColumnsError("field_twice", said)
    if "phone" not in mapping.values():
        raise ColumnsError("no_phone_column", "No column is mapped to Phone. Choose the one with the phone numbers.")


def apply(mapping: Mapping[int, str], row: Sequence[str]) -> dict[str, str]:
    """The cells of ``row`` by field of a contact; a mapped column the row is too short for is empty."""
    return {field: row[column].strip() if column < len(row) else "" for column, field in mapping.items()}


def stored(mapping: Mapping[int, str]) -> dict[str, str]:
    """``mapping`` as JSON can hold it: the keys are texts."""
    return {str(column): field for column, field in sorted(mapping.items())}


def restored(mapping: Mapping[str, str]) -> dict[int, str]:
    """What ``stored`` made, as a mapping again."""
    return {int(column): field for column, field in mapping.items() if field}


def _plain(title: str) -> str:
    """``"Cell_No."``, ``"cellNo"`` and ``"CELL NO"`` are one name."""
    return " ".join(filter(None, _SPLIT.split(_CAMEL.sub(" ", title).lower())))
