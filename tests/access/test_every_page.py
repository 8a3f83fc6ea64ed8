"""No page of the admin and no route of the login answers 500, for any role."""

import re
from collections.abc import Callable, Iterator

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from pytest_django import Settings

from campaigns.models import Attempt, Campaign, Evidence, Recipient, RecipientOutcome, Template
from contacts import suppression
from contacts.models import ContactList, Import, ImportCorrection, ImportIssue, ImportRow
from providers.models import Account
from tests.conftest import PASSWORD, MakeUser

LogIn = Callable[[User], Client]
ClientOf = Callable[[str], Client]
ROLES = ("viewer", "operator", "approver", "administrator", "superuser")


@pytest.fixture
def client_of(make_user: MakeUser, logged_in: LogIn) -> ClientOf:
    """Log in a person of a role that may enter the admin; ``anonymous`` logs in nobody."""

    def log_in(role: str) -> Client:
        client = Client()
        if role != "anonymous":
            name = f"the-{role}"
            user = User.objects.create_superuser(name, "s@example.org", PASSWORD) if role == "superuser" else None
            user = user or make_user(role, name)
            user.is_staff = True
            user.save()
            client = logged_in(user)
        # These would be error pages in production.
        client.raise_request_exception = False
        return client

    return log_in


@pytest.fixture
def rows(account: Account, make_running: Callable[..., Campaign]) -> dict[type[Model], Model]:
    """A row of every model of the admin."""
    campaign = make_running(account)
    batch, now = campaign.batches.get(), timezone.now()
    recipient = Recipient.objects.earliest("pk")
    Attempt.objects.create(batch=batch, number=1, name="a.zip", started_at=now)
    Evidence.objects.create(batch=batch, seen_at=now, last_seen_at=now, digest="d")
    RecipientOutcome.objects.create(batch=batch, recipient=recipient, result="row_error", code="X")
    Template.objects.create(name="Sale", text="Hello")
    imported = Import.objects.create(
        list=ContactList.objects.earliest("pk"), original_name="a.csv", country="ZA", file="imports/a.csv"
    )
    ImportIssue.objects.create(import_of=imported, row=2, code="x", sentence="Wrong.")
    ImportRow.objects.create(import_of=imported, row=3, msisdn="27825550101")
    ImportCorrection.objects.create(import_of=imported, row=2, column_number=0, old="1", new="2")
    suppression.suppress(["27825550100"], "manual")
    suppression.opt_back_in("27825550100", "Wrote")
    operator = User.objects.get(username="operator")
    Authenticator.objects.create(user=operator, type=Authenticator.Type.TOTP, data={"secret": "x"})
    found = {model: model._default_manager.order_by("pk").first() for model in admin.site._registry}
    return {model: row for model, row in found.items() if row is not None}


def test_there_is_a_row_of_every_model(rows: dict[type[Model], Model]) -> None:
    assert {model._meta.label for model in admin.site._registry} == {model._meta.label for model in rows}
    for label in ("contacts", "providers", "campaigns"):
        assert any(model._meta.app_label == label for model in rows)


def admin_pages(rows: dict[type[Model], Model]) -> Iterator[str]:
    for name in ("index", "jsi18n", "password_change", "logout", "login"):
        yield reverse(f"admin:{name}")
    for app in {model._meta.app_label for model in rows}:
        yield reverse("admin:app_list", args=[app])
    for model, row in rows.items():
        at = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{at}_changelist")
        yield reverse(f"{at}_changelist") + "?q=082+555+0100"
        yield reverse(f"{at}_add")
        for page in ("change", "delete", "history"):
            yield reverse(f"{at}_{page}", args=[row.pk])
    for user in User.objects.all():
        yield reverse("admin:auth_user_change", args=[user.pk])


