"""The People screen: nobody raises their own rights, types a colleague's password or touches a superuser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Group, Permission, User
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from audit.models import AuditEntry
from tests.conftest import PASSWORD, MakeUser, retyped, signed_in

LogIn = Callable[[User], Client]
NEW_PASSWORD = "correct horse battery staple"
EVERYTHING: dict[str, Any] = {
    "is_superuser": "on",
    "is_staff": "on",
    "password": "x",
    "password1": NEW_PASSWORD,
    "password2": NEW_PASSWORD,
    "usable_password": "true",
}


@pytest.fixture
def client(administrator: User) -> Client:
    """An administrator who has just logged in."""
    return signed_in(administrator, minutes=0)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", "root@example.org", PASSWORD)


def posted(user: User, **changed: Any) -> dict[str, Any]:
    """What the form sends for ``user``, with some fields changed."""
    given = user.groups.first() if user.pk else None
    fields = {"username": user.username, "first_name": "", "last_name": "", "email": user.email}
    return {**fields, "role": given.pk if given else "", **changed}


def role(name: str) -> int:
    return Group.objects.get(name=name).pk


def at(user: User, name: str = "person") -> str:
    return reverse(f"people:{name}", args=[user.pk])


def link_on(page: Any) -> str:
    """The path of the link that the page shows."""
    found = re.search(r'id="link">https?://[^/]+(/[^<]+)<', page.content.decode())
    assert found is not None
    return found[1]


def use(path: str, password: str = NEW_PASSWORD) -> Any:
    """Choose a password at a link, in a browser of one's own; returns the last answer."""
    visitor = Client()
    form = visitor.get(path, follow=True)
    page = form.redirect_chain[-1][0] if form.redirect_chain else path
    return visitor.post(page, {"password1": password, "password2": password}, follow=True)


def can_log_in(user: User, password: str) -> bool:
    cache.clear()
    return Client().post("/login/login/", {"login": user.username, "password": password}).status_code == 302


# -- invitations and links -----------------------------------------------------------------------------------------


def test_a_person_is_invited_with_a_link_that_works_once(client: Client) -> None:
    new = User(username="thandi", email="thandi@example.org")
    page = client.post(reverse("people:invite"), posted(new, role=role("operator"), **EVERYTHING))
    made = User.objects.get(username="thandi")
    assert (made.is_superuser, made.is_staff, made.has_usable_password()) == (False, False, False)
    assert [group.name for group in made.groups.all()] == ["operator"]
    assert "sends no email" in page.content.decode()
    assert mail.outbox == []
    listed = client.get(reverse("people:list")).content.decode()
    assert "Invited" in listed

    path = link_on(page)
    assert "Password saved" in use(path).content.decode()
    assert can_log_in(made, NEW_PASSWORD)
    assert "This link cannot be used" in use(path, "another long password").content.decode()
    assert can_log_in(made, NEW_PASSWORD)


