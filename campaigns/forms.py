"""The forms of the campaign pages. A form cleans; the operations save."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from campaigns.audience.texts import compile_text, foreign_fields
from campaigns.decisions import DECISIONS
from campaigns.models import Batch, Campaign, CampaignList, Template
from campaigns.results.uploaded_log import UploadedLog
from campaigns.tables import OUTCOME_WORDS
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS, VALUE_FIELDS
from contacts.forms import checked_size, sheet_field
from contacts.models import ContactList
from providers.base import CampaignSpec
from providers.models import Account

#: Bytes of a provider's log that a person may upload.
LARGEST_LOG = 5_000_000


class LocalDateTimeInput(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


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

    def save_lists(self, campaign: Campaign) -> None:
        """Save the chosen lists in their order."""
        campaign.campaignlist_set.all().delete()
        CampaignList.objects.bulk_create(
            CampaignList(campaign=campaign, contact_list=chosen, position=position)
            for position, chosen in enumerate(self.cleaned_data["lists"], start=1)
        )


class TemplateForm(forms.ModelForm):
    """A reusable text. Each of its labels is a field of its own."""

    class Meta:
        model = Template
        fields = ("name", "text", "sender")
        widgets = {"text": forms.Textarea(attrs={"rows": 6})}
        help_texts = {
            "text": "Write fields as @@value1@@ to @@value6@@. @@value1|friend@@ becomes “friend” for an empty value.",
            "sender": "The sender shown on the phone. Leave blank to use the account's sender.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in VALUE_FIELDS:
            self.fields[f"label_{field}"] = forms.CharField(
                label=f"Label of @@{field}@@",
                max_length=50,
                required=False,
                initial=self.instance.labels.get(field, ""),
            )

    def label_fields(self) -> list[forms.BoundField]:
        return [self[f"label_{field}"] for field in VALUE_FIELDS]

    def labels(self) -> dict[str, str]:
        """The labels on the insert buttons."""
        return {field: self[f"label_{field}"].value() or f"Value {field[-1]}" for field in VALUE_FIELDS}

    def clean_text(self) -> str:
        try:
            return compile_text(self.cleaned_data["text"]).source
        except Refusal as error:
            raise forms.ValidationError(error.sentence, code=error.code) from error

    def save(self, commit: bool = True) -> Template:
        self.instance.labels = {
            field: self.cleaned_data[f"label_{field}"] for field in VALUE_FIELDS if self.cleaned_data[f"label_{field}"]
        }
        return super().save(commit)


class CampaignFilter(forms.Form):
    """Which campaigns are listed."""

    name = forms.CharField(label="Name", required=False)
    status = forms.ChoiceField(label="Status", required=False, choices=[("", "All statuses"), *Campaign.Status.choices])


class RecipientFilter(forms.Form):
    """The recipients of a campaign that are shown or exported."""

    number = forms.CharField(label="Number", required=False)
    code = forms.CharField(required=False, widget=forms.HiddenInput())
    batch = forms.IntegerField(label="File", required=False)

    field_order = ("number", "outcome", "batch", "code")

    def __init__(self, *args: Any, batch_numbers: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["outcome"] = forms.ChoiceField(
            label="Outcome", required=False, choices=[("", "All outcomes"), *OUTCOME_WORDS.items()]
        )
        choices = [("", "All files"), *((number, f"File {number}") for number in batch_numbers)]
        self.fields["batch"].widget = forms.Select(choices=choices)


class ReasonForm(forms.Form):
    """The reason for a person's decision."""

    why = forms.CharField(label="Reason", max_length=500, widget=forms.Textarea(attrs={"rows": 2}))


class DecideForm(ReasonForm):
    """What happened to an unclear batch."""

    decision = forms.ChoiceField(label="What happened", choices=list(DECISIONS.items()), widget=forms.RadioSelect)
    log = forms.FileField(
        label="The provider's log",
        required=False,
        allow_empty_file=True,
        help_text="Only if part was texted: the numbers it lists were texted. Text, CSV or JSON, at most 5 MB.",
    )

    field_order = ("decision", "log", "why")

    def clean_log(self) -> UploadedLog | None:
        uploaded = self.cleaned_data["log"]
        if uploaded is None:
            return None
        if uploaded.size > LARGEST_LOG:
            raise forms.ValidationError("The log is larger than 5 MB. Upload only the part about these files.")
        return UploadedLog(uploaded.name[:100], uploaded.read())


class DecideManyForm(DecideForm):
    """One decision about several of a campaign's unclear batches."""

    batches = forms.ModelMultipleChoiceField(
        queryset=Batch.objects.none(),
        error_messages={
            "required": "Choose at least one file.",
            "invalid_choice": "A file has been decided in the meantime.",
        },
    )

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["batches"].queryset = campaign.batches.filter(status=Batch.Status.UNCLEAR)  # type: ignore[attr-defined]


class StartForm(forms.Form):
    """A new start of a held campaign."""

    start_at = forms.DateTimeField(label="New start", required=False, widget=LocalDateTimeInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["start_at"].help_text = f"In {timezone.localtime():%Z}. Leave blank to start now."


class ReplyUploadForm(forms.Form):
    account = forms.ModelChoiceField(
        Account.objects.all(),
        label="Account",
        help_text="The replies arrived through it.",
        error_messages={"required": "Choose the account."},
    )
    file = sheet_field()

    def clean_file(self) -> UploadedFile:
        return checked_size(self.cleaned_data["file"])
