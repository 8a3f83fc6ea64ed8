"""The versions of a campaign: what each freeze froze, and what changed between two of them."""

import difflib
import gzip
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django import forms
from django.core.files import File
from django.core.files.storage import default_storage
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from campaigns.audience.rows import CHUNK
from campaigns.audience.texts import compile_text
from campaigns.audience.windows import describe, parse
from campaigns.models import Campaign, CampaignVersion
from campaigns.statuses import CampaignStatus
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS
from providers.locks import LockLost

_WORDS = re.compile(r"\s+|[^\s]+")


@dataclass(frozen=True)
class Numbers:
    """The stored numbers of a version that is being frozen: its number, the path, and how many people were added or
    removed.

    ``came`` and ``went`` are None for a first version, and where the numbers of the version before are erased.
    """

    version: int
    path: str
    came: int | None = None
    went: int | None = None


@dataclass(frozen=True)
class Changes:
    """What an approver has to know about a version: the difference to ``before``, which is None for the first one.

    ``text``: pieces of the text as ``(kind, words)``, with ``kind`` ``same``, ``gone`` or ``new``; empty if it did not
    change. ``settings``: name, earlier value and present value of each setting that changed.
    """

    number: int
    before: CampaignVersion | None = None
    text: list[tuple[str, str]] = field(default_factory=list)
    settings: list[tuple[str, str, str]] = field(default_factory=list)
    came: int | None = None
    went: int | None = None

    @property
    def are_none(self) -> bool:
        """Whether nothing differs from the version before, as far as it is known."""
        return not (self.text or self.settings or self.came or self.went) and self.came is not None


# -- freezing ------------------------------------------------------------------------------------------------------


@contextmanager
def stored_numbers(campaign: Campaign, ask_for_lock: Callable[[], None]) -> Iterator[Numbers]:
    """Store the numbers that the freeze included and compare them with those of the version before, streaming both.

    The caller records the version inside the context; the file is deleted if that fails. ``ask_for_lock`` raises
    LockLost if another worker may be freezing the campaign by now: then the file is that worker's, and stays.
    """
    before = campaign.versions.order_by("-number").first()
    is_known = before is not None and before.msisdns != "" and default_storage.exists(str(before.msisdns))
    version = before.number + 1 if before else 1
    msisdns = (
        campaign.recipients.frozen().order_by("msisdn").values_list("msisdn", flat=True).iterator(chunk_size=CHUNK)
    )
    with tempfile.TemporaryFile() as packed:
        # Level 9 takes ten times as long and saves less than a tenth.
        with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=4, mtime=0) as lines:
            earlier = _numbers_of(before) if before is not None and is_known else iter(())
            came, went = _compare(earlier, _written(msisdns, lines))
        packed.seek(0)
        ask_for_lock()
        path = _save(campaign, version, packed)
    try:
        ask_for_lock()
        yield Numbers(version, path, *((came, went) if is_known else ()))
    except LockLost:
        raise
    except BaseException:
        default_storage.delete(path)
        raise


def record_version(campaign: Campaign, numbers: Numbers, now: datetime) -> None:
    """Record what was frozen; the caller freezes the campaign in the same transaction."""
    people = {"came": numbers.came, "went": numbers.went} if numbers.came is not None else {}
    CampaignVersion.objects.create(
        campaign=campaign,
        number=numbers.version,
        frozen_at=now,
        frozen_by=campaign.frozen_by,
        settings=settings_of(campaign),
        counts=campaign.counts | people,
        msisdns=numbers.path,
    )


def erase_old_numbers() -> int:
    """Erase the stored numbers of campaigns that ended and of all versions but the latest; return of how many."""
    newer = CampaignVersion.objects.filter(campaign=OuterRef("campaign"), number__gt=OuterRef("number"))
    ended = Q(campaign__status__in=(CampaignStatus.CLOSED, CampaignStatus.CANCELLED))
    erased = 0
    for version in CampaignVersion.objects.exclude(msisdns="").filter(Exists(newer) | ended):
        default_storage.delete(str(version.msisdns))
        CampaignVersion.objects.filter(pk=version.pk).update(msisdns="")
        erased += 1
    return erased


def erase_numbers_with(msisdn: str) -> int:
    """Erase the stored numbers of every version that has this one (digits); return of how many versions."""
    erased = 0
    for version in CampaignVersion.objects.exclude(msisdns=""):
        if msisdn in _numbers_of(version):
            default_storage.delete(str(version.msisdns))
            CampaignVersion.objects.filter(pk=version.pk).update(msisdns="")
            erased += 1
    return erased


def settings_of(campaign: Campaign) -> dict[str, Any]:
    """The settings of a campaign for people to compare: ``{"text", "shown", "labels", "facts": {name: words}}``.

    ``shown`` is the text with the labels of its fields, ``labels`` those of all fields: see Campaign.value_labels.
    """
    fields, days = campaign.account.adapter.OptionsForm.base_fields, campaign.not_texted_for_days
    facts = {
        "Account": campaign.account.name,
        **_chosen(campaign),
        "Skipped": ", ".join(row.name for row in campaign.exclusions.all()) or "Nobody",
        "Skip people texted in the last … days": f"{days} {'day' if days == 1 else 'days'}" if days else "off",
        "Sender": campaign.sender or "The account’s sender",
        "Start": _local(campaign.start_at) if campaign.start_at else "As soon as it is approved",
        "End": _local(campaign.end_at) if campaign.end_at else "None",
        "Upload": "Now; the provider waits until the start time" if campaign.is_early else "At the start",
        **limits_of(campaign),
    }
    for name, form_field in fields.items():
        facts[str(form_field.label or name)] = display_value(form_field, campaign.options.get(name))
    labels = campaign.value_labels()
    return {"text": campaign.text, "shown": _with_labels(campaign.text, labels), "labels": labels, "facts": facts}


