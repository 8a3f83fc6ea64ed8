"""The form to erase a person."""

from typing import Any

from django import forms


class ErasureForm(forms.Form):
    """Cleans to ``note`` and ``opt_out``."""

    note = forms.CharField(
        label="Request",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="How and when the person asked, for example “e-mail of 3 March, ticket 4711”. Leave out the number"
        " and the name: this stays in the report.",
        error_messages={"required": "Enter how and when the person asked."},
    )
    opt_out = forms.BooleanField(
        label="Opt the number out",
        required=False,
        initial=True,
        help_text="The number alone stays among the opt-outs, so that no campaign texts it if it is imported again.",
    )

    def __init__(self, *args: Any, is_opted_out: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_opted_out:
            del self.fields["opt_out"]

    def clean_note(self) -> str:
        note: str = self.cleaned_data["note"]
        if any(len(run) >= 7 for run in _digits(note)):
            raise forms.ValidationError("This appears to have a phone number. Leave it out: the report is kept.")
        return note


def _digits(text: str) -> list[str]:
    """The runs of digits, with what people write between the digits of a number."""
    joined = "".join(letter for letter in text if letter not in " ()-./+")
    return "".join(letter if letter.isdigit() else " " for letter in joined).split()
