"""A second step is everyone's to set up, and asked of all where the installation says so."""

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

LogIn = Callable[[User], Client]


@pytest.mark.parametrize("name", ["overview", "campaigns:list", "contacts:lists", "providers:accounts"])
def test_where_it_is_asked_nobody_works_without_it(
    operator: User, logged_in: LogIn, settings: Settings, name: str
) -> None:
    settings.MFA_REQUIRED = True

    answer = logged_in(operator).get(reverse(name))

    assert answer.status_code == 302
    assert answer.headers["Location"] == reverse("mfa_activate_totp")


def test_whoever_has_it_works(operator: User, logged_in: LogIn, settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    Authenticator.objects.create(user=operator, type=Authenticator.Type.TOTP, data={"secret": "x"})

    assert logged_in(operator).get(reverse("campaigns:list")).status_code == 200


def test_the_way_out_stays_open(operator: User, logged_in: LogIn, settings: Settings) -> None:
    settings.MFA_REQUIRED = True

    assert logged_in(operator).get(reverse("account_logout")).status_code == 200


def test_where_it_is_not_asked_nobody_needs_it(operator: User, logged_in: LogIn) -> None:
    assert logged_in(operator).get(reverse("campaigns:list")).status_code == 200
