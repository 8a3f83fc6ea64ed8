"""The addresses of all screens."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

import config.admin
import config.people  # noqa: F401  (both must replace screens before the admin's addresses are built)
from campaigns.views.overview import overview
from config.first_administrator import first_administrator
from config.health import healthz, live, ready
from config.metrics import metrics
from config.no_email import NoEmail

handler403 = "config.no_role.forbidden"

urlpatterns = [
    # The admin's own form does not limit wrong passwords either.
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
    path("login/password/reset/", login_not_required(NoEmail.as_view(template_name="account/password_reset.html"))),
    path("login/email/", NoEmail.as_view(template_name="account/email.html")),
    path("login/", include("allauth.urls")),
    path("first-administrator/<str:token>/", first_administrator, name="first_administrator"),
    path("healthz", healthz, name="healthz"),
    path("health/live", live, name="health_live"),
    path("health/ready", ready, name="health_ready"),
    path("metrics", metrics, name="metrics"),
    path("contacts/", include("contacts.urls")),
    path("accounts/", include("providers.urls")),
    path("", overview, name="overview"),
    path("", include("campaigns.urls")),
]
