"""GSM 03.38 as the pretend providers count it: which characters there are, and how many SMS a text takes."""

from collections.abc import Sequence

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")


def not_gsm(text: str) -> str:
    """The characters of a text that GSM 03.38 lacks, each once, with spaces between; empty when it lacks none."""
    return " ".join(sorted(set(text) - BASIC - EXTENDED))


def septets(text: str) -> list[int]:
    """What each character of a GSM text costs: one septet, two for an extended one."""
    return [2 if character in EXTENDED else 1 for character in text]


def parts(text: str) -> int:
    """How many SMS a GSM text takes: 160 septets alone, 153 in a chain, an extended pair is never split."""
    return chained(septets(text), 160, 153)


def chained(costs: Sequence[int], alone: int, each: int) -> int:
    """How many SMS characters of these costs take: one of ``alone`` units, or several of ``each``; none is split."""
    if sum(costs) <= alone:
        return 1
    count, used = 1, 0
    for cost in costs:
        if used + cost > each:
            count, used = count + 1, 0
        used += cost
    return count