def test_the_invitation_is_mailed_where_mail_is_set_up(client: Client, settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://mail.example.org"
    new = User(username="thandi", email="thandi@example.org")
    page = client.post(reverse("people:invite"), posted(new, role=role("viewer")))
    [sent] = mail.outbox
    assert sent.to == ["thandi@example.org"]
    assert link_on(page) in sent.body
    assert "also sent to thandi@example.org" in page.content.decode()


def test_a_mail_server_that_fails_leaves_the_link_on_the_page(client: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_URL, settings.EMAIL_HOST, settings.EMAIL_PORT = "smtp://127.0.0.1:1", "127.0.0.1", 1
    page = client.post(reverse("people:invite"), posted(User(username="t", email="t@example.org"), role=role("viewer")))
    assert link_on(page)
    assert "could not be sent" in page.content.decode()


def test_a_reset_link_ends_the_old_password_only_once_it_is_used(client: Client, operator: User) -> None:
    path = link_on(client.post(at(operator, "link")))
    assert AuditEntry.objects.filter(object_pk=str(operator.pk), changes__has_key="password link").exists()
    assert can_log_in(operator, PASSWORD)
    # A login ends the link: whoever knows the password needs none.
    assert "cannot be used" in use(path).content.decode()
    use(link_on(client.post(at(operator, "link"))))
    assert (can_log_in(operator, PASSWORD), can_log_in(operator, NEW_PASSWORD)) == (False, True)


def test_two_people_do_not_share_an_address(client: Client, operator: User) -> None:
    new = User(username="t", email="OPERATOR@example.org")
    page = client.post(reverse("people:invite"), posted(new, role=role("viewer")))
    assert "Another person has this email address" in page.content.decode()
    assert not User.objects.filter(username="t").exists()


def test_an_address_with_capital_letters_works_for_login_and_reset(client: Client, settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://mail.example.org"
    new = User(username="cap", email="Cap@Example.org")
    page = client.post(reverse("people:invite"), posted(new, role=role("viewer")))
    use(link_on(page))
    login = {"login": "Cap@Example.org", "password": NEW_PASSWORD}
    assert Client().post("/login/login/", login).status_code == 302
    Client().post(reverse("account_reset_password"), {"email": "Cap@Example.org"})
    assert [message.to for message in mail.outbox] == [["cap@example.org"]] * 2
    assert User.objects.create_superuser("s", "S@Example.ORG", PASSWORD).email == "s@example.org"


@pytest.mark.parametrize("is_invitation", [True, False])
def test_a_link_stays_dead_when_its_person_is_deactivated_and_activated_again(
    client: Client, operator: User, is_invitation: bool
) -> None:
    if is_invitation:
        operator.set_unusable_password()
        operator.save()
    path = link_on(client.post(at(operator, "link")))
    client.post(at(operator, "access"))
    assert "cannot be used" in use(path).content.decode()
    client.post(at(operator, "access"), {"is_active": "on"})
    assert "cannot be used" in use(path).content.decode()
    assert "Password saved" in use(link_on(client.post(at(operator, "link")))).content.decode()


def test_the_password_is_asked_for_again_before_a_link_is_shown(administrator: User, operator: User) -> None:
    client = signed_in(administrator)
    asked = client.post(at(operator, "link"))
    assert asked.headers["Location"].startswith(reverse("account_reauthenticate"))
    assert link_on(retyped(client, asked))


# -- roles and access ----------------------------------------------------------------------------------------------


def test_a_role_is_given_and_taken(client: Client, operator: User) -> None:
    client.post(at(operator), posted(operator, role=role("administrator"), email="o@example.org", **EVERYTHING))
    operator.refresh_from_db()
    assert (operator.groups.get().name, operator.email) == ("administrator", "o@example.org")
    assert (operator.is_superuser, operator.is_staff, operator.check_password(PASSWORD)) == (False, False, True)
    client.post(at(operator), posted(operator, role=role("viewer")))
    assert operator.groups.get().name == "viewer"


def test_a_group_that_is_no_role_cannot_be_given(client: Client, operator: User) -> None:
    powerful = Group.objects.create(name="everything")
    powerful.permissions.set(Permission.objects.all())
    assert client.post(at(operator), posted(operator, role=powerful.pk)).status_code == 200
    assert operator.groups.get().name == "operator"


def test_administrators_change_neither_their_own_role_nor_access_nor_second_step(
    client: Client, administrator: User
) -> None:
    TOTP.activate(administrator, "JBSWY3DPEHPK3PXP")
    client.post(at(administrator), posted(administrator, role=role("approver")))
    client.post(at(administrator, "access"))
    client.post(at(administrator, "second_step"))
    administrator.refresh_from_db()
    assert (administrator.groups.get().name, administrator.is_active) == ("administrator", True)
    assert Authenticator.objects.filter(user=administrator).exists()


def test_a_deactivated_person_is_out_at_once_and_gets_no_link(client: Client, operator: User, logged_in: LogIn) -> None:
    theirs = logged_in(operator)
    assert theirs.get("/").status_code == 200
    client.post(at(operator, "access"))
    assert theirs.get("/").status_code == 302
    assert not can_log_in(operator, PASSWORD) or theirs.get("/").status_code == 302
    refused = client.post(at(operator, "link"), follow=True)
    assert "is deactivated" in refused.content.decode()
    client.post(at(operator, "access"), {"is_active": "on"})
    assert theirs.get("/").status_code == 200


def test_a_second_step_is_reset_for_somebody_who_lost_the_phone(client: Client, operator: User) -> None:
    TOTP.activate(operator, "JBSWY3DPEHPK3PXP")
    assert "Reset two-step login" in client.get(at(operator)).content.decode()
    client.post(at(operator, "second_step"))
    assert not Authenticator.objects.exists()
    entry = AuditEntry.objects.get(object_pk=str(operator.pk), changes__has_key="two-step login")
    assert entry.actor is not None
    assert entry.actor.username == "administrator"


# -- who may do what -----------------------------------------------------------------------------------------------


def test_a_superuser_is_beyond_an_administrators_rights(client: Client, root: User) -> None:
    TOTP.activate(root, "JBSWY3DPEHPK3PXP")
    assert "Only a superuser changes this person" in client.get(at(root)).content.decode()
    data = {**EVERYTHING, **posted(root, username="x", email="x@example.org", role=role("viewer"))}
    for name in ("person", "link", "access", "second_step"):
        assert client.post(at(root, name), data).status_code == 403
    root.refresh_from_db()
    assert (root.username, root.email, root.is_superuser, root.is_active) == ("root", "root@example.org", True, True)
    assert Authenticator.objects.filter(user=root).exists()


@pytest.mark.parametrize("name", ["viewer", "operator", "approver"])
def test_other_roles_see_nothing_of_it(make_user: MakeUser, administrator: User, name: str) -> None:
    client = signed_in(make_user(name), minutes=0)
    assert reverse("people:list") not in client.get("/").content.decode()
    for path in (reverse("people:list"), reverse("people:invite"), at(administrator)):
        assert (client.get(path).status_code, client.post(path).status_code) in ((403, 403), (403, 405))
    for action in ("link", "access", "second_step"):
        assert client.post(at(administrator, action)).status_code == 403


# -- the admin -----------------------------------------------------------------------------------------------------


def test_a_superuser_adds_people_in_the_admin_with_a_role_and_no_password(root: User, operator: User) -> None:
    client = signed_in(root, minutes=0)
    form = client.get("/admin/auth/user/add/").context["adminform"].form
    assert set(form.fields) == {"username", "first_name", "last_name", "email", "role"}
    client.post("/admin/auth/user/add/", posted(User(username="t", email=""), role=role("viewer"), **EVERYTHING))
    made = User.objects.get(username="t")
    assert (made.groups.get().name, made.has_usable_password(), made.is_superuser) == ("viewer", False, False)

    client.post(f"/admin/auth/user/{operator.pk}/change/", posted(operator, role=role("approver"), **EVERYTHING))
    operator.refresh_from_db()
    assert (operator.groups.get().name, operator.is_superuser, operator.check_password(PASSWORD)) == (
        "approver", False, True,
    )  # fmt: skip
    assert client.get(f"/admin/auth/user/{operator.pk}/password/", follow=True).status_code in (200, 404)
    assert client.post(f"/admin/auth/user/{operator.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post("/admin/auth/user/", {"action": "delete_selected", "_selected_action": [operator.pk], "post": "yes"})
    operator.refresh_from_db()
    assert operator.check_password(PASSWORD)


def test_the_admin_asks_for_the_password_again_before_a_person_is_added_or_changed(root: User, operator: User) -> None:
    client, change = signed_in(root), f"/admin/auth/user/{operator.pk}/change/"
    data = posted(operator, email="other@example.org")
    assert client.get(change).status_code == 200
    asked = client.post(change, data)
    added = client.post("/admin/auth/user/add/", posted(User(username="t", email=""), role=role("viewer")))
    for answer in (asked, added):
        assert answer.headers["Location"].startswith(reverse("account_reauthenticate"))
    operator.refresh_from_db()
    assert (operator.email, User.objects.filter(username="t").exists()) == ("operator@example.org", False)
    retyped(client, client.post(change, data))
    operator.refresh_from_db()
    assert operator.email == "other@example.org"


def test_the_earlier_address_is_told_when_somebody_else_changes_it(
    root: User, client: Client, operator: User, settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_NOTIFICATIONS = True
    client.post(at(operator), posted(operator, email="a@example.org"))
    in_admin = f"/admin/auth/user/{operator.pk}/change/"
    signed_in(root, minutes=0).post(in_admin, posted(operator, email="b@example.org"))
    client.post(at(operator), posted(operator, email="b@example.org"))
    assert [message.to for message in mail.outbox] == [["operator@example.org"], ["a@example.org"]]
    assert "b@example.org" in mail.outbox[1].body


@pytest.mark.parametrize("groups", [(), ("viewer", "administrator")], ids=["no role", "two groups"])
def test_a_superuser_saves_their_own_name_whatever_groups_they_have(root: User, groups: tuple[str, ...]) -> None:
    root.groups.set(Group.objects.filter(name__in=groups))
    client, data = signed_in(root, minutes=0), {"username": "root", "email": root.email, "role": role("viewer")}
    client.post(at(root), {**data, "first_name": "Thandi", "last_name": ""})
    client.post(f"/admin/auth/user/{root.pk}/change/", {**data, "first_name": "Thandi", "last_name": "Nkosi"})
    root.refresh_from_db()
    assert root.get_full_name() == "Thandi Nkosi"
    assert {group.name for group in root.groups.all()} == set(groups)


@pytest.mark.parametrize("name", ["viewer", "operator", "approver", "administrator"])
def test_only_superusers_enter_the_admin(make_user: MakeUser, logged_in: LogIn, name: str) -> None:
    user = make_user(name)
    user.is_staff = True
    user.save()
    assert logged_in(user).get("/admin/", follow=True).status_code == 403


def test_the_admin_has_one_section_for_each_app(root: User, logged_in: LogIn) -> None:
    sections = logged_in(root).get("/admin/").context["app_list"]
    names = [section["name"] for section in sections]
    assert len(names) == len(set(names))
    assert {"account", "django_rq", "sessions"} & {section["app_label"] for section in sections} == set()
    assert "Baton administration" in logged_in(root).get("/admin/").content.decode()
