"""Nobody can raise their own rights: what an administrator who is no superuser can do to people in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from tests.conftest import PASSWORD, MakeUser

LogIn = Callable[[User], Client]


@pytest.fixture
def staff(make_user: MakeUser) -> User:
    """An administrator who may use the admin and is no superuser."""
    user = make_user("administrator")
    user.is_staff = True
    user.save()
    return user


@pytest.fixture
def client(staff: User, logged_in: LogIn) -> Client:
    return logged_in(staff)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root", "root@example.org", PASSWORD)


def posted(user: User, **changed: Any) -> dict[str, Any]:
    """What the form sends for ``user``, with some fields changed."""
    role = user.groups.get() if user.pk else None
    fields = {"username": user.username, "first_name": "", "last_name": "", "email": user.email, "is_active": "on"}
    return {**fields, "role": role.pk if role else "", **changed}


def role(name: str) -> int:
    return Group.objects.get(name=name).pk


def fields_of(client: Client, path: str) -> set[str]:
    form = client.get(path).context["adminform"].form
    return set(form.fields)


EVERYTHING: dict[str, Any] = {
    "is_superuser": "on",
    "is_staff": "on",
    "password": "x",
    "password1": "correct horse battery staple",
    "password2": "correct horse battery staple",
    "usable_password": "true",
}


def test_the_form_holds_name_email_active_and_role(client: Client, staff: User, operator: User) -> None:
    expected = {"username", "first_name", "last_name", "email", "is_active", "role"}
    for path in (f"{operator.pk}/change/", f"{staff.pk}/change/", "add/"):
        assert fields_of(client, f"/admin/auth/user/{path}") == expected
    roles = client.get("/admin/auth/user/add/").context["adminform"].form.fields["role"].queryset
    assert {group.name for group in roles} == {"viewer", "operator", "approver", "administrator"}


@pytest.mark.parametrize("whom", ["staff", "operator"])
def test_nobody_is_made_a_superuser_or_given_rights_or_a_password(
    client: Client, request: pytest.FixtureRequest, whom: str
) -> None:
    user = request.getfixturevalue(whom)
    before = user.password
    rights = {"user_permissions": [Permission.objects.get(codename="delete_user").pk]}
    groups = {"groups": [group.pk for group in Group.objects.all()]}

    answer = client.post(f"/admin/auth/user/{user.pk}/change/", posted(user, **EVERYTHING, **rights, **groups))

    assert answer.status_code == 302
    user.refresh_from_db()
    assert not user.is_superuser
    assert user.is_staff == (whom == "staff")
    assert user.password == before
    assert not user.user_permissions.exists()
    assert user.groups.count() == 1


def test_an_administrator_changes_neither_their_own_role_nor_their_own_access(client: Client, staff: User) -> None:
    client.post(f"/admin/auth/user/{staff.pk}/change/", posted(staff, role=role("approver"), is_active=""))
    staff.refresh_from_db()
    assert (staff.groups.get().name, staff.is_active) == ("administrator", True)


def test_a_role_is_given_and_taken(client: Client, operator: User) -> None:
    at = f"/admin/auth/user/{operator.pk}/change/"

    client.post(at, posted(operator, role=role("administrator"), email="o@example.org"))
    operator.refresh_from_db()
    assert (operator.groups.get().name, operator.is_staff, operator.email) == ("administrator", True, "o@example.org")
    assert not operator.is_superuser

    client.post(at, posted(operator, role=role("viewer"), is_active=""))
    operator.refresh_from_db()
    assert (operator.groups.get().name, operator.is_staff, operator.is_active) == ("viewer", False, False)


def test_a_group_that_is_no_role_cannot_be_given(client: Client, operator: User) -> None:
    powerful = Group.objects.create(name="everything")
    powerful.permissions.set(Permission.objects.all())
    answer = client.post(f"/admin/auth/user/{operator.pk}/change/", posted(operator, role=powerful.pk))
    assert answer.status_code == 200
    assert operator.groups.get().name == "operator"


def test_a_person_is_added_without_a_password(client: Client) -> None:
    new = User(username="thandi", email="thandi@example.org")
    answer = client.post("/admin/auth/user/add/", posted(new, role=role("viewer"), **EVERYTHING))
    assert answer.status_code == 302
    made = User.objects.get(username="thandi")
    assert (made.is_superuser, made.is_staff, made.has_usable_password()) == (False, False, False)
    assert made.groups.get().name == "viewer"


@pytest.mark.parametrize("path", ["change/", "delete/", "password/", "history/"])
def test_a_superuser_is_beyond_their_rights(client: Client, root: User, path: str) -> None:
    at = f"/admin/auth/user/{root.pk}/{path}"
    assert client.get(at).status_code == 403
    data = {"post": "yes", "username": "x", "email": "x@example.org", "is_active": "", "role": role("viewer")}
    assert client.post(at, {**EVERYTHING, **data}).status_code in (403, 405)
    root.refresh_from_db()
    assert (root.username, root.email, root.is_superuser, root.is_active) == ("root", "root@example.org", True, True)
    assert root.check_password(PASSWORD)


def test_a_superuser_is_not_deleted_from_the_list_either(client: Client, staff: User, root: User) -> None:
    staff.user_permissions.add(Permission.objects.get(codename="delete_user"))
    client.post(
        "/admin/auth/user/", {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}, follow=True
    )
    assert User.objects.filter(pk=root.pk).exists()
    assert client.get(f"/admin/auth/user/{root.pk}/delete/").status_code == 403


@pytest.mark.parametrize("whom", ["staff", "operator"])
def test_nobodys_password_is_set_by_them(client: Client, request: pytest.FixtureRequest, whom: str) -> None:
    user = request.getfixturevalue(whom)
    at = f"/admin/auth/user/{user.pk}/password/"
    assert client.get(at).status_code == 403
    assert client.post(at, EVERYTHING).status_code == 403
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_someone_with_read_access_only_sees_no_form(operator: User, viewer: User, logged_in: LogIn) -> None:
    operator.is_staff = True
    operator.save()
    operator.user_permissions.add(Permission.objects.get(codename="view_user"))
    client = logged_in(operator)
    for user in (operator, viewer):
        assert client.get(f"/admin/auth/user/{user.pk}/change/").status_code == 200
        assert client.post(f"/admin/auth/user/{user.pk}/change/", posted(user)).status_code == 403


def test_not_even_a_superuser_makes_another_one(root: User, operator: User, logged_in: LogIn) -> None:
    client = logged_in(root)
    assert client.get("/admin/auth/user/add/").status_code == 200
    data = {**posted(operator), "is_superuser": "on", "groups": [role("operator")]}
    assert client.post(f"/admin/auth/user/{operator.pk}/change/", data).status_code == 302
    operator.refresh_from_db()
    assert not operator.is_superuser

    assert client.post(f"/admin/auth/user/{operator.pk}/password/", EVERYTHING).status_code == 302
    operator.refresh_from_db()
    assert operator.check_password("correct horse battery staple")
