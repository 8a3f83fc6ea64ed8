from django.contrib import admin
from django.http import HttpRequest

from providers.models import Account


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    """Shows accounts. Most fields are changed on the Accounts screen only, which handles host keys and secrets."""

    list_display = ("name", "provider", "host", "login", "is_active", "stopped_at", "checked_at")
    list_filter = ("provider", "is_active", ("stopped_at", admin.EmptyFieldListFilter), "stopped_code", "checked_at")
    search_fields = ("name", "provider", "stopped_sentence")
    date_hierarchy = "created_at"
    fields = (
        "name",
        "files_an_hour",
        "is_active",
        "provider",
        "settings",
        "host_key",
        "stopped_at",
        "stopped_code",
        "stopped_sentence",
        "checked_at",
        "check_result",
        "created_at",
        "updated_at",
    )
    readonly_fields = tuple(field for field in fields if field not in ("name", "files_an_hour", "is_active"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        """An account that is no longer used is switched off; its campaigns keep referring to it."""
        return False
