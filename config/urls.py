"""The addresses of all screens."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

import config.logins  # noqa: F401  (it connects signals)
from campaigns.views.overview import overview
from config.first_administrator import first_administrator
from config.health import healthz, live, ready
from config.metrics import metrics
from config.no_email import password_reset

handler400 = "config.outages.bad_request"
handler403 = "config.no_role.forbidden"
handler500 = "config.outages.server_error"

urlpatterns = [
    # The admin's own form does not limit wrong passwords either.
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
    path("login/password/reset/", password_reset),
    # allauth's own page would keep addresses of its own beside those of the users.
    path("login/email/", RedirectView.as_view(pattern_name="people:profile")),
    path("login/", include("allauth.urls")),
    path("first-administrator/<str:token>/", first_administrator, name="first_administrator"),
    path("healthz", healthz, name="healthz"),
    path("health/live", live, name="health_live"),
    path("health/ready", ready, name="health_ready"),
    path("metrics", metrics, name="metrics"),
    path("contacts/", include("contacts.urls")),
    path("accounts/", include("providers.urls")),
    path("", include("people.urls")),
    path("audit/", include("audit.urls")),
    path("", overview, name="overview"),
    path("", include("campaigns.urls")),
]
