"""People in the admin: as on the People screen, through the same operations, and what libraries add."""

from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html

from people import operations
from people.forms import PersonForm

admin.site.unregister(User)
admin.site.unregister(Authenticator)
# Baton uses the address of the user; these rows are allauth's copies of it.
admin.site.unregister(EmailAddress)


@admin.register(User)
class PersonAdmin(admin.ModelAdmin):
    """Names, address and role. The People screen has the links, the access and the second step."""

    list_display = ("username", "email", "first_name", "last_name", "role", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    fields = ("username", "first_name", "last_name", "email", "role", "is_active", "is_superuser", "last_login")
    readonly_fields = ("is_active", "is_superuser", "last_login")

    @admin.display(description="role")
    def role(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all())

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def get_form(self, request: HttpRequest, obj: User | None = None, change: bool = False, **kwargs: Any) -> Any:
        assert isinstance(request.user, User)
        editor: User = request.user

        class Form(PersonForm):
            def __init__(self, *args: Any, **options: Any) -> None:
                super().__init__(*args, editor=editor, **options)

        return super().get_form(request, obj, change=change, **{**kwargs, "form": Form})

    @method_decorator(reauthentication_required(allow_get=True))
    def changeform_view(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Adding and changing a person needs the password again, as on the People screen."""
        return super().changeform_view(*args, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        assert isinstance(request.user, User)
        role = form.cleaned_data["role"]
        if change:
            operations.change(request.user, obj, role)
            return
        names = ("username", "first_name", "last_name", "email")
        made = operations.invite(request.user, {name: form.cleaned_data[name] for name in names}, role)
        obj.__dict__.update(made.__dict__)
        page = format_html('<a href="{}">{}</a>', reverse("people:person", args=[obj.pk]), "Make the link")
        self.message_user(request, format_html("{} with which {} chooses a password.", page, obj), messages.WARNING)

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool) -> None:
        """Save nothing: ``save_model`` has already given the role."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """People are deactivated instead, so that what they did stays under their name."""
        return False


@admin.register(Authenticator)
class AuthenticatorAdmin(admin.ModelAdmin):
    """Lists who has a second step; nobody, not even a superuser, sees or changes its secret.

    The People screen resets it.
    """

    fields = ("user", "type", "created_at", "last_used_at")
    readonly_fields = fields
    list_display = fields
    list_filter = ("type",)
    search_fields = ("user__username",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:
        return False
