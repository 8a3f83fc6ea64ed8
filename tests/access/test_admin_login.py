"""The admin has no login of its own: the same password, limits and second step apply as elsewhere."""

import time
from collections.abc import Callable

import pytest
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings

from tests.conftest import PASSWORD

LogIn = Callable[[User], Client]
SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", "root@example.org", PASSWORD)


def code() -> str:
    """The code that the authenticator app shows now."""
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))


def pass_second_step(client: Client, user: User) -> None:
    """Record in the client's session what allauth records after a correct code."""
    request = RequestFactory().get("/")
    request.session = client.session
    record_authentication(request, user, "mfa", type="totp")
    request.session.save()


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/admin/auth/user/"])
def test_it_leads_to_the_one_login_page_and_back(root: User, path: str) -> None:
    client = Client()
    answer = client.get(path, follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))

    target = answer.redirect_chain[-1][0].partition("next=")[2].replace("%2F", "/")
    done = client.post(reverse("account_login"), {"login": "root", "password": PASSWORD, "next": target})
    assert done.headers["Location"].startswith("/admin/")


def test_a_password_posted_to_the_admin_logs_nobody_in(root: User) -> None:
    client = Client()
    answer = client.post("/admin/login/?next=/admin/", {"username": "root", "password": PASSWORD, "next": "/admin/"})
    assert answer.headers["Location"].startswith(reverse("account_login"))
    assert "_auth_user_id" not in client.session


def test_forty_wrong_passwords_are_refused(root: User) -> None:
    client = Client()
    statuses = []
    for attempt in range(40):
        answer = client.post(
            "/admin/login/?next=/admin/", {"username": "root", "password": f"guess {attempt}"}, follow=True
        )
        page = answer.redirect_chain[-1][0] if answer.redirect_chain else "/admin/login/"
        answer = client.post(page, {"login": "root", "username": "root", "password": f"guess {attempt}"})
        statuses.append("Too many" in answer.content.decode() or answer.status_code == 429)
    assert statuses[-1]
    assert sum(statuses) >= 30

    client.post("/admin/login/?next=/admin/", {"username": "root", "password": PASSWORD})
    assert "_auth_user_id" not in client.session


def test_the_admin_requires_the_second_step(root: User) -> None:
    TOTP.activate(root, SECRET)
    client = Client()
    answer = client.post(
        "/admin/login/?next=/admin/",
        {"username": "root", "password": PASSWORD, "next": "/admin/"},
        follow=True,
    )
    login_page = answer.redirect_chain[-1][0]
    answer = client.post(login_page, {"login": "root", "password": PASSWORD, "next": "/admin/"})
    assert answer.headers["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session

    client.post(reverse("mfa_authenticate"), {"code": code()})
    assert client.get("/admin/").status_code == 200


def test_a_person_who_is_no_staff_is_refused(operator: User, logged_in: LogIn) -> None:
    assert logged_in(operator).get("/admin/login/").status_code == 403


def test_the_admins_own_password_form_is_gone(root: User, logged_in: LogIn) -> None:
    answer = logged_in(root).post("/admin/password_change/", {"old_password": "guess"})
    assert answer.headers["Location"] == reverse("account_change_password")


# -- the session, not the device -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/", "/campaigns/", "/admin/", "/login/2fa/", "/login/2fa/totp/deactivate/", "/login/password/change/"],
)
def test_a_session_that_has_not_passed_the_second_step_is_asked_for_it(
    root: User, logged_in: LogIn, settings: Settings, path: str
) -> None:
    settings.MFA_REQUIRED = True
    TOTP.activate(root, SECRET)

    answer = logged_in(root).get(path)

    assert answer.headers["Location"].startswith(reverse("mfa_reauthenticate"))


def test_a_code_lets_it_in_and_back_to_where_it_was(root: User, logged_in: LogIn, settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    TOTP.activate(root, SECRET)
    client = logged_in(root)

    asked = client.get("/admin/auth/user/").headers["Location"]
    assert client.get(asked).status_code == 200
    answer = client.post(asked, {"code": code(), "next": "/admin/auth/user/"})

    assert answer.headers["Location"] == "/admin/auth/user/"
    assert client.get("/admin/auth/user/").status_code == 200


def test_the_password_again_is_no_second_step(root: User, logged_in: LogIn, settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    TOTP.activate(root, SECRET)
    client = logged_in(root)

    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})

    assert client.get("/").headers["Location"].startswith(reverse("mfa_reauthenticate"))
    client.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.exists()


def test_the_second_step_of_one_person_is_not_that_of_another(
    root: User, operator: User, logged_in: LogIn, settings: Settings
) -> None:
    settings.MFA_REQUIRED = True
    TOTP.activate(operator, SECRET)
    client = logged_in(operator)
    pass_second_step(client, root)

    assert client.get("/").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_setting_it_up_counts_as_the_second_step_of_that_session(operator: User, settings: Settings) -> None:
    settings.MFA_REQUIRED = True
    client = Client()
    client.post(reverse("account_login"), {"login": "operator", "password": PASSWORD})
    assert client.get("/").headers["Location"] == reverse("mfa_activate_totp")
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.get(reverse("mfa_activate_totp"))
    session = client.session
    session["mfa.totp.secret"] = SECRET
    session.save()

    client.post(reverse("mfa_activate_totp"), {"code": code()})

    assert Authenticator.objects.filter(user=operator).exists()
    assert client.get("/").status_code == 200
    assert client.get(reverse("mfa_view_recovery_codes")).status_code == 200
