"""Sessions end by themselves, the second step can be required of some roles, and times are in one's own zone."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from people.models import Profile
from tests.conftest import PASSWORD, MakeUser, signed_in

LogIn = Callable[[User], Client]
START = "2026-11-27 09:00"


def enter(user: User, **extra: str) -> Client:
    client = Client()
    data = {"login": user.username, "password": PASSWORD, **extra}
    assert client.post(reverse("account_login"), data).status_code == 302
    return client


def is_in(client: Client, **headers: str) -> bool:
    return client.get(reverse("campaigns:list"), headers=headers).status_code == 200


def test_a_session_ends_after_an_hour_without_activity(operator: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = enter(operator, remember="on")
        for _ in range(3):
            clock.shift(timedelta(minutes=59))
            assert is_in(client)
        clock.shift(timedelta(minutes=60))
        answer = client.get(reverse("campaigns:list"), follow=True)
        assert answer.redirect_chain[-1][0] == f"{reverse('account_login')}?next=/campaigns/"
        assert "60 minutes without activity" in answer.content.decode()
        assert not is_in(client)


def test_a_page_that_refreshes_itself_keeps_no_session_alive(operator: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = enter(operator)
        for _ in range(11):
            clock.shift(timedelta(minutes=5))
            assert is_in(client, HX_Request="true", X_Automatic="1")
        clock.shift(timedelta(minutes=5))
        answer = client.get(reverse("campaigns:list"), headers={"HX-Request": "true", "X-Automatic": "1"})
        # The whole page is loaded again, so that the login does not become a part of it.
        assert (answer.status_code, answer.headers["HX-Refresh"]) == (200, "true")


def test_a_session_ends_twelve_hours_after_the_login(operator: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = enter(operator)
        for _ in range(23):
            clock.shift(timedelta(minutes=30))
            assert is_in(client)
        clock.shift(timedelta(minutes=30))
        assert not is_in(client)


def test_the_settings_say_when(operator: User, settings: Settings) -> None:
    settings.SESSION_IDLE, settings.SESSION_LASTS = timedelta(minutes=5), timedelta(minutes=8)
    with time_machine.travel(START, tick=False) as clock:
        first, second = enter(operator), enter(operator)
        clock.shift(timedelta(minutes=4))
        assert is_in(first)
        clock.shift(timedelta(minutes=1))
        assert (is_in(first), is_in(second)) == (True, False)
        clock.shift(timedelta(minutes=3))
        assert not is_in(first)


@pytest.mark.parametrize(
    ("name", "is_asked"), [("viewer", False), ("operator", False), ("approver", True), ("administrator", True)]
)
def test_the_second_step_is_required_of_some_roles(
    make_user: MakeUser, logged_in: LogIn, settings: Settings, name: str, is_asked: bool
) -> None:
    settings.MFA_REQUIRED_ROLES = ["approver", "administrator"]
    assert logged_in(make_user(name)).get("/").status_code == (302 if is_asked else 200)


def test_a_superuser_counts_as_an_administrator(db: None, logged_in: LogIn, settings: Settings) -> None:
    root = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    settings.MFA_REQUIRED_ROLES = ["approver"]
    assert logged_in(root).get("/").status_code == 200
    settings.MFA_REQUIRED_ROLES = ["administrator"]
    assert logged_in(root).get("/").status_code == 302


# -- the profile ---------------------------------------------------------------------------------------------------

OWN = {"first_name": "Thandi", "last_name": "", "email": "thandi@example.org", "time_zone": "America/New_York"}


def test_people_change_their_own_name_address_and_time_zone_and_nothing_else(
    operator: User, settings: Settings
) -> None:
    settings.EMAIL_URL = "smtp://mail.example.org"
    client = signed_in(operator, minutes=0)
    client.post(reverse("people:profile"), {**OWN, "username": "root", "is_superuser": "on", "role": "4"})
    operator.refresh_from_db()
    assert (operator.get_full_name(), operator.email) == ("Thandi", "thandi@example.org")
    assert (operator.username, operator.is_superuser, operator.groups.get().name) == ("operator", False, "operator")
    assert Profile.objects.get(user=operator).time_zone == "America/New_York"
    assert client.post(reverse("people:profile"), {**OWN, "time_zone": "Mars/Olympus"}).status_code == 200


def test_the_time_zone_holds_in_this_session_and_the_next(operator: User) -> None:
    first = signed_in(operator, minutes=0)
    assert " SAST" in first.get(reverse("people:profile")).content.decode()
    first.post(reverse("people:profile"), OWN)
    for client in (first, signed_in(operator, minutes=0)):
        page = client.get(reverse("people:profile")).content.decode()
        assert " EST" in page or " EDT" in page


def test_another_persons_address_cannot_be_taken(operator: User, approver: User) -> None:
    page = signed_in(operator, minutes=0).post(reverse("people:profile"), {**OWN, "email": "Approver@example.org"})
    assert "Another person has this email address" in page.content.decode()


def test_the_password_is_asked_for_again_before_the_address_changes(operator: User) -> None:
    answer = signed_in(operator).post(reverse("people:profile"), OWN)
    assert answer.headers["Location"].startswith(reverse("account_reauthenticate"))
    operator.refresh_from_db()
    assert operator.email == "operator@example.org"


def test_the_earlier_address_is_told_of_the_change(operator: User, settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_NOTIFICATIONS = True
    signed_in(operator, minutes=0).post(reverse("people:profile"), OWN)
    assert [message.to for message in mail.outbox] == [["operator@example.org"]]
    assert "thandi@example.org" in mail.outbox[0].body


def test_a_forgotten_password_is_reset_by_mail_where_there_is_mail(operator: User, settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://mail.example.org"
    client = Client()
    assert reverse("account_reset_password") in client.get(reverse("account_login")).content.decode()
    for address in ("nobody@example.org", operator.email):
        answer = client.post(reverse("account_reset_password"), {"email": address}, follow=True)
        assert "Check your email" in answer.content.decode()
    [sent] = mail.outbox
    assert sent.to == [operator.email]
    assert "/login/password/reset/key/" in sent.body


def test_confirming_the_password_gives_the_session_another_key(operator: User) -> None:
    with time_machine.travel(START, tick=False) as clock:
        client = enter(operator)
        clock.shift(timedelta(minutes=20))
        before = client.session.session_key
        assert before is not None
        client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
        assert client.session.session_key != before
        assert not Session.objects.filter(pk=before).exists()
        assert is_in(client)


@pytest.mark.parametrize(
    ("password", "is_accepted"), [("My-BATON-2026", False), ("acme-spring-9", False), ("quiet spring 9", True)]
)
def test_a_password_has_no_word_that_is_easy_to_guess(password: str, is_accepted: bool, settings: Settings) -> None:
    settings.PASSWORD_WORDS = ["baton", "Acme"]
    with nullcontext() if is_accepted else pytest.raises(ValidationError, match="easy to guess"):
        validate_password(password)


def test_static_files_have_the_security_headers_of_pages(client: Client) -> None:
    answers = [client.get("/static/app.js"), client.get(reverse("account_login"))]
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"):
        assert answers[0].headers[name] == answers[1].headers[name]
