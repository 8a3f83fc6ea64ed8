"""Everybody may set up a second step, and an installation may require it of all."""

from collections.abc import Callable

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from config.accounts import SecondStep
from tests.access.test_admin_login import pass_second_step

LogIn = Callable[[User], Client]


@pytest.mark.parametrize("name", ["overview", "campaigns:list", "contacts:lists", "providers:accounts"])
def test_where_it_is_required_nobody_works_without_it(
    operator: User, logged_in: LogIn, settings: Settings, name: str
) -> None:
    settings.MFA_REQUIRED = True

    answer = logged_in(operator).get(reverse(name))

    assert answer.status_code == 302
    assert answer.headers["Location"] == reverse("mfa_activate_totp")


def test_a_session_that_has_passed_it_works(operator: User, logged_in: LogIn, settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    Authenticator.objects.create(user=operator, type=Authenticator.Type.TOTP, data={"secret": "x"})
    client = logged_in(operator)
    pass_second_step(client, operator)

    assert client.get(reverse("campaigns:list")).status_code == 200


def test_logging_out_stays_possible(operator: User, logged_in: LogIn, settings: Settings) -> None:
    settings.MFA_REQUIRED = True

    assert logged_in(operator).get(reverse("account_logout")).status_code == 200


def test_where_it_is_optional_nobody_needs_it(operator: User, logged_in: LogIn) -> None:
    assert logged_in(operator).get(reverse("campaigns:list")).status_code == 200


def test_its_secret_is_stored_encrypted_and_shown_to_nobody(operator: User, logged_in: LogIn) -> None:
    secret = "JBSWY3DPEHPK3PXP"
    row = TOTP.activate(operator, secret).instance
    administrator = User.objects.create_superuser("root", "root@example.org", "correct horse battery")

    pages = [logged_in(administrator).get(f"/admin/mfa/authenticator/{path}") for path in ("", f"{row.pk}/change/")]

    assert secret not in str(Authenticator.objects.get().data)
    assert SecondStep().decrypt(Authenticator.objects.get().data["secret"]) == secret
    assert [page.status_code for page in pages] == [200, 200]
    for page in pages:
        assert secret not in page.content.decode()
        assert str(row.data["secret"]) not in page.content.decode()


def test_the_queue_library_has_no_pages_in_the_admin(logged_in: LogIn, db: None) -> None:
    administrator = User.objects.create_superuser("root", "root@example.org", "correct horse battery")

    assert logged_in(administrator).get("/admin/django_rq/dashboard/").status_code == 404
