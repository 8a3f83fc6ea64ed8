"""The allowed hours, the pace and the canary of a draft."""

import json
from collections.abc import Iterator
from datetime import time
from typing import Any

from django import forms
from django.conf import settings

from campaigns.audience.windows import DAYS, OWN, PRESETS, RECIPIENT, SKIP, WAIT, parse, preset_of, preset_window
from campaigns.forms.steps import StepForm, say_in_words
from campaigns.models import Campaign
from contacts import countries
from contacts.errors import Refusal

CUSTOM = "custom"
_DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class WhenForm(StepForm):
    """The allowed hours, the pace and the canary of a draft."""

    preset = forms.ChoiceField(label="When people may be texted", widget=forms.RadioSelect, required=False)
    holidays = forms.ChoiceField(label="Public holidays", required=False)
    zone = forms.ChoiceField(label="Whose time counts", required=False)
    outside = forms.ChoiceField(
        label="People outside the allowed hours",
        choices=[(WAIT, "Wait for the next allowed hours"), (SKIP, "Are skipped and get no text")],
        widget=forms.RadioSelect,
        required=False,
    )

    class Meta:
        model = Campaign
        fields = ("pace", "canary", "canary_waits_for")
        labels = {
            "pace": "At most this many recipients an hour",
            "canary": "Only this many recipients first",
            "canary_waits_for": "The others wait",
        }
        help_texts = {
            "pace": "In files of even size at even intervals. Leave blank for no limit.",
            "canary": "The others wait until the first ones went well. Leave blank to hand over to everybody.",
        }
        widgets = {"canary_waits_for": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        window = self.instance.window
        own = window or preset_window("south_africa", settings.TIME_ZONE)
        self._choices("preset", [*((name, preset.label) for name, preset in PRESETS.items()), (CUSTOM, "Own hours")])
        self.initial["preset"] = preset_of(window) or CUSTOM
        for day, name in enumerate(_DAY_NAMES):
            for part, label in enumerate(("from", "until")):
                hours = own["hours"].get(str(day))
                field = forms.TimeField(
                    label=f"{name} {label}",
                    required=False,
                    widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
                )
                self.fields[f"day{day}_{label}"] = field
                self.initial[f"day{day}_{label}"] = hours[part].replace("24:00", "00:00") if hours else ""
        listed = own.get("holidays") or ""
        stored = listed if isinstance(listed, str) else ",".join(listed)
        home = settings.DEFAULT_COUNTRY
        offered = dict.fromkeys(["", OWN, home, stored])
        self._choices("holidays", [(code, _holidays_label(code)) for code in offered])
        self.initial["holidays"] = stored
        zones = dict.fromkeys([RECIPIENT, settings.TIME_ZONE, own.get("zone", RECIPIENT)])
        self._choices("zone", [(zone, "The recipient's" if zone == RECIPIENT else zone) for zone in zones])
        self.initial["zone"] = own.get("zone", RECIPIENT)
        self.initial["outside"] = own.get("outside", WAIT)
        for name in ("pace", "canary"):
            say_in_words(self.fields[name], 1)
            self.fields[name].widget.attrs |= {"inputmode": "numeric"}
        self.fields["canary_waits_for"].required = False

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    def is_pace_open(self) -> bool:
        return self.is_any_set("pace", "canary")

    def days(self) -> Iterator[tuple[str, Any, Any]]:
        """The name of each day with its two fields."""
        for day, name in enumerate(_DAY_NAMES):
            yield name, self[f"day{day}_from"], self[f"day{day}_until"]

    def sources(self) -> list[tuple[str, str]]:
        """What each preset follows: label and source."""
        return [
            (preset.label, preset.source.removeprefix("assumption: ")) for preset in PRESETS.values() if preset.source
        ]

    def clean_canary_waits_for(self) -> str:
        return self.cleaned_data["canary_waits_for"] or self.instance.canary_waits_for

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        preset = cleaned.get("preset")
        if preset and not self.errors:
            self._clean_window(cleaned, preset)
        return cleaned

    def _clean_window(self, cleaned: dict[str, Any], preset: str) -> None:
        outside = cleaned.get("outside") or WAIT
        window = preset_window(preset, settings.TIME_ZONE, outside) if preset != CUSTOM else self._own(cleaned, outside)
        try:
            parse(window)
        except Refusal as refusal:
            self.add_error("preset", refusal.sentence)
        else:
            cleaned["window"] = window

    def _own(self, cleaned: dict[str, Any], outside: str) -> dict[str, Any]:
        hours = {}
        for day in range(len(DAYS)):
            begins, ends = cleaned.get(f"day{day}_from"), cleaned.get(f"day{day}_until")
            if begins is not None or ends is not None:
                hours[str(day)] = [_clock(begins), "24:00" if ends == time(0) else _clock(ends)]
        window = {"hours": hours, "zone": cleaned.get("zone") or RECIPIENT, "outside": outside}
        listed = cleaned.get("holidays")
        if listed:
            window["holidays"] = OWN if listed == OWN else listed.split(",")
        return window | {"fallback": settings.TIME_ZONE}

    @classmethod
    def stored(cls, campaign: Campaign) -> list[Any]:
        # Not a digest of the dict itself: the database does not keep the order of its keys.
        return [*super().stored(campaign), json.dumps(campaign.window, sort_keys=True)]

    def save(self, campaign: Campaign) -> None:  # type: ignore[override]
        super().save(campaign)
        if "window" in self.cleaned_data:
            campaign.window = self.cleaned_data["window"]
            campaign.save(update_fields=["window"])


def _clock(moment: time | None) -> str:
    return f"{moment:%H:%M}" if moment is not None else ""


def _holidays_label(code: str) -> str:
    if not code:
        return "Texted like other days"
    if code == OWN:
        return "Not on those of the recipient's country"
    return f"Not on those of {', '.join(countries.name_of(one) for one in code.split(','))}"
