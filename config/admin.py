"""The admin: for superusers alone, with Baton's one login, names and colours."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

#: The sections' names where a library's own would be unclear, by app label.
SECTIONS = {"auth": "People and roles", "mfa": "Two-step login", "audit": "Audit trail"}


class BatonAdminSite(AdminSite):
    site_header = "Baton administration"
    site_title = "Baton"
    index_title = "Tables"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.is_active and request.user.is_superuser

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The admin's own form would know neither the second step nor the limits on wrong passwords."""
        if not request.user.is_authenticated:
            return redirect_to_login(request.GET.get("next") or request.get_full_path())
        if not self.has_permission(request):
            raise PermissionDenied
        return redirect("admin:index")

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        sections = super().get_app_list(request, app_label)
        for section in sections:
            section["name"] = SECTIONS.get(section["app_label"], section["name"])
        return sections
