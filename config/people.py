"""People in the admin: administrators add them and give each a role; only superusers can do more.

Nobody is made a superuser here: that is done with ``manage.py createsuperuser`` or the first administrator's link.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponse

#: The groups that the first migration makes, up to the role with the most permissions.
ROLES = ("viewer", "operator", "approver", "administrator")
FIELDS = ("username", "first_name", "last_name", "email", "is_active")

admin.site.unregister(User)


class PersonForm(forms.ModelForm):
    """What an administrator may say about a person: name, email address, whether they may log in, and their role."""

    role = forms.ModelChoiceField(Group.objects.filter(name__in=ROLES), empty_label=None)
    #: Who fills in the form; set by the admin.
    editor: User

    class Meta:
        model = User
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "email"
        ].help_text = "Notices go here by email. Without an address, the person sees them in Baton only."
        if self.instance.pk:
            self.initial["role"] = role_of(self.instance)
        if self.instance.pk == self.editor.pk:
            for name in ("role", "is_active"):
                self.fields[name].disabled = True
                self.fields[name].help_text = "Another administrator changes this for you."


def role_of(user: User) -> Group | None:
    """The most powerful of the four roles that the person has."""
    groups = {group.name: group for group in user.groups.filter(name__in=ROLES)}
    return next((groups[name] for name in reversed(ROLES) if name in groups), None)


@admin.register(User)
class PersonAdmin(UserAdmin):
    """For superusers Django's own screen, for administrators the form above, and none for a superuser's account."""

    readonly_fields = ("is_superuser", "last_login", "date_joined")
    list_display = ("username", "email", "first_name", "last_name", "is_active", "is_superuser")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if is_superuser(request):
            return super().get_fieldsets(request, obj)
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": (*FIELDS, "groups")})]
        description = "" if obj else "The person gets a first password from a superuser."
        return [(None, {"fields": (*FIELDS, "role"), "description": description})]

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        if not is_superuser(request):
            may_change = self.has_change_permission(request, obj)
            form = type("PersonForm", (PersonForm,), {"editor": request.user})
            kwargs["form"] = form if may_change else forms.ModelForm
        return super().get_form(request, obj, change=change, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if isinstance(form, PersonForm):
            if not change:
                obj.set_unusable_password()
            if "role" in form.changed_data:
                # Only administrators use the admin.
                obj.is_staff = form.cleaned_data["role"].name == "administrator"
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if isinstance(form, PersonForm) and "role" in form.changed_data:
            form.instance.groups.set([form.cleaned_data["role"]])

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        if not is_superuser(request):
            raise PermissionDenied("Only a superuser sets another person's password.")
        return super().user_change_password(request, id, form_url)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_touch(request, obj) and super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may_touch(request, obj) and super().has_delete_permission(request, obj)


def is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def may_touch(request: HttpRequest, obj: Model | None) -> bool:
    """Whether the record may be opened at all: a superuser's only by superusers."""
    return is_superuser(request) or not (isinstance(obj, User) and obj.is_superuser)
