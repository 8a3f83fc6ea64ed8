"""The database holds every table, column, constraint and index that the models declare."""

import pytest
from django.apps import apps
from django.db import connection, models

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

OURS = ("campaigns", "contacts", "providers")
MODELS = [model for app in OURS for model in apps.get_app_config(app).get_models(include_auto_created=True)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_table_has_its_columns_constraints_and_indexes(model: type[models.Model]) -> None:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        columns = {column.name for column in connection.introspection.get_table_description(cursor, table)}
        found = connection.introspection.get_constraints(cursor, table)
    assert columns == {field.column for field in model._meta.local_concrete_fields}
    declared = {one.name for one in (*model._meta.constraints, *model._meta.indexes)}
    assert declared <= set(found)
    pointing = {field.column for field in model._meta.local_concrete_fields if field.remote_field}
    assert pointing == {one["columns"][0] for one in found.values() if one["foreign_key"]}
    alone = {field.column for field in model._meta.local_concrete_fields if field.unique and not field.primary_key}
    assert alone <= {one["columns"][0] for one in found.values() if one["unique"] and len(one["columns"]) == 1}
