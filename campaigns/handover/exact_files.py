"""The files of a campaign as they would be handed over now, for people who look at them before."""

import io
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, islice
from urllib.parse import unquote_plus

from campaigns.audience.check import refuse_foreign_fields, usable_text_of
from campaigns.audience.rows import Row, row_of
from campaigns.audience.sources import count_reasons, draft_recipients
from campaigns.audience.spec import composer_of
from campaigns.audience.texts import Text
from campaigns.handover.batches import dry_run
from campaigns.handover.portions import most_rows
from campaigns.handover.rendering import Rendered, render
from campaigns.models import Campaign
from contacts.errors import Refusal
from providers.base import Payload

#: How much of a file is shown: lines, and characters of a line.
LINES = 20
WIDTH = 1_000
#: The recipients of a draft that are read at once.
READ_AT_ONCE = 10_000


@dataclass(frozen=True)
class PlannedFile:
    """The file with this ``number``, byte for byte, and about how many files and recipients follow it."""

    number: int
    file: Rendered
    more_files: int
    more_recipients: int


def plan_file(campaign: Campaign, number: int = 1) -> PlannedFile:
    """Render a file of a campaign, and those before it, because how many recipients fit is known only then.

    ``number`` counts from 1; of a number beyond the last file, the last one is returned. The numbers of a draft are
    those of the check. Raises Refusal.
    """
    skipped: list[str] = []
    if campaign.counts:
        files, total = dry_run(campaign), campaign.recipients.included().count()
    else:
        text = usable_text_of(campaign)
        refuse_foreign_fields(campaign)
        files, total = _files_of_draft(campaign, text, skipped), count_reasons(campaign, text)[""]
    found, shown, gone = None, 0, 0
    for found in islice(files, number):
        shown, gone = shown + 1, gone + found.rows
    if found is None:
        raise Refusal("empty_audience", "Nobody is left to text, so there is no file.")
    left = max(total - len(skipped) - gone, 0)
    return PlannedFile(shown, found, math.ceil(left * shown / gone), left)


def first_lines(payload: Payload) -> list[str]:
    """The first lines of a payload as people can read them: of a zip its inner file, of a form each field on a line."""
    body = payload.body
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive, archive.open(archive.infolist()[0]) as inner:
            body = inner.read(LINES * WIDTH)
    shown = body[: LINES * WIDTH]
    try:
        text = shown.decode("utf-8")
    except UnicodeDecodeError as error:
        # Cut inside a character, or one of the older encodings.
        is_cut = len(shown) < len(body) and error.start > len(shown) - 4
        text = shown[: error.start].decode("utf-8") if is_cut else shown.decode("latin-1")
    if payload.name.endswith(".form"):
        text = unquote_plus(text.replace("&", "\n"), encoding="latin-1")
    return [line[:WIDTH] for line in text.split("\n")[:LINES]]


def _files_of_draft(campaign: Campaign, text: Text, skipped: list[str]) -> Iterator[Rendered]:
    """The files of everybody who would get a text; the numbers of those who are skipped are added to ``skipped``.

    Raises Refusal at the first text that cannot be handed over.
    """
    people, number = _texted(campaign, text, skipped), 0
    while left := list(islice(people, most_rows(campaign))):
        number += 1
        rendered = render(campaign, number, 1, left)
        yield rendered
        people = chain(left[rendered.rows :], people)


def _texted(campaign: Campaign, text: Text, skipped: list[str]) -> Iterator[Row]:
    composer = composer_of(campaign, text)
    for skip in count(0, READ_AT_ONCE):
        people = list(draft_recipients(campaign, text, skip, READ_AT_ONCE))
        for recipient in people:
            composed = composer.compose(recipient)
            if composed.excluded:
                skipped.append(recipient.msisdn)
                continue
            if problems := composer.adapter.problems(composer.spec, composed.message):
                raise Refusal("texts_refused", f"Fix the texts first. {problems[0].sentence}")
            yield row_of(recipient)
        if len(people) < READ_AT_ONCE:
            return