def _chosen(campaign: Campaign) -> dict[str, str]:
    if campaign.follows:
        return {"Recipients": f"People of {campaign.follows} whom it did not reach"}
    rows = campaign.campaignlist_set.select_related("contact_list", "segment")
    return {"Lists": ", ".join(row.name for row in rows)}


def limits_of(campaign: Campaign) -> dict[str, str]:
    """How a campaign may go out, beside its start and its end, by name."""
    currency = campaign.account.currency if campaign.account else ""
    canary = f"{campaign.canary:,}. {campaign.get_canary_waits_for_display()}" if campaign.canary else "All at once"
    return {
        "Letters that the provider lacks": campaign.get_letters_display(),
        "Allowed hours": describe(parse(campaign.window)),
        "Recipients an hour": f"{campaign.pace:,}" if campaign.pace else "As fast as possible",
        "First recipients": canary,
        "Limit in parts": f"{campaign.parts_ceiling:,}" if campaign.parts_ceiling is not None else "None",
        "Limit in money": f"{currency} {campaign.cost_ceiling:,}".strip()
        if campaign.cost_ceiling is not None
        else "None",
    }


def display_value(form_field: forms.Field, value: Any) -> str:
    """Return the value of an option as its form shows it: a choice by its label, never by its code."""
    if isinstance(form_field, forms.ChoiceField):
        choices: Any = form_field.choices
        for code, label in choices:
            if str(code) == ("" if value is None else str(value)):
                return str(label)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value is None and isinstance(form_field, forms.BooleanField):
        return "No"
    return "—" if value in (None, "") else str(value)


# -- comparing -----------------------------------------------------------------------------------------------------


def changes_of(campaign: Campaign) -> Changes | None:
    """What changed in a frozen campaign since the version before; None if no version of it was recorded."""
    versions = list(campaign.versions.select_related("frozen_by").order_by("-number")[:2])
    if not versions:
        return None
    latest = versions[0]
    if len(versions) == 1:
        return Changes(latest.number)
    before = versions[1]
    facts, earlier = latest.settings["facts"], before.settings["facts"]
    names = [*facts, *(name for name in earlier if name not in facts)]
    # Under another label, a field of the same text holds something else.
    is_same = all(latest.settings[name] == before.settings[name] for name in ("text", "shown"))
    return Changes(
        number=latest.number,
        before=before,
        text=[] if is_same else text_changes(before.settings["shown"], latest.settings["shown"]),
        settings=[
            (name, earlier.get(name, "—"), facts.get(name, "—"))
            for name in names
            if earlier.get(name, "—") != facts.get(name, "—")
        ],
        came=latest.counts.get("came"),
        went=latest.counts.get("went"),
    )


def text_changes(before: str, after: str) -> list[tuple[str, str]]:
    """The pieces of both texts in their order, as ``(kind, words)``: ``same``, ``gone`` (only before), ``new``."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    pieces = []
    for operation, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if operation == "equal":
            pieces.append(("same", "".join(old[a:b])))
            continue
        pieces += [(kind, words) for kind, words in (("gone", "".join(old[a:b])), ("new", "".join(new[c:d]))) if words]
    return pieces


def _compare(before: Iterator[str], now: Iterator[str]) -> tuple[int, int]:
    """How many of ``now`` are not in ``before``, and the reverse; both are sorted, and ``now`` is read to its end."""
    came = went = 0
    old, new = next(before, None), next(now, None)
    while new is not None:
        while old is not None and old < new:
            went += 1
            old = next(before, None)
        if old == new:
            old = next(before, None)
        else:
            came += 1
        new = next(now, None)
    return came, went + (old is not None) + sum(1 for _ in before)


def _numbers_of(version: CampaignVersion) -> Iterator[str]:
    with default_storage.open(str(version.msisdns)) as packed, gzip.open(packed, "rt", encoding="ascii") as lines:
        for line in lines:
            yield line.rstrip("\n")


def _written(msisdns: Iterator[str], lines: gzip.GzipFile) -> Iterator[str]:
    while chunk := list(islice(msisdns, CHUNK)):
        lines.write(("\n".join(chunk) + "\n").encode())
        yield from chunk


def _save(campaign: Campaign, version: int, packed: IO[bytes]) -> str:
    """Store the file. One that no row names was left by a crash and is replaced."""
    path = str(Path("versions", f"c{campaign.pk}-v{version}.gz"))
    if default_storage.exists(path) and not CampaignVersion.objects.filter(msisdns=path).exists():
        default_storage.delete(path)
    return default_storage.save(path, File(packed))


def _local(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def _with_labels(source: str, labels: Mapping[str, str]) -> str:
    """The text with ``[First name]`` instead of ``@@value1@@``; a text that cannot be compiled as it is."""
    try:
        text = compile_text(source)
    except Refusal:
        return source
    labels = {**FIELD_LABELS, **labels}
    shown = []
    for literal, used, fallback in text.pieces:
        otherwise = f", or “{fallback}”" if fallback else ""
        shown.append(literal + (f"[{labels[used]}{otherwise}]" if used else ""))
    return "".join(shown)
