"""The fields of a contact, declared once. Columns, forms, tables, search, staging and the freeze derive from here.

To add a field: declare it in ``FIELDS`` and add the column to ``models.ContactData`` (a test compares the two). If
campaigns are to keep it with each recipient, ``campaigns.models.Recipient`` gets the same column.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ContactField:
    """One field. ``name`` is the attribute of Contact, ImportRow and Recipient and the name in an import's mapping.

    ``label``: what users read, unless the list has a label of its own. ``max_length``: in characters; a longer cell is
    refused, never cut. ``help_text``: a hint in the form.
    """

    name: str
    label: str
    max_length: int
    help_text: str = ""
    #: A list can give it its own label, such as "First name", and campaign texts can use it as ``@@value1@@``.
    has_list_label: bool = False
    #: The table of a list shows it.
    is_in_table: bool = True
    #: The search of a list finds it.
    is_searched: bool = True
    #: A freeze copies it to the recipient.
    is_frozen: bool = True


#: In the order users see them.
FIELDS = (
    # The table shows and campaigns freeze the digits that were read from it (``msisdn``), not the phone as typed.
    ContactField("phone", "Phone", 60, is_in_table=False, is_frozen=False),
    ContactField("customer_id", "Customer ID", 100),
    *(ContactField(f"value{number}", f"Value {number}", 500, has_list_label=True) for number in range(1, 7)),
    # 1,600 characters are about ten SMS parts.
    ContactField(
        "message",
        "Own text",
        1600,
        help_text="Replaces the campaign’s text for this person. Usually blank.",
        is_in_table=False,
        is_searched=False,
    ),
)

FIELD_NAMES = tuple(field.name for field in FIELDS)
#: ``value1`` to ``value6``.
VALUE_FIELDS = tuple(field.name for field in FIELDS if field.has_list_label)
#: What a freeze copies from a contact to a recipient, besides the msisdn.
FROZEN_FIELDS = tuple(field.name for field in FIELDS if field.is_frozen)
TABLE_FIELDS = tuple(field.name for field in FIELDS if field.is_in_table)
SEARCHED_FIELDS = tuple(field.name for field in FIELDS if field.is_searched)
FIELD_LABELS = {field.name: field.label for field in FIELDS}
MAX_LENGTHS = {field.name: field.max_length for field in FIELDS}
HELP_TEXTS = {field.name: field.help_text for field in FIELDS if field.help_text}
