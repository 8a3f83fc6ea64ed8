from django.contrib.admin.apps import AdminConfig


class BatonAdminConfig(AdminConfig):
    """Django's admin with Baton's login and names."""

    default_site = "config.admin.BatonAdminSite"
