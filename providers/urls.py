from django.urls import path

from providers.views import accounts, sandbox

app_name = "providers"

urlpatterns = [
    path("", accounts.accounts, name="accounts"),
    path("new/", accounts.account_add, name="account_add"),
    path("<int:pk>/", accounts.account, name="account"),
    path("<int:pk>/test/", accounts.account_test, name="account_test"),
    path("<int:pk>/host-key/", accounts.account_host_key, name="account_host_key"),
    path("sandbox/", sandbox.sandbox, name="sandbox"),
    path("sandbox/fault/", sandbox.fault, name="sandbox_fault"),
    path("sandbox/clear/", sandbox.clear, name="sandbox_clear"),
]
