"""The forms of the People screen and of one's own profile."""

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import Group, User

from people.models import Profile
from people.roles import ROLES, role_of

ROLE_WORDS = {
    "viewer": "Viewer: reads everything",
    "operator": "Operator: imports contacts, writes campaigns, decides about files",
    "approver": "Approver: approves campaigns",
    "administrator": "Administrator: accounts, prices and people",
}


class RoleField(forms.ModelChoiceField):
    """One of the four roles, each with what it may do."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            Group.objects.filter(name__in=ROLES).order_by("pk"), widget=forms.RadioSelect, empty_label=None, **kwargs
        )

    def label_from_instance(self, obj: Any) -> str:
        return ROLE_WORDS[obj.name]


class _NamesForm(forms.ModelForm):
    """Names and the email address, which belongs to one person alone, because people log in with it."""

    class Meta:
        model = User
        fields: tuple[str, ...] = ("first_name", "last_name", "email")
        labels = {"email": "Email"}

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email and User.objects.filter(email__iexact=email).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError("Another person has this email address.")
        return email


class PersonForm(_NamesForm):
    """What an administrator says about a person: name, email address and role."""

    role = RoleField(label="Role")

    class Meta(_NamesForm.Meta):
        fields = ("username", "first_name", "last_name", "email")
        labels = {**_NamesForm.Meta.labels, "username": "Username"}
        help_texts = {
            "username": "Letters, digits and @ . + - _",
            "email": "Optional. The person can log in with it, and gets notices by email.",
        }

    def __init__(self, *args: Any, editor: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["role"] = role_of(self.instance)
        if self.instance.pk and self.instance == editor:
            # Disabled, so what a browser sends does not count. A superuser may have no role.
            self.fields["role"].disabled, self.fields["role"].required = True, False
            self.fields["role"].help_text = "Another administrator changes this for you."

    def clean_role(self) -> Group | None:
        """The role to give; None leaves the person's groups as they are."""
        return None if self.fields["role"].disabled else self.cleaned_data["role"]


class ProfileForm(_NamesForm):
    """What people say about themselves."""

    time_zone = forms.ChoiceField(
        label="Time zone",
        required=False,
        help_text="Times are shown and entered in it. The allowed hours of campaigns have a time zone of their own.",
    )

    class Meta(_NamesForm.Meta):
        help_texts = {"email": "Optional. You can log in with it, and get notices by email."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone and not zone.startswith("Etc/"))
        own = f"The time zone of this installation ({settings.TIME_ZONE})"
        self.fields["time_zone"].choices = [("", own), *((zone, zone) for zone in zones)]  # type: ignore[attr-defined]
        profile = Profile.objects.filter(user=self.instance).first()
        self.initial["time_zone"] = profile.time_zone if profile else ""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        user.save(update_fields=["first_name", "last_name", "email"])
        Profile.objects.update_or_create(user=user, defaults={"time_zone": self.cleaned_data["time_zone"]})
        return user
