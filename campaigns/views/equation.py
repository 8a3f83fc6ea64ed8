"""The live equation beside a draft: how many are chosen, who is skipped and why, and how many get the text."""

from collections.abc import Sequence
from typing import Any

from campaigns.audience.sources import Sources
from campaigns.audience.texts import Text, compile_text
from campaigns.models import CampaignList
from campaigns.tables import EXCLUDED_WORDS
from contacts.errors import Refusal
from contacts.models import ContactList


def equation_of(lists: Sequence[ContactList], source: str) -> dict[str, Any]:
    """What ``_equation.html`` shows of a draft with these lists and this text, which may be empty or unusable."""
    try:
        text = compile_text(source)
    except Refusal:
        text = Text(source="", pieces=(), fields=(), required=(), bare="", fallbacks={})
    reasons = Sources([CampaignList(contact_list=chosen) for chosen in lists]).count_reasons(text)
    return {
        "equation": {
            "selected": sum(reasons.values()),
            "included": reasons.pop("", 0),
            "excluded": [(EXCLUDED_WORDS[reason], n) for reason, n in sorted(reasons.items()) if n],
        }
    }
