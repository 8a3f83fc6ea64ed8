"""Correct the people of a follow-up while it is a draft: one in place, or many through a spreadsheet.

A corrected number must pass the same rules as any other at the freeze: opt-outs, duplicates, the chain.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from campaigns.lifecycle import lock_campaign, record_event, require_permission
from campaigns.models import Campaign, CampaignPerson, Recipient
from contacts import phones
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS, MAX_LENGTHS
from contacts.ids import as_id
from contacts.models import ContactList
from contacts.sheets import Row, open_sheet

#: People read or written at a time.
CHUNK = 2000
#: Rows with problems that are shown; all of them are counted.
SHOWN_PROBLEMS = 100
#: The columns of the spreadsheet that no label may take.
_ID, _NUMBER, _REASON = "ID", "Number", "Reason"


@dataclass(frozen=True)
class RowProblem:
    """A row of the spreadsheet that changed nothing, or a cell of it. ``value``: the cell as it stands."""

    row: int
    column: str
    value: str
    sentence: str


@dataclass
class SheetResult:
    """What an uploaded spreadsheet changed: each row is read, and ``changed``, ``unchanged`` or a problem.

    ``new_numbers``: the changed rows with another number.
    """

    read: int = 0
    changed: int = 0
    new_numbers: int = 0
    unchanged: int = 0
    problem_count: int = 0
    #: The first hundred.
    problems: list[RowProblem] = field(default_factory=list)


class CellError(Refusal):
    """A value that cannot be taken. ``name`` is the field."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__("wrong_value", sentence)
        self.name = name


def editable_fields(campaign: Campaign) -> dict[str, str]:
    """The fields of a person that can be corrected, with the headings of their columns; no heading appears twice."""
    wanted = {"msisdn": _NUMBER, "customer_id": FIELD_LABELS["customer_id"], **campaign.value_labels()}
    wanted["message"] = FIELD_LABELS["message"]
    taken, found = {_ID, _REASON}, {}
    for name, heading in wanted.items():
        found[name] = f"{heading} ({name})" if heading in taken else heading
        taken.add(found[name])
    return found


def correct_person(person: CampaignPerson, values: Mapping[str, str], user: Any) -> bool:
    """Write the changed ones of ``values`` (as typed, by field); return whether any was changed.

    Raises CellError for a value that cannot be taken, and Refusal once the campaign is no draft.
    """
    require_permission(user, "campaigns.change_campaign")
    with transaction.atomic():
        campaign = _locked_draft(person.campaign_id)
        changes = _changes(person, values, _countries(campaign))
        if changes:
            _write(campaign, [(person, changes)], user)
            _record(campaign, 1, int("msisdn" in changes), user)
    return bool(changes)


def remove_people(campaign: Campaign, ids: Iterable[int], user: Any) -> int:
    """Remove people from a draft; return how many. They stay in the earlier campaign and can be chosen again."""
    require_permission(user, "campaigns.change_campaign")
    with transaction.atomic():
        draft = _locked_draft(campaign.pk)
        removed, _ = draft.people.filter(pk__in=list(ids)).delete()
        if removed:
            draft.editors.add(user)
            record_event(draft, "people_removed", f"Removed from the draft: {removed:,}.", user=user)
    return removed


def corrected_people(campaign: Campaign) -> str:
    """How many people of a follow-up were corrected, in words, such as “3 people, 2 of them with a new number”.

    ``""`` if nobody was.
    """
    has_new_number = ~Q(msisdn=F("recipient__msisdn"))
    found = campaign.people.filter(is_corrected=True).aggregate(
        people=Count("pk"), new_numbers=Count("pk", filter=has_new_number)
    )
    return _in_words(found["people"], found["new_numbers"]) if found["people"] else ""


def old_number(recipient: Recipient) -> str:
    """The number (digits) that a recipient of a follow-up had before it was corrected; ``""`` if it was not."""
    people = CampaignPerson.objects.filter(
        campaign=recipient.campaign_id, msisdn=recipient.msisdn, contact_id=recipient.contact_id, is_corrected=True
    )
    numbers = people.exclude(recipient__msisdn=recipient.msisdn).values_list("recipient__msisdn", flat=True)
    return numbers.first() or ""


def header_of(campaign: Campaign) -> list[str]:
    """The titles of the spreadsheet that people correct."""
    return [_ID, *editable_fields(campaign).values(), _REASON]


