"""What the first texts of a draft would cost while it is being written, and the phone of any of these people."""

import copy
from collections.abc import Mapping
from typing import Any

from campaigns.audience.check import usable_text_of
from campaigns.audience.letter_counts import lacking_in_text
from campaigns.audience.rows import row_of
from campaigns.audience.samples import sample_of_kind
from campaigns.audience.sources import draft_recipients
from campaigns.audience.spec import composer_of
from campaigns.audience.statistics import Kind, measure_texts
from campaigns.models import Campaign
from campaigns.statuses import REPLACES, LettersChoice
from campaigns.views.letters import expensive_words, grouped
from campaigns.views.preview import TABS, asked_in, room_of
from contacts.errors import Refusal
from providers.models import Account

#: The texts of this many recipients are measured after each change of the text.
ESTIMATED = 500


def while_unbound(labels: Mapping[str, str], unbound: Mapping[str, str]) -> dict[str, Any]:
    """What the step shows while fields of the text hold something else on the lists: see MessageForm.unbound_fields.

    The fields have the labels that they were written for, and nobody's values are shown in their place.
    """
    context: dict[str, Any] = {"chip_labels": {**labels, **unbound}}
    if unbound:
        named = ", ".join(f"“{label}”" for label in unbound.values())
        sentence = f"The preview appears once you have chosen, below the text, what {named} is on these lists."
        context |= {"estimate": None, "count": None, "count_error": sentence}
    return context


def estimate_of(
    campaign: Campaign,
    text: str,
    account: Account | None,
    options: Mapping[str, Any],
    choice: str,
    asked: Mapping[str, str],
) -> dict[str, Any]:
    """What ``_estimate.html`` shows of a saved draft with a text, account, options and choice that are not saved.

    ``asked`` has ``kind`` and ``row`` of the recipient to show. Empty if nobody is chosen, or nothing can be measured.
    """
    draft = copy.copy(campaign)
    draft.text, draft.options = text, dict(options)
    if account is None:
        return {}
    draft.account = account
    draft.letters = choice if choice in LettersChoice.values else campaign.letters
    try:
        compiled = usable_text_of(draft)
        composer = composer_of(draft, compiled)
        measured = measure_texts(draft, composer, map(row_of, draft_recipients(draft, compiled, 0, ESTIMATED)))
        looked_at = measured.included + sum(measured.skipped.values())
        kinds = {"": Kind(looked_at, list(range(1, looked_at + 1))), **measured.kinds}
        kind, position = asked_in(asked)
        sample = sample_of_kind(draft, kinds[kind], position)
    except Refusal:
        return {}
    if sample is None:
        return {}
    return {
        "campaign": campaign,
        "estimate": measured,
        "estimated": ESTIMATED if looked_at == ESTIMATED else 0,
        "histogram": sorted(measured.histogram.items()),
        "expensive": expensive_words(measured.expensive),
        "letters_replaced": draft.letters in REPLACES,
        "letters_in_text": lacking_in_text(composer),
        "letters_by_field": grouped(draft, measured.letters),
        "sample": sample,
        "sample_limit": room_of(sample.measure.alphabet, sample.measure.parts),
        "preview_kind": kind,
        "preview_tabs": [(name, label, kinds[name].count) for name, label in TABS.items() if kinds[name].count],
    }