@pytest.mark.parametrize("role", [*ROLES, "anonymous"])
def test_no_page_of_the_admin_answers_500(rows: dict[type[Model], Model], client_of: ClientOf, role: str) -> None:
    client = client_of(role)
    paths = list(admin_pages(rows))
    statuses = {path: client.get(path).status_code for path in paths}
    assert not {path: status for path, status in statuses.items() if status >= 500}
    if role != "superuser":
        assert {path for path, status in statuses.items() if status == 200} == set()
    statuses = {path: client.post(path, {"name": "x", "post": "yes"}).status_code for path in paths}
    assert not {path: status for path, status in statuses.items() if status >= 500}


# -- the routes of the login ---------------------------------------------------------------------------------------

#: The value to fill in for each variable of a route's pattern.
ARGUMENTS = {"uidb36": "1", "key": "abc-def", "pk": 1}


def login_routes() -> dict[str, str]:
    """The path of every route under /login/, by name."""
    found: dict[str, str] = {}

    def walk(patterns: list[URLPattern | URLResolver], inside: bool, names: tuple[str, ...] = ()) -> None:
        for pattern in patterns:
            named = (*names, *re.findall(r"<(?:int:)?(\w+)>", str(pattern.pattern)))
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, inside or str(pattern.pattern) == "login/", named)
            elif inside and pattern.name:
                found[pattern.name] = reverse(pattern.name, kwargs={name: ARGUMENTS[name] for name in named})

    walk(get_resolver().url_patterns, False)
    return found


#: A value for every field of every form there.
DATA = {
    "login": "operator",
    "email": "operator@example.org",
    "password": "x",
    "password1": "correct horse battery staple",
    "password2": "correct horse battery staple",
    "oldpassword": "x",
    "code": "123456",
    "username": "x",
}
BUTTONS: tuple[dict[str, str], ...] = (
    {},
    {"action_add": ""},
    {"action_send": ""},
    {"action_primary": ""},
    {"action_remove": ""},
)


@pytest.fixture
def no_mail_server(settings: Settings) -> None:
    """As in production: no e-mail server is set, and nothing answers there."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1


@pytest.mark.usefixtures("no_mail_server", "operator")
@pytest.mark.parametrize("role", [*ROLES, "anonymous"])
def test_no_route_of_the_login_answers_500(client_of: ClientOf, role: str) -> None:
    routes = login_routes()
    assert {"account_login", "account_reset_password", "account_email", "mfa_authenticate"} <= set(routes)
    client = client_of(role)
    # Log out last: after it nobody is logged in.
    routes["account_logout"] = routes.pop("account_logout")
    for name, path in routes.items():
        assert client.get(path).status_code < 500, name
        for button in BUTTONS:
            assert client.post(path, {**DATA, **button}).status_code < 500, name


@pytest.mark.usefixtures("no_mail_server", "operator")
@pytest.mark.parametrize(
    ("role", "name", "template"),
    [
        ("anonymous", "account_reset_password", "account/password_reset.html"),
        ("operator", "account_reset_password", "account/password_reset.html"),
    ],
)
def test_what_would_send_an_email_says_what_to_do_instead(
    client_of: ClientOf, role: str, name: str, template: str
) -> None:
    client = client_of(role)
    for answer in (client.get(reverse(name)), client.post(reverse(name), {**DATA, "action_add": ""})):
        assert answer.status_code == 200
        assert template in [used.name for used in answer.templates]


def test_with_a_mail_server_that_fails_the_page_says_so(
    client_of: ClientOf, settings: Settings, operator: User
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_URL = "127.0.0.1", 1, "smtp://127.0.0.1:1"
    answer = client_of("anonymous").post(reverse("account_reset_password"), {"email": operator.email}, follow=True)
    assert answer.status_code == 200
    assert "The mail server does not answer" in answer.content.decode()


@pytest.mark.usefixtures("no_mail_server")
def test_the_email_page_leads_to_the_profile(operator: User, logged_in: LogIn) -> None:
    client = logged_in(operator)
    answer = client.post(reverse("account_email"), {"email": "new@example.org", "action_add": ""})
    assert answer.headers["Location"] == reverse("people:profile")
    operator.refresh_from_db()
    assert operator.email == "operator@example.org"
