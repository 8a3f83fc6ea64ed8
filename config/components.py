"""Template tags for elements that all screens share: icons, chips, notices, fields. Templates need not load them."""

from collections.abc import Iterable
from typing import Any

from django import template
from django.template import Context
from django.template.base import render_value_in_context
from django.template.loader import render_to_string
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_tables2 import Table

from contacts import elements, phones

register = template.Library()

NOTICE_ICONS = {"success": "check-circle", "warning": "exclamation-triangle", "error": "x-circle"}


register.simple_tag(elements.icon)


@register.simple_tag
def chip(kind: str, *words: object) -> SafeString:
    """The state of anything: icon, words and colour together. ``kind`` is a key of ``elements.CHIP_ICONS``.

    Words and numbers are joined by spaces: ``{% chip "accepted" "All" 395 "accounted for" %}``.
    """
    return elements.chip(kind, " ".join(str(localize(word)) for word in words))


@register.simple_tag(takes_context=True)
def table_rows(context: Context, table: Table) -> SafeString:
    """The rows of a table of django-tables2 that hold its records; "" if there are none.

    In a template, each cell would take several times as long. A column's attrs are the same in all rows.
    """
    columns = [
        (column.name, format_html('<td {} data-label="{}"', column.attrs["td"].as_html(), column.header))
        for column in table.columns
    ]
    lines = []
    for row in table.paginated_rows:
        lines.append(f"<tr {row.attrs.as_html()}>")
        for name, start in columns:
            cell = row.get_cell(name)
            blank = " data-blank" if cell == "—" else ""
            lines.append(f"{start}{blank}>{render_value_in_context(cell, context)}</td>")
        lines.append("</tr>")
    return SafeString("\n".join(lines))


@register.filter
def notice_icon(level: str) -> str:
    """The icon of a notice or a message of this level."""
    return NOTICE_ICONS.get(level, "info-circle")


@register.filter
def button_style(tags: str) -> str:
    """The class of a button of an allauth page, from the tags that allauth gives it."""
    if "danger" in tags:
        return "btn-danger"
    if "link" in tags:
        return "btn-link"
    return "btn-outline-secondary" if "outline" in tags or "secondary" in tags else "btn-primary"


@register.filter
def phone(msisdn: str) -> str:
    """A number as people write it: ``+27 82 555 0100``."""
    return phones.formatted(msisdn) if msisdn else ""


@register.simple_block_tag
def notice(content: str, kind: str) -> SafeString:
    """A sentence that stays on the page. ``kind`` is info, success, warning or error; the block holds its HTML."""
    return render_to_string("components/notice.html", {"kind": kind, "text": SafeString(content.strip())})


@register.simple_block_tag
def more_menu(content: str) -> SafeString:
    """The quiet menu beside a page's primary action; the block holds its ``<li>`` elements."""
    return render_to_string("components/more_menu.html", {"items": SafeString(content.strip())})


@register.simple_block_tag
def blank_state(content: str, title: str, icon: str = "inbox", url: str = "", label: str = "") -> SafeString:
    """What would be here, why there is nothing, and the one thing to do: ``url`` and its ``label``, optional."""
    text = SafeString(content.strip())
    return render_to_string(
        "components/blank_state.html", {"title": title, "text": text, "icon": icon, "url": url, "label": label}
    )


@register.inclusion_tag("components/progress.html")
def progress(done: int, total: int | None = None, unit: str = "", words: str = "", name: str = "") -> dict[str, Any]:
    """A bar that gives its count in words, such as "64,000 of 100,000 recipients · 4 min left".

    ``total`` None: not known yet, so no bar and only the count so far. ``name`` is what screen readers call the bar.
    """
    return {"done": done, "total": total, "unknown": total is None, "unit": unit, "words": words, "name": name}


@register.inclusion_tag("components/outcome_bar.html")
def outcome_bar(segments: Iterable[tuple[str, int]], total: int, name: str = "") -> dict[str, Any]:
    """A bar with one coloured segment for each ``(kind, count)``, as shares of ``total``; the rest of it stays empty.

    The page must show the same numbers in words: screen readers only hear the bar's ``name``.
    """
    left, parts = 0.0, []
    for kind, count in segments:
        width = 100 * count / total if total else 0.0
        if width:
            parts.append({"kind": kind, "x": f"{left:.3f}", "width": f"{width:.3f}"})
        left += width
    return {"parts": parts, "name": name}


@register.inclusion_tag("components/field.html")
def field(field: Any, label: str = "", hint: str = "") -> dict[str, Any]:
    """One field of a form outside crispy. ``label`` and ``hint`` replace the field's own words."""
    return {"field": field, "label": label, "hint": hint}


@register.inclusion_tag("components/tile.html")
def tile(label: str, number: object, kind: str = "", note: str = "", url: str = "") -> dict[str, Any]:
    """One number with its label, in ``<div class="tiles">``; a link where ``url`` is given. ``kind`` as for a chip."""
    return {"label": label, "number": number, "kind": kind, "note": note, "url": url}
