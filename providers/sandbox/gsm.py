"""GSM 03.38 as the sandbox providers count it: its characters, and how many SMS parts a text takes."""

from collections.abc import Sequence

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")


def not_gsm(text: str) -> str:
    """Return the characters of a text that GSM 03.38 lacks, each once, separated by spaces; empty if it lacks none."""
    return " ".join(sorted(set(text) - BASIC - EXTENDED))


def septets(text: str) -> list[int]:
    """Return the septets of each character of a GSM text: one, or two for an extended character."""
    return [2 if character in EXTENDED else 1 for character in text]


def parts(text: str) -> int:
    """Return how many SMS parts a GSM text takes: 160 septets alone, 153 each in a chain; no pair is split."""
    return chained(septets(text), 160, 153)


def chained(costs: Sequence[int], alone: int, each: int) -> int:
    """Return how many parts these characters take: one of ``alone`` units, or several of ``each``; none is split."""
    if sum(costs) <= alone:
        return 1
    count, used = 1, 0
    for cost in costs:
        if used + cost > each:
            count, used = count + 1, 0
        used += cost
    return count
