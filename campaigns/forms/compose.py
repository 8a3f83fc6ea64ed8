"""The form of a draft."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils import timezone

from campaigns.audience.sources import Sources
from campaigns.audience.texts import compile_text, foreign_fields
from campaigns.forms.inputs import LocalDateTimeInput
from campaigns.models import Campaign, CampaignList
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS, VALUE_FIELDS
from contacts.models import ContactList
from providers.base import CampaignSpec
from providers.models import Account


class ListsWidget(forms.SelectMultiple):
    """Several selects with the same name, in their order on the page."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])


class ListsField(forms.Field):
    """The chosen contact lists in order; cleans to a list of ContactList."""

    widget = ListsWidget

    def clean(self, value: Any) -> list[ContactList]:
        chosen = [item for item in value or [] if item]
        known = ContactList.objects.in_bulk([int(item) for item in chosen if str(item).isdigit()])
        lists = [known[int(item)] for item in chosen if str(item).isdigit() and int(item) in known]
        if len(lists) != len(chosen):
            raise forms.ValidationError("A list that you chose was deleted. Choose again.", code="unknown_list")
        if not lists:
            raise forms.ValidationError("Choose at least one contact list.", code="no_list")
        if len(set(lists)) != len(lists):
            twice = next(row for row in lists if lists.count(row) > 1)
            raise forms.ValidationError(f"{twice} is chosen twice.", code="list_twice")
        return lists


def labels_of(lists: Sequence[str]) -> dict[str, str]:
    """The fields that a text can use with their labels, by the first chosen list. ``lists``: primary keys or "".

    A list without labels, or no list, offers all six values by their number.
    """
    first = next((pk for pk in lists if pk.isdigit()), None)
    chosen = ContactList.objects.filter(pk=first).first() if first else None
    labelled = chosen.labelled_fields() if chosen else {}
    return labelled or {field: FIELD_LABELS[field] for field in VALUE_FIELDS}


class CampaignForm(forms.ModelForm):
    """A draft. ``options`` is the bound options form of the chosen account, or None where there is no account."""

    lists = ListsField(label="Lists")
    are_literals = forms.BooleanField(label="They are meant as they stand", required=False)

    class Meta:
        model = Campaign
        fields = ("name", "account", "template", "text", "sender", "start_at", "end_at", "is_early")
        widgets = {
            "text": forms.Textarea(attrs={"rows": 6}),
            "start_at": LocalDateTimeInput(),
            "end_at": LocalDateTimeInput(),
        }
        labels = {
            "template": "Start from a template",
            "start_at": "Start",
            "end_at": "End",
            "is_early": "Upload now; the provider waits until the start time",
        }
        help_texts = {
            "name": "Shown in Baton only.",
            "sender": "The sender shown on the phone. Leave blank to use the account's sender.",
            "template": "Its text is copied. You can change the copy.",
            "is_early": "The files cannot be recalled, and opt-outs received later do not count.",
        }
        error_messages = {
            "name": {"required": "Give the campaign a name."},
            "account": {"required": "Choose an account."},
            "text": {"required": "Write the text of the message."},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zone = f"{timezone.localtime():%Z}"
        accounts = Account.objects.filter(is_active=True)
        if self.instance.account_id:
            accounts = accounts | Account.objects.filter(pk=self.instance.account_id)
        self.fields["account"].queryset = accounts.distinct()  # type: ignore[attr-defined]
        self.fields["template"].required = False
        self.fields["are_literals"].initial = bool(self.instance.confirmed_literals)
        self.fields["start_at"].help_text = f"In {zone}. Leave blank to start as soon as it is approved."
        self.fields["end_at"].help_text = f"In {zone}. Nothing is handed over after the end. Leave blank for no end."
        self.fields["account"].empty_label = "Choose an account"  # type: ignore[attr-defined]
        self.fields["template"].empty_label = "No template"  # type: ignore[attr-defined]
        self.options: forms.Form | None = None
        account = self.chosen_account()
        if account is not None:
            bound = {"data": self.data} if self.is_bound else {"initial": self.instance.options}
            self.options = account.adapter.OptionsForm(prefix="options", **bound)

    def chosen_account(self) -> Account | None:
        """The account that is chosen right now. It determines which options there are."""
        raw = str((self.data if self.is_bound else self.initial).get("account") or "")
        return Account.objects.filter(pk=raw).first() if raw.isdigit() else None

    def chosen_options(self) -> dict[str, Any]:
        """The options as they are right now. Invalid ones are left out."""
        if self.options is None or not self.is_bound:
            return dict(self.instance.options)
        self.options.is_valid()
        return self.options.cleaned_data

    def chosen_lists(self) -> list[str]:
        """The primary keys chosen right now, in the order of the selects."""
        if self.is_bound:
            return self.data.getlist("lists") or [""]  # type: ignore[attr-defined]
        return [str(pk) for pk in self.initial.get("lists", [])] or [""]

    def foreign_fields(self) -> list[str]:
        """What looks like a field of another program in the text as it is right now."""
        return foreign_fields(str(self["text"].value() or ""))

    def labels(self) -> dict[str, str]:
        return labels_of(self.chosen_lists())

    def clean_text(self) -> str:
        try:
            return compile_text(self.cleaned_data["text"]).source
        except Refusal as error:
            raise forms.ValidationError(error.sentence, code=error.code) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end, now = cleaned.get("start_at"), cleaned.get("end_at"), timezone.now()
        account = cleaned.get("account")
        if start and "start_at" in self.changed_data and start < now:
            self.add_error("start_at", "The start is in the past. Choose a later one, or leave it blank.")
        if end and end <= now:
            self.add_error("end_at", "The end is in the past. Choose a later one.")
        elif end and start and end <= start:
            self.add_error("end_at", "The end must be later than the start.")
        if account and not account.adapter.starts_later:
            cleaned["is_early"] = False
        if cleaned.get("is_early") and not start:
            self.add_error("is_early", "Uploading now needs a start.")
        ahead = account.adapter.limits.start_ahead if account else None
        if cleaned.get("is_early") and start and ahead and start > now + ahead:
            self.add_error("start_at", f"The provider holds files for at most {ahead.days} days.")
        if self.options is not None and self.options.is_valid():
            cleaned["options"] = self.options.cleaned_data
            self._clean_order(cleaned)
        return cleaned

    def _clean_order(self, cleaned: Mapping[str, Any]) -> None:
        spec = CampaignSpec(
            template=cleaned.get("text", ""),
            sender=cleaned.get("sender", ""),
            start_at=cleaned.get("start_at") if cleaned.get("is_early") else None,
            end_at=cleaned.get("end_at"),
            options=cleaned["options"],
            account=cleaned["account"].settings if cleaned.get("account") else {},
        )
        for problem in cleaned["account"].adapter.spec_problems(spec) if cleaned.get("account") else ():
            field = problem.field if problem.field in self.fields else None
            if field is None or field not in self.errors:
                self.add_error(field, forms.ValidationError(problem.sentence, code=problem.code))

    def is_valid(self) -> bool:
        return super().is_valid() and (self.options is None or self.options.is_valid())

    def sources(self) -> Sources:
        """The chosen lists, not saved."""
        return Sources([CampaignList(contact_list=chosen) for chosen in self.cleaned_data["lists"]])

    def save_lists(self, campaign: Campaign) -> None:
        """Save the chosen lists in their order."""
        campaign.campaignlist_set.all().delete()
        CampaignList.objects.bulk_create(
            CampaignList(campaign=campaign, contact_list=chosen, position=position)
            for position, chosen in enumerate(self.cleaned_data["lists"], start=1)
        )
