from django.apps import AppConfig

from contacts import contacted, usage


class CampaignsConfig(AppConfig):
    name = "campaigns"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        usage.register("campaigns.audience.usage.in_use")
        contacted.register("campaigns.audience.contacted.contacted_since")
