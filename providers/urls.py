from django.urls import path

from providers import views

app_name = "providers"

urlpatterns = [
    path("", views.accounts, name="accounts"),
    path("new/", views.account_add, name="account_add"),
    path("<int:pk>/", views.account, name="account"),
    path("<int:pk>/test/", views.account_test, name="account_test"),
    path("<int:pk>/host-key/", views.account_host_key, name="account_host_key"),
]
