"""The admin: templates can be edited; everything else is read-only, because only Baton itself may change it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from campaigns.models import (
    Attempt,
    Batch,
    Campaign,
    CampaignList,
    Event,
    Evidence,
    Recipient,
    RecipientOutcome,
    Template,
)
from campaigns.template_versions import current_version
from contacts.admin import AutocompleteFilter, ReadOnlyAdmin, ReadOnlyMixin, number


@admin.register(Template)
class TemplateAdmin(admin.ModelAdmin):
    list_display = ("name", "sender", "created_by", "updated_at")
    list_filter = ("updated_at",)
    search_fields = ("name", "text")
    readonly_fields = ("created_by", "created_at", "updated_at")

    def save_model(self, request: HttpRequest, obj: Template, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user  # type: ignore[assignment]
        super().save_model(request, obj, form, change)
        current_version(obj, request.user)


class CampaignListInline(ReadOnlyMixin, admin.TabularInline):
    fk_name = "campaign"
    model = CampaignList
    extra = 0


@admin.register(Campaign)
class CampaignAdmin(ReadOnlyAdmin):
    list_display = ("name", "status", "account", "effective_start_at", "created_by", "approved_by")
    list_filter = ("status", ("account", AutocompleteFilter), "is_early", "is_self_approved", "created_at")
    list_select_related = ("account", "created_by", "approved_by")
    search_fields = ("name", "text", "reason")
    date_hierarchy = "created_at"
    inlines = (CampaignListInline,)


@admin.register(Recipient)
class RecipientAdmin(ReadOnlyAdmin):
    list_display = (number, "campaign", "customer_id", "excluded_reason", "batch_number")
    list_filter = (("campaign", AutocompleteFilter), "excluded_reason")
    list_select_related = ("campaign",)
    search_fields = ("msisdn__exact", "customer_id__exact")


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ("name", "campaign", "number", "generation", "status", "rows", "reason", "handed_over_at")
    list_filter = ("status", ("account", AutocompleteFilter), "reason")
    list_select_related = ("campaign",)
    search_fields = ("name", "stem", "provider_ref", "sha256", "campaign__name")


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("name", "batch", "number", "host", "started_at", "ended_at", "ending", "code")
    list_filter = ("ending", "code")
    list_select_related = ("batch",)
    search_fields = ("name", "batch__name", "provider_ref")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "campaign", "batch", "from_status", "to_status", "reason", "user")
    list_filter = ("to_status", "reason")
    list_select_related = ("campaign", "batch", "user")
    search_fields = ("campaign__name", "batch__name", "reason", "sentence")


@admin.register(Evidence)
class EvidenceAdmin(ReadOnlyAdmin):
    list_display = ("batch", "seen_at", "last_seen_at", "polls")
    list_filter = ("seen_at",)
    list_select_related = ("batch",)
    search_fields = ("batch__name", "digest")


@admin.register(RecipientOutcome)
class RecipientOutcomeAdmin(ReadOnlyAdmin):
    list_display = ("recipient_number", "batch", "result", "code", "delivery", "source", "line")
    list_filter = ("result", "code", "delivery")
    list_select_related = ("batch", "recipient")
    search_fields = ("recipient__msisdn__exact", "batch__name", "code")

    @admin.display(description="number", ordering="recipient__msisdn")
    def recipient_number(self, row: RecipientOutcome) -> str:
        return number(row.recipient)
