"""The audit trail has pages of its own; the library's screen in the admin would only repeat them."""

from django.contrib import admin

from audit.models import AuditEntry

admin.site.unregister(AuditEntry)
