"""Small elements that the pages repeat for each row. Drawing them as templates takes ten times as long."""

from functools import cache
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

CHIP_ICONS = {
    "accepted": "check-circle",
    "provider": "arrow-up-right-circle",
    "waiting": "clock",
    "running": "play-fill",
    "decision": "exclamation-triangle",
    "rejected": "x-circle",
    "excluded": "dash-circle",
}


@cache
def icon(name: str) -> SafeString:
    """One icon of the sprite static/vendor/bootstrap-icons/icons.svg; ``name`` is the symbol's id."""
    # The line breaks keep the icon apart from the word beside it.
    return format_html(
        '\n<svg class="icon" width="16" height="16" aria-hidden="true" focusable="false">\n'
        '  <use href="{}#{}"></use>\n</svg>\n',
        static("vendor/bootstrap-icons/icons.svg"),
        name,
    )


def chip(kind: str, word: str) -> SafeString:
    """The state of anything: icon, word and colour together. An unknown ``kind`` has the icon of waiting."""
    drawn = icon(CHIP_ICONS.get(kind, CHIP_ICONS["waiting"]))
    return format_html('<span class="chip chip-{}">{}{}</span>', kind, drawn, word)


class Select(forms.Select):
    """A select without groups of options. Django's own draws a template for each option."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        chosen = self.format_value(value)
        options = format_html_join(
            "\n",
            '  <option value="{}"{}>{}</option>',
            ((key, SafeString(" selected") if str(key) in chosen else "", label) for key, label in self.choices),
        )
        return format_html(
            '<select name="{}"{}>\n{}\n</select>', name, flatatt(self.build_attrs(self.attrs, attrs)), options
        )
