"""The fields of a contact are declared once: models, form, table and freeze agree with the declaration."""

import pytest
from django.db import models

from campaigns.models import Recipient
from contacts.fields import FIELD_NAMES, FROZEN_FIELDS, MAX_LENGTHS, TABLE_FIELDS, VALUE_FIELDS
from contacts.forms import ContactForm
from contacts.models import Contact, ContactData, ContactList, ImportRow
from contacts.tables import ContactTable


def length(model: type[models.Model], name: str) -> int:
    """The length of a column; of a TextField, which has none, the declared one, which an import enforces."""
    column = model._meta.get_field(name)
    assert isinstance(column, models.Field)
    return column.max_length or MAX_LENGTHS[name]


@pytest.mark.parametrize("model", [Contact, ImportRow])
def test_models_have_the_declared_fields_with_their_lengths(model: type[models.Model]) -> None:
    assert {field.name for field in ContactData._meta.get_fields()} == set(FIELD_NAMES)
    assert {name: length(model, name) for name in FIELD_NAMES} == MAX_LENGTHS


def test_a_recipient_can_hold_everything_that_a_freeze_copies() -> None:
    assert all(length(Recipient, name) >= MAX_LENGTHS[name] for name in FROZEN_FIELDS)


def test_value1_to_value6_are_what_a_list_can_label() -> None:
    assert VALUE_FIELDS == ("value1", "value2", "value3", "value4", "value5", "value6")


def test_the_form_and_the_table_follow_the_declaration() -> None:
    contact_list = ContactList(name="Customers", labels={"value2": "Balance"})
    form = ContactForm(instance=Contact(list=contact_list))
    assert tuple(form.fields) == FIELD_NAMES
    assert form.fields["value2"].label == "Balance"
    table = ContactTable([], contact_list=contact_list, opted_out=set())
    assert tuple(table.sequence) == ("msisdn", "status", *TABLE_FIELDS)
    assert [column.verbose_name for column in table.columns] == ["Number", "Status", "Customer ID", "Balance"]
