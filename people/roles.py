"""The four roles, and who may manage whom."""

from collections.abc import Collection

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, User

#: The groups that the first migration makes, up to the role with the most permissions.
ROLES = ("viewer", "operator", "approver", "administrator")


def role_of(user: User) -> Group | None:
    """The most powerful of the four roles that the person has."""
    groups = {group.name: group for group in user.groups.all()}
    return next((groups[name] for name in reversed(ROLES) if name in groups), None)


def has_one_of(user: User, roles: Collection[str]) -> bool:
    """Whether the person has one of these roles. A superuser counts as an administrator."""
    if user.is_superuser and "administrator" in roles:
        return True
    return bool(roles) and user.groups.filter(name__in=roles).exists()


def may_manage(actor: AbstractBaseUser | AnonymousUser, user: User) -> bool:
    """Whether ``actor`` may change ``user``: administrators everybody but superusers, superusers everybody."""
    if not isinstance(actor, User) or not actor.has_perm("auth.change_user"):
        return False
    return actor.is_superuser or not user.is_superuser
