from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class BatonAdminConfig(AdminConfig):
    """Django's admin with Baton's login and names."""

    default_site = "config.admin.BatonAdminSite"


class CommandsConfig(AppConfig):
    """The commands in ``config/management``; this package has no models."""

    name = "config"
