"""Where each app's screens live."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", include("allauth.urls")),
    path("contacts/", include("contacts.urls")),
    path("accounts/", include("providers.urls")),
    path("", include("campaigns.urls")),
]
