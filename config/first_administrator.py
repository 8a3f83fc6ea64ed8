"""The first administrator: ``make run`` prints a link that works until it has been used."""

import sys

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import Group
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from config import timing

SALT = "first administrator"


class FirstAdministratorForm(BaseUserCreationForm):
    email = forms.EmailField(label="Email address", required=False)

    class Meta(BaseUserCreationForm.Meta):
        model = get_user_model()
        fields = ("username", "email")


def is_missing() -> bool:
    """Whether there is no administrator yet."""
    return not get_user_model().objects.filter(is_superuser=True).exists()


def make_path() -> str:
    """The path of a link that is valid for 24 hours, and only until there is an administrator."""
    token = signing.dumps("first", salt=SALT)
    return reverse("first_administrator", args=[token])


def is_valid(token: str) -> bool:
    try:
        signing.loads(token, salt=SALT, max_age=timing.FIRST_ADMINISTRATOR_LINK)
    except signing.BadSignature:
        return False
    return is_missing()


@login_not_required
@never_cache
@sensitive_post_parameters()
def first_administrator(request: HttpRequest, token: str) -> HttpResponse:
    """Create the first administrator and log them in; 410 when the link has expired, is wrong or was used."""
    if not is_valid(token):
        return render(request, "first_administrator.html", {"form": None}, status=410)
    form = FirstAdministratorForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            # Two people who use the link at the same time wait for each other here, and the second is refused.
            group = Group.objects.select_for_update().get(name="administrator")
            if not is_missing():
                return render(request, "first_administrator.html", {"form": None}, status=410)
            user = form.save(commit=False)
            user.is_staff = user.is_superuser = True
            user.email = form.cleaned_data["email"]
            user.save()
            user.groups.add(group)
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return redirect(settings.LOGIN_REDIRECT_URL)
    return render(request, "first_administrator.html", {"form": form})


def main(url: str) -> None:
    """Print the link for the first administrator of the Baton at ``url``, if there is none yet."""
    if is_missing():
        sys.stdout.write(
            "There is no administrator yet. Open this link within 24 hours to create the first one; it works once:\n"
        )
        sys.stdout.write(f"  {url}{make_path()}\n")