def lines_of(campaign: Campaign) -> Iterator[list[str]]:
    """The rows of the spreadsheet that people correct, with the reason why each got no text."""
    names = list(editable_fields(campaign))
    last = 0
    while chunk := list(campaign.people.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        last = chunk[-1].pk
        for person in chunk:
            yield [str(person.pk), *(getattr(person, name) for name in names), person.reason]


def apply_sheet(campaign: Campaign, path: Path | str, name: str, user: Any) -> SheetResult:
    """Apply the changed cells of a corrected spreadsheet, uploaded as ``name``; rows are found by their ID.

    A row with a cell that cannot be taken changes nothing and is reported; the other rows are applied. People who are
    not in the spreadsheet, and columns that it lacks, stay as they are. Raises SheetError, and Refusal without a column
    ID, or once the campaign is no draft: then nothing is changed.
    """
    require_permission(user, "campaigns.change_campaign")
    result = SheetResult()
    with open_sheet(path, name) as sheet:
        titles = [title.strip() for title in sheet.layout.header]
        columns = {field: titles.index(title) for field, title in editable_fields(campaign).items() if title in titles}
        if _ID not in titles:
            raise Refusal("no_id", "This spreadsheet has no column ID. Download the rows here, and correct that file.")
        at, seen = titles.index(_ID), set[str]()
        with transaction.atomic():
            draft = _locked_draft(campaign.pk)
            countries = _countries(draft)
            for rows in _chunks(row for row in sheet.rows() if any(cell.strip() for cell in row.cells)):
                found = {str(one.pk): one for one in draft.people.filter(pk__in=_ids(rows, at))}
                changed = []
                for row in rows:
                    result.read += 1
                    try:
                        person = _person_of(row, at, found, seen)
                        values = _values(row, columns)
                        changes = _changes(person, values, countries)
                    except CellError as error:
                        _report(result, row, error, columns | {_ID: at}, titles)
                        continue
                    if changes:
                        changed.append((person, changes))
                    else:
                        result.unchanged += 1
                result.changed += len(changed)
                result.new_numbers += sum("msisdn" in changes for _, changes in changed)
                _write(draft, changed, user)
            if result.changed:
                _record(draft, result.changed, result.new_numbers, user)
    return result


def _locked_draft(campaign_id: int) -> Campaign:
    campaign = lock_campaign(campaign_id)
    if campaign.status != Campaign.Status.DRAFT:
        raise Refusal("not_draft", f"{campaign} is no longer a draft, so its people cannot be changed.")
    return campaign


def _countries(campaign: Campaign) -> dict[int, str]:
    """The country of each list that the people came from, by the id of the list."""
    chosen: Any = campaign.people.order_by().values("list_id").distinct()
    return dict(ContactList.objects.filter(pk__in=chosen).values_list("pk", "country"))


def _changes(person: CampaignPerson, values: Mapping[str, str], countries: Mapping[int, str]) -> dict[str, str]:
    """The fields of ``person`` that ``values`` change, ready to be stored. Raises CellError."""
    changes = {}
    for name, typed in values.items():
        stored = getattr(person, name)
        if _plain(typed) == _plain(stored):
            continue
        if name == "msisdn":
            value = _number(typed, countries.get(person.list_id, ""))
        else:
            value = typed.strip().replace("\x00", "")
            if len(value) > MAX_LENGTHS[name]:
                raise CellError(name, f"The value is longer than {MAX_LENGTHS[name]:,} characters. Shorten it.")
        if value != stored:
            changes[name] = value
    return changes


def _number(typed: str, country: str) -> str:
    if not typed.strip():
        raise CellError("msisdn", "The number is missing. Enter it, or remove the person from the draft.")
    try:
        return phones.parse(typed, country)
    except phones.PhoneError as error:
        raise CellError("msisdn", error.sentence) from error


def _plain(text: str) -> str:
    """A text as a workbook can contain it, to tell whether a person changed it."""
    return ILLEGAL_CHARACTERS_RE.sub("", text.replace("\r\n", "\n")).strip()


def _write(campaign: Campaign, changed: list[tuple[CampaignPerson, dict[str, str]]], user: Any) -> None:
    for person, changes in changed:
        for name, value in changes.items():
            setattr(person, name, value)
        person.is_corrected = True
    names = sorted({name for _, changes in changed for name in changes})
    if names:
        CampaignPerson.objects.bulk_update([person for person, _ in changed], [*names, "is_corrected"], batch_size=200)
        # People who edit a campaign cannot approve it.
        campaign.editors.add(user)


def _record(campaign: Campaign, people: int, new_numbers: int, user: Any) -> None:
    record_event(campaign, "people_corrected", f"Corrected in the draft: {_in_words(people, new_numbers)}.", user=user)


def _in_words(people: int, new_numbers: int) -> str:
    words = f"{people:,} {'person' if people == 1 else 'people'}"
    if not new_numbers:
        return words
    return f"{words}, with a new number" if people == 1 else f"{words}, {new_numbers:,} of them with a new number"


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(rows)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _cell(row: Row, column: int) -> str:
    return row.cells[column] if column < len(row.cells) else ""


def _ids(rows: Iterable[Row], at: int) -> list[int]:
    found = (as_id(_cell(row, at).strip()) for row in rows)
    return [pk for pk in found if pk is not None]


def _person_of(row: Row, at: int, found: Mapping[str, CampaignPerson], seen: set[str]) -> CampaignPerson:
    text = _cell(row, at).strip()
    if text not in found:
        raise CellError(_ID, "Nobody in this draft has this ID. The row was not applied.")
    if text in seen:
        raise CellError(_ID, "This ID appears twice. Only its first row was applied.")
    seen.add(text)
    return found[text]


def _values(row: Row, columns: Mapping[str, int]) -> dict[str, str]:
    for name, column in columns.items():
        if column in row.problems:
            raise CellError(name, row.problems[column][1])
    return {name: _cell(row, column) for name, column in columns.items()}


def _report(result: SheetResult, row: Row, error: CellError, columns: Mapping[str, int], titles: list[str]) -> None:
    result.problem_count += 1
    if len(result.problems) < SHOWN_PROBLEMS:
        column = columns[error.name]
        result.problems.append(RowProblem(row.number, titles[column], _cell(row, column), error.sentence))
