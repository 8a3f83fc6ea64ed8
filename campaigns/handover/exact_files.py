"""The files of a campaign as they would be handed over now, for people who look at them before."""

import io
import math
import zipfile
from dataclasses import dataclass
from urllib.parse import unquote_plus

from campaigns.audience.check import refuse_foreign_fields, usable_text_of
from campaigns.audience.rows import Row, row_of
from campaigns.audience.sources import count_reasons, draft_recipients
from campaigns.audience.spec import composer_of
from campaigns.handover.batches import Rendered, dry_run, render
from campaigns.models import Campaign
from contacts.errors import Refusal
from providers.base import Payload

#: How much of a file is shown: lines, and characters of a line.
LINES = 20
WIDTH = 1_000


@dataclass(frozen=True)
class PlannedFiles:
    """The first file, byte for byte, and about how many files and recipients follow it."""

    first: Rendered
    more_files: int
    more_recipients: int


def plan_files(campaign: Campaign) -> PlannedFiles:
    """Render the first file of a campaign and count the others; only the first is rendered, because each takes seconds.

    The numbers of a draft are those of the check. Raises Refusal.
    """
    if campaign.counts:
        first, total = next(dry_run(campaign), None), campaign.recipients.included().count()
    else:
        first, total = _first_of_draft(campaign)
    if first is None:
        raise Refusal("empty_audience", "Nobody is left to text, so there is no file.")
    left = max(total - first.rows, 0)
    return PlannedFiles(first, math.ceil(left / first.rows), left)


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


def _first_of_draft(campaign: Campaign) -> tuple[Rendered | None, int]:
    """The first file, and the recipients of all files, less those of the first that are skipped."""
    text = usable_text_of(campaign)
    refuse_foreign_fields(campaign)
    composer = composer_of(campaign, text)
    rows, total = list[Row](), count_reasons(campaign, text)[""]
    for recipient in draft_recipients(campaign, text, 0, campaign.account.adapter.limits.rows):
        composed = composer.compose(recipient)
        if composed.excluded:
            total -= 1
            continue
        if problems := composer.adapter.problems(composer.spec, composed.message):
            raise Refusal("texts_refused", f"Fix the texts first. {problems[0].sentence}")
        rows.append(row_of(recipient))
    return (render(campaign, 1, 1, rows) if rows else None), total
