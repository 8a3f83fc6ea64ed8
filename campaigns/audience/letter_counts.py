"""Counts the characters that an account lacks, by field, and those that make texts cost more parts."""

from collections import Counter, defaultdict
from typing import Any

from campaigns.audience.rows import RecipientRow
from campaigns.audience.spec import Composer
from campaigns.models import Recipient
from providers import gsm

#: Characters kept of each field, the most frequent first.
KEPT = 30
#: The key of the person's own text beside ``value1`` to ``value6``.
OWN_TEXT = "message"
_TWO_SEPTETS = str.maketrans(dict.fromkeys(gsm.EXTENSION, "x"))


class LetterCounts:
    """Counts over the texts of one campaign.

    ``by_field``: how many people have a character that the account lacks in a value that their text uses, or in their
    own text: ``{"value1": {"ë": 12}}``. ``expensive``: how many texts need more parts because of a character, and how
    many parts more: ``{"’": (312, 312)}``; a text with several such characters counts for each.
    """

    def __init__(self, composer: Composer) -> None:
        self._composer = composer
        self._by_field: dict[str, Counter[str]] = defaultdict(Counter)
        self._expensive: dict[str, tuple[int, int]] = {}

    def add_lacked(self, recipient: Recipient | RecipientRow) -> None:
        """Count the characters of a recipient whose text has some that the account lacks."""
        fields = [OWN_TEXT] if recipient.message else self._composer.source.fields
        for field in fields:
            self._by_field[field].update(self._composer.lacking(getattr(recipient, field)))

    def add_expensive(self, text: str, size: gsm.Measure) -> None:
        """Count the characters of a text that may make it cost more parts than its length alone."""
        if size.alphabet == "gsm":
            blamed = [character for character in gsm.EXTENSION if character in text]
            cheaper = text.translate(_TWO_SEPTETS)
        else:
            blamed = list(gsm.unsupported(text))
            cheaper = text.translate(dict.fromkeys(map(ord, blamed), "x"))
        if not blamed:
            return
        saved = size.parts - self._composer.adapter.measure(self._composer.spec, cheaper).parts
        if saved > 0:
            for character in blamed:
                texts, parts = self._expensive.get(character, (0, 0))
                self._expensive[character] = (texts + 1, parts + saved)

    @property
    def by_field(self) -> dict[str, dict[str, int]]:
        return {field: dict(found.most_common(KEPT)) for field, found in sorted(self._by_field.items()) if found}

    @property
    def expensive(self) -> dict[str, Any]:
        most = sorted(self._expensive.items(), key=lambda item: (-item[1][1], item[0]))
        return dict(most[:KEPT])


def lacking_in_text(composer: Composer) -> dict[str, str | None]:
    """The characters of the campaign's own text, fallbacks included, that the account lacks, with their replacement."""
    words = "".join(literal + (fallback or "") for literal, _, fallback in composer.source.pieces)
    return composer.replacements(composer.lacking(words))
