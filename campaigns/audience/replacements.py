"""What is lacking in the texts of a campaign, and what would replace it, grouped for people to read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from campaigns.audience.check import usable_text_of
from campaigns.audience.letter_counts import OWN_TEXT, lacking_in_text
from campaigns.audience.samples import recipients_of
from campaigns.audience.spec import composer_of
from campaigns.models import Campaign, Recipient
from providers.letters import similar


@dataclass(frozen=True)
class Replacement:
    """A value, or an own text, with its replacement, None if there is none; ``people`` have it.

    ``field`` is ``value1`` to ``value6`` or ``message``. ``msisdn`` is set where each person is listed.
    """

    field: str
    before: str
    after: str | None
    people: int = 1
    msisdn: str = ""


@dataclass
class Found:
    """``in_text``: characters of the campaign's own text with their replacement. ``by_field``: people by character.

    ``looked_at``: how many recipients were looked at, at most CHECKED of a draft.
    """

    in_text: dict[str, str | None] = field(default_factory=dict)
    by_field: dict[str, Counter[str]] = field(default_factory=dict)
    rows: list[Replacement] = field(default_factory=list)
    looked_at: int = 0


def find_replacements(campaign: Campaign, only_field: str = "", letter: str = "") -> Found:
    """Every value that has characters that the account lacks: distinct ones with their number of people.

    With ``only_field`` or ``letter``, the people who have it in such a field, one by one. Raises Refusal.
    """
    text = usable_text_of(campaign)
    composer = composer_of(campaign, text)
    found, distinct = Found(lacking_in_text(composer)), Counter[tuple[str, str]]()
    for recipient in recipients_of(campaign, text):
        found.looked_at += 1
        if not composer.lacking(composer.written(recipient)):
            continue
        for name, value in _used(recipient, text.fields):
            lacked = composer.lacking(value)
            if not lacked:
                continue
            found.by_field.setdefault(name, Counter()).update(lacked)
            if only_field or letter:
                if only_field in ("", name) and letter in lacked:
                    found.rows.append(
                        Replacement(name, value, similar(value, composer.lacking), msisdn=recipient.msisdn)
                    )
            else:
                distinct[name, value] += 1
    found.rows += [
        Replacement(name, value, similar(value, composer.lacking), people)
        for (name, value), people in sorted(distinct.items(), key=lambda item: (-item[1], item[0]))
    ]
    # What nobody can replace comes first: somebody has to decide about it.
    found.rows.sort(key=lambda row: row.after is not None)
    return found


def _used(recipient: Recipient, fields: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The values that a recipient's text is made of, by field."""
    for name in (OWN_TEXT,) if recipient.message else fields:
        yield name, getattr(recipient, name)
