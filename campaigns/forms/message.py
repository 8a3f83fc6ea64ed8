"""The form of the second step of a draft: the account, the text, and the options of the account's provider."""

import json
import re
from typing import Any

from django import forms
from django.http import QueryDict

from campaigns.audience.binding import Bound, column_named, label_of, rebind, unbound
from campaigns.audience.compare import options_for, usual_options
from campaigns.audience.texts import compile_text, foreign_fields
from campaigns.forms.steps import StepForm
from campaigns.models import Campaign, Template
from campaigns.template_versions import bound_text, current_version
from contacts.errors import Refusal
from contacts.fields import VALUE_FIELDS
from contacts.ids import as_id
from providers import letters
from providers.base import CampaignSpec
from providers.models import Account

#: What a provider may object to that is chosen in the step "When".
_TIMES = ("start_at", "end_at", "is_early")
_COPIED = re.compile(r"(\d{1,18}):(\d{1,9})")


class MessageForm(StepForm):
    """What is texted, and through whom. ``options`` is the options form of the chosen account, or None without one."""

    are_literals = forms.BooleanField(label="They are meant as they stand", required=False)
    #: What the fields of the text were called when it was written: see campaigns.audience.binding.
    text_labels = forms.JSONField(required=False, widget=forms.HiddenInput)
    #: The template and its version that was copied into the text: ``7:3``.
    copied = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Campaign
        fields = ("account", "template", "text", "sender")
        widgets = {"text": forms.Textarea(attrs={"rows": 5, "data-chips": ""})}
        labels = {"template": "Start from a template"}
        help_texts = {"sender": "The sender shown on the phone. Leave blank to use the account's sender."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accounts = Account.objects.filter(is_active=True)
        if self.instance.account_id:
            accounts = accounts | Account.objects.filter(pk=self.instance.account_id)
        self.fields["account"].queryset = accounts.distinct()  # type: ignore[attr-defined]
        self.fields["account"].empty_label = "Choose an account"  # type: ignore[attr-defined]
        self.fields["template"].empty_label = "No template"  # type: ignore[attr-defined]
        self.fields["are_literals"].initial = bool(self.instance.confirmed_literals)
        self.fields["text_labels"].initial = self.instance.text_labels
        self.options: forms.Form | None = None
        account = self.chosen_account()
        if account is not None:
            bound = {"data": self.data} if self.is_bound else {"initial": self._kept_options(account)}
            self.options = account.adapter.OptionsForm(prefix="options", **bound)

    def chosen_account(self) -> Account | None:
        """The account that is chosen right now. It determines which options there are."""
        chosen = (self.data if self.is_bound else self.initial).get("account")
        return Account.objects.filter(pk=as_id(chosen) or 0).first()

    def _kept_options(self, account: Account) -> dict[str, Any]:
        """The draft's options if they are those of this account's provider, else the provider's default ones."""
        return options_for(self.instance, account) or usual_options(account)

    def chosen_options(self) -> dict[str, Any]:
        """The options as they are right now. Invalid ones are left out."""
        if self.options is None:
            return {}
        if not self.is_bound:
            return dict(self.options.initial)
        self.options.is_valid()
        return self.options.cleaned_data

    def foreign_fields(self) -> list[str]:
        """What looks like a field of another program in the text as it is right now."""
        return foreign_fields(str(self["text"].value() or ""))

    def unbound_fields(self) -> list[dict[str, str]]:
        """The fields of the text that hold something else on the chosen lists, each with the column that fits best."""
        columns = self.instance.value_labels() if self.instance.pk else {}
        found = unbound_in(self.instance, str(self["text"].value() or ""), self["text_labels"].value())
        return [
            {"field": field, "label": label, "column": column_named(label, columns)} for field, label in found.items()
        ]

    def is_advanced_open(self) -> bool:
        """Whether the sender or an option differs from the defaults or has an error."""
        if self["sender"].value() or self["sender"].errors or (self.options and self.options.errors):
            return True
        account = self.chosen_account()
        return bool(account) and _set(self.chosen_options()) != _set(usual_options(account))  # type: ignore[arg-type]

    def has_errors(self) -> bool:
        return super().has_errors() or bool(self.options is not None and self.options.errors)

    def forget_errors(self) -> None:
        super().forget_errors()
        if self.options is not None:
            self.options.errors.clear()

    def clean_text(self) -> str:
        text = self.cleaned_data["text"]
        if not text.strip():
            return ""
        try:
            return compile_text(text).source
        except Refusal as error:
            raise forms.ValidationError(error.sentence, code=error.code) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        account = cleaned.get("account")
        if account and self.options is not None and self.options.is_valid():
            spec = CampaignSpec(
                template=cleaned.get("text", ""),
                sender=cleaned.get("sender", ""),
                start_at=self.instance.start_at if self.instance.is_early else None,
                end_at=self.instance.end_at,
                options=self.options.cleaned_data,
                account=account.settings,
            )
            for problem in account.adapter.spec_problems(spec):
                field = problem.field if problem.field in self.fields else None
                if problem.field not in _TIMES and (field is None or field not in self.errors):
                    self.add_error(field, forms.ValidationError(problem.sentence, code=problem.code))
        return cleaned

    def is_valid(self) -> bool:
        return super().is_valid() and (self.options is None or self.options.is_valid())

    @classmethod
    def stored(cls, campaign: Campaign) -> list[Any]:
        options = sorted(campaign.options.items())
        return [*super().stored(campaign), options, campaign.confirmed_literals, sorted(campaign.text_labels.items())]

    def save(self, campaign: Campaign) -> None:  # type: ignore[override]
        """Store what is valid; an invalid option keeps the value that it had."""
        account = self.cleaned_data.get("account")
        if account and self.options is not None:
            self.options.is_valid()
            campaign.options = options_for(campaign, account) | self.options.cleaned_data
        if "text" in self.cleaned_data:
            is_meant = self.cleaned_data.get("are_literals")
            campaign.confirmed_literals = foreign_fields(self.cleaned_data["text"]) if is_meant else []
            campaign.text_labels = self._labels_of(campaign, self.cleaned_data["text"])
        if account and not account.adapter.starts_later:
            campaign.is_early = False
        # A template that is only chosen was not copied.
        self.cleaned_data.pop("template", None)
        copied = _COPIED.fullmatch(self.cleaned_data.get("copied", ""))
        if copied and Template.objects.filter(pk=int(copied[1])).exists():
            campaign.template_id, campaign.template_version = int(copied[1]), int(copied[2])
        names = ["options", "confirmed_literals", "is_early", "text_labels", "template", "template_version"]
        campaign.save(update_fields=names)
        super().save(campaign)

    def _labels_of(self, campaign: Campaign, text: str) -> dict[str, str]:
        """What each field of the text was written for; a field that is new in it is meant as the lists have it now."""
        before = _labels(self.cleaned_data.get("text_labels"))
        columns = campaign.value_labels()
        is_known = bool(campaign.ordered_lists())
        used = compile_text(text).fields if text else ()
        labels = {field: before.get(field) or (label_of(field, columns) if is_known else "") for field in used}
        return {field: label for field, label in labels.items() if label}


def unbound_in(campaign: Campaign, text: str, text_labels: Any) -> dict[str, str]:
    """The fields of a text being written that hold something else on the lists of ``campaign``, with their labels.

    ``text_labels`` as the form holds them.
    """
    columns = campaign.value_labels() if campaign.pk else {}
    if not columns and not (campaign.pk and campaign.ordered_lists()):
        return {}
    return unbound(text, _labels(text_labels), columns)


def turned(posted: QueryDict, campaign: Campaign) -> QueryDict:
    """The data of the step after one of its small buttons (``turn``), without checking or saving it."""
    verb, _, where = posted.get("turn", "").partition("-")
    data = posted.copy()
    if verb == "clean":
        data["text"] = letters.replace(data.get("text", ""))
    elif verb == "template":
        template = Template.objects.filter(pk=as_id(data.get("template")) or 0).first()
        if template:
            _put(data, bound_text(template, campaign))
            data["sender"] = template.sender or data.get("sender", "")
            data["copied"] = f"{template.pk}:{current_version(template).number}"
    elif verb == "bind":
        chosen = {field: data.get(f"bind_{field}", "") for field in VALUE_FIELDS}
        texts = {field: data.get(f"instead_{field}", "") for field in VALUE_FIELDS}
        columns = {field: name if name in VALUE_FIELDS and not texts[field] else "" for field, name in chosen.items()}
        labels = _labels(data.get("text_labels"))
        _put(data, rebind(data.get("text", ""), labels, campaign.value_labels(), columns, texts))
    elif verb == "choose":
        _choose(data, Account.objects.filter(pk=as_id(where) or 0, is_active=True).first())
    return data


def _put(data: QueryDict, bound: Bound) -> None:
    data["text"], data["text_labels"] = bound.text, json.dumps(bound.labels)


def _labels(value: Any) -> dict[str, str]:
    """The labels that a form holds, as a dict or as posted JSON; what is no label is left out."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    found = value if isinstance(value, dict) else {}
    return {field: found[field][:50] for field in VALUE_FIELDS if isinstance(found.get(field), str) and found[field]}


def _choose(data: QueryDict, account: Account | None) -> None:
    """Put another account into the form, with its provider's default options."""
    before = Account.objects.filter(pk=as_id(data.get("account")) or 0).first()
    if account is None:
        return
    data["account"] = str(account.pk)
    if before and before.provider == account.provider:
        return
    for name in [name for name in data if name.startswith("options-")]:
        del data[name]
    for name, value in usual_options(account).items():
        if value not in (None, "", False):
            data[f"options-{name}"] = "on" if value is True else str(value)


def _set(options: dict[str, Any]) -> dict[str, str]:
    """The options that are set, as text: a form's value and a stored one compare equal."""
    return {name: str(value) for name, value in options.items() if value not in (None, "", False)}
