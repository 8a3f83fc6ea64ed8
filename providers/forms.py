"""The form of an account: its name, and the fields of the adapter's own form."""

from typing import Any

from django import forms

from providers.base import BaseAdapter
from providers.models import Account

#: The fields of every account.
OWN_FIELDS = ("name", "files_an_hour", "is_active")


class AccountForm(forms.Form):
    """The fields of every account; ``account_form`` adds those of the adapter's SettingsForm."""

    name = forms.CharField(label="Name", max_length=100, help_text="The name of this account in Baton.")
    files_an_hour = forms.IntegerField(
        label="Most files an hour",
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text="If the provider limits them. Further files wait. Leave blank for no limit.",
    )
    is_active = forms.BooleanField(label="Offer this account to new campaigns", required=False, initial=True)

    account: Account

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if Account.objects.filter(name__iexact=name).exclude(pk=self.account.pk).exists():
            raise forms.ValidationError("Another account has this name. Choose a different one.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        # A stored password must not be transmitted to a host that somebody enters later.
        if self.account.pk and not self.errors and self.account.adapter.host(cleaned) != self.account.host:
            for name in secret_fields(self.account.adapter):
                if not cleaned.get(name):
                    self.add_error(
                        name, "The host changed. Enter this again, so that it does not go to the wrong host by mistake."
                    )
        return cleaned


def secret_fields(adapter: BaseAdapter) -> list[str]:
    """Return the names of the adapter's settings that are stored encrypted."""
    fields = adapter.SettingsForm.base_fields
    return [name for name, field in fields.items() if isinstance(field.widget, forms.PasswordInput)]


def account_form(account: Account, data: Any = None) -> AccountForm:
    """Return the form for this account, new or stored; ``data`` is what a person entered.

    Secrets are never put into the form. For a stored account, a blank secret keeps the stored one.
    """
    adapter = account.adapter
    joined = type("JoinedAccountForm", (AccountForm, adapter.SettingsForm), {"account": account})
    own = {name: getattr(account, name) for name in OWN_FIELDS}
    initial = {**account.settings, **own} if account.pk else None
    form: AccountForm = joined(data, initial=initial)
    form.order_fields(["name", *adapter.SettingsForm.base_fields, "files_an_hour", "is_active"])
    if account.pk:
        for name in secret_fields(adapter):
            form.fields[name].required = False
            form.fields[name].help_text = "Stored and never shown. Leave blank to keep it."
    return form
