"""Which notices a person wants."""

from typing import Any

from django import forms
from django.contrib.auth.models import User

from campaigns.models import NoticeChoice
from campaigns.statuses import NoticeKind


class NoticeChoiceForm(forms.Form):
    """Two lists of kinds; nothing in one of them is a choice too."""

    shown = forms.MultipleChoiceField(
        label="In Baton", required=False, choices=NoticeKind.choices, widget=forms.CheckboxSelectMultiple()
    )
    mailed = forms.MultipleChoiceField(
        label="By email", required=False, choices=NoticeKind.choices, widget=forms.CheckboxSelectMultiple()
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self.user = user
        stored = NoticeChoice.objects.filter(user=user).first()
        everything = {"shown": NoticeKind.values, "mailed": NoticeKind.values}
        initial = {"shown": stored.shown, "mailed": stored.mailed} if stored else everything
        super().__init__(*args, **kwargs)
        self.initial = initial

    def save(self) -> None:
        NoticeChoice.objects.update_or_create(
            user=self.user, defaults={"shown": self.cleaned_data["shown"], "mailed": self.cleaned_data["mailed"]}
        )
