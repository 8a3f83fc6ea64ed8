"""The table of the People screen."""

import django_tables2 as tables
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from contacts.elements import chip
from contacts.tables import TemplateColumn
from people.roles import role_of


def state_of(user: User) -> tuple[str, str]:
    """The kind and the words of the chip that says whether the person can log in."""
    if not user.is_active:
        return "excluded", "Deactivated"
    return ("accepted", "Active") if user.has_usable_password() else ("waiting", "Invited")


def role_words(user: User) -> str:
    """The role in words; a superuser may do everything, whatever the role."""
    role = role_of(user)
    words = role.name.capitalize() if role else "No role"
    return f"{words}, superuser" if user.is_superuser else words


class PeopleTable(tables.Table):
    """Rows are users, annotated with ``has_second_step`` and with their groups prefetched."""

    username = tables.Column(verbose_name="Person")
    role = tables.Column(empty_values=(), orderable=False)
    state = tables.Column(empty_values=(), orderable=False)
    has_second_step = tables.Column(verbose_name="Two-step login")
    last_login = TemplateColumn(
        "{% load badges %}{{ record.last_login|zoned|default:'never' }}", verbose_name="Last login"
    )

    class Meta:
        attrs = {"aria-label": "People"}
        row_attrs = {"class": "row-link"}

    def render_username(self, record: User) -> SafeString:
        about = ", ".join(word for word in (record.get_full_name(), record.email) if word)
        return format_html(
            '<a class="row-anchor" href="{}">{}</a><br><span class="quiet small">{}</span>',
            reverse("people:person", args=[record.pk]),
            record.username,
            about,
        )

    def render_role(self, record: User) -> str:
        return role_words(record)

    def render_state(self, record: User) -> SafeString:
        kind, word = state_of(record)
        return chip(kind, word)

    def render_has_second_step(self, value: bool) -> str:
        return "On" if value else "Off"
