"""The four roles, as groups."""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

APPS = ("contacts", "providers", "campaigns")
OPERATOR = {
    "contacts": (
        "add_contactlist",
        "change_contactlist",
        "delete_contactlist",
        "add_contact",
        "change_contact",
        "delete_contact",
        "add_import",
        "change_import",
        "add_suppression",
        "change_suppression",
        "add_consent",
    ),
    "campaigns": (
        "add_template",
        "change_template",
        "delete_template",
        "add_campaign",
        "change_campaign",
        "delete_campaign",
    ),
}
APPROVER = {"campaigns": ("approve_campaign", "release_batch", "decide_batch")}
ADMINISTRATOR = {
    "providers": ("add_account", "change_account", "delete_account"),
    "auth": ("view_user", "add_user", "change_user", "view_group"),
}


def make_roles(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the groups. Permissions are made after a migrate; here they are needed already."""
    for label in (*APPS, "auth"):
        config = apps.get_app_config(label)
        config.models_module = getattr(config, "models_module", None) or True
        create_permissions(config, verbosity=0, apps=apps)
    permission = apps.get_model("auth", "Permission").objects
    group = apps.get_model("auth", "Group").objects
    everybody = list(permission.filter(content_type__app_label__in=APPS, codename__startswith="view_"))
    for name, granted in (
        ("viewer", {}),
        ("operator", OPERATOR),
        ("approver", APPROVER),
        ("administrator", ADMINISTRATOR),
    ):
        role, _ = group.get_or_create(name=name)
        role.permissions.set(everybody)
        for label, codenames in granted.items():
            role.permissions.add(*permission.filter(content_type__app_label=label, codename__in=codenames))


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_roles, migrations.RunPython.noop)]
