"""The form of a template."""

from typing import Any

from django import forms

from campaigns.audience.texts import compile_text
from campaigns.models import Template
from contacts.errors import Refusal
from contacts.fields import VALUE_FIELDS


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
