"""The live equation beside a draft: how many are chosen, who is skipped and why, and how many get the text."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from campaigns.audience.texts import Text, compile_text
from campaigns.statuses import SKIPS, ExcludedReason
from campaigns.tables import EXCLUDED_WORDS
from contacts.errors import Refusal

_NO_TEXT = Text(source="", pieces=(), fields=(), required=(), bare="", fallbacks={})


def equation_of(count_reasons: Callable[[Text], Counter[str]], source: str) -> dict[str, Any]:
    """What ``_equation.html`` shows of a draft with this text, which may be empty or unusable.

    ``count_reasons`` counts the chosen people by reason; the reasons are shown in the order in which they are given.
    """
    try:
        text = compile_text(source)
    except Refusal:
        text = _NO_TEXT
    try:
        reasons = count_reasons(text)
    except Refusal as refusal:
        return {"equation": {"refusal": refusal.sentence}}
    excluded = [(EXCLUDED_WORDS[reason], reasons[reason]) for reason in ExcludedReason if reasons[reason]]
    return {"equation": {"selected": reasons.total(), "included": reasons[""], "excluded": excluded}}


def without_skipped(context: dict[str, Any], choice: str) -> dict[str, Any]:
    """The context of ``equation_of`` and ``estimate_of``, without the people skipped because of their letters.

    They are known only where all texts of the draft were measured. Elsewhere, if ``choice`` (LettersChoice) skips
    anybody, the equation says "at most".
    """
    equation, estimate = context["equation"], context.get("estimate")
    if "refusal" in equation:
        return context
    if estimate and not context["estimated"]:
        equation["excluded"] += [(EXCLUDED_WORDS[reason], n) for reason, n in estimate.skipped.items() if n]
        equation["included"] -= sum(estimate.skipped.values())
    elif choice in SKIPS and equation["included"]:
        equation["is_at_most"] = True
    return context
