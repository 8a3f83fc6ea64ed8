"""What the columns of a spreadsheet mean: a guess from headings and cells, and the mapping an operator confirmed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from contacts import phone_columns
from contacts.errors import Refusal
from contacts.fields import FIELD_LABELS, FIELD_NAMES, VALUE_FIELDS
from contacts.headings import CUSTOMER_ID, MESSAGE, is_one_of, plain
from contacts.phone_columns import cells_of

#: In characters.
LABEL_LENGTH = 40
#: The heading of the last column of downloaded rows. It is left out when they are imported again.
REASON_HEADING = "Reason"

#: The first headings of what Baton exports, and the last of those that are about the contact.
NUMBER_HEADING = "Number"
CUSTOMER_ID_HEADING = FIELD_LABELS["customer_id"]
OWN_TEXT_HEADING = FIELD_LABELS["message"]
#: What the export of a campaign adds; left out when it is imported.
RESULT_HEADINGS = (
    "Full text",
    "Parts",
    "Outcome",
    "Code",
    "Reason",
    "File",
    "Line",
    "Handed over at",
    "Result at",
)
#: The headings of exported opt-outs.
OPT_OUT_HEADINGS = (
    NUMBER_HEADING,
    "Source",
    "Proof",
    "Opted out on",
    "Recorded at",
    "Opted back in at",
    "Recorded by",
)


class ColumnsError(Refusal):
    """A column mapping cannot be used."""


@dataclass(frozen=True)
class Guess:
    """The likely field of each column, counted from 0.

    ``asked``: the columns that may be the phone, if none is clearly likelier; ``mapping`` then has no phone and takes
    them for values.
    ``surplus``: columns with content for which no value field is left.
    """

    mapping: dict[int, str] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    surplus: list[int] = field(default_factory=list)


def guess(header: Sequence[str], samples: Sequence[Sequence[str]], labels: Mapping[str, str], country: str) -> Guess:
    """What each column probably means; every column with a heading or content is used.

    ``header``: a title for each column, "" where it has none. ``samples``: the first rows below it. ``labels``: the
    list's own labels of its fields, which decide. ``country``: ISO 3166, in which the phone numbers are read.
    """
    exported = _exported(header, samples, labels)
    if exported:
        return exported
    mapping = _labelled(header, labels)
    found = phone_columns.candidates(header, samples, country)
    likeliest = phone_columns.likeliest([candidate for candidate in found if candidate.column not in mapping])
    phones = [candidate.column for candidate in likeliest or phone_columns.likeliest(found)]
    asked = phones if len(phones) > 1 else []
    if len(phones) == 1:
        mapping[phones[0]] = "phone"
    for goal, find in (("customer_id", _customer_id), ("message", _message)):
        column = find(header, samples, {*mapping, *asked})
        if column is not None:
            mapping[column] = goal
    free = [goal for goal in VALUE_FIELDS if goal not in mapping.values() and not labels.get(goal)]
    rest = [n for n, title in enumerate(header) if n not in mapping and (title.strip() or cells_of(n, samples))]
    if header and header[-1] == REASON_HEADING and rest[-1:] == [len(header) - 1]:
        rest.pop()
    mapping.update(zip(rest, free, strict=False))
    return Guess(dict(sorted(mapping.items())), asked, rest[len(free) :])


def _exported(header: Sequence[str], samples: Sequence[Sequence[str]], labels: Mapping[str, str]) -> Guess | None:
    """The fields of a file that Baton exported, by its headings alone; None for any other file."""
    if tuple(header[:2]) != (NUMBER_HEADING, CUSTOMER_ID_HEADING) or OWN_TEXT_HEADING not in header[2:]:
        return None
    # The last: a list may label a value with the same words.
    own_text = len(header) - 1 - list(reversed(header)).index(OWN_TEXT_HEADING)
    mapping = {0: "phone", 1: "customer_id", own_text: "message"}
    values = {column: goal for column, goal in _labelled(header[:own_text], labels).items() if column > 1}
    free = [goal for goal in VALUE_FIELDS if goal not in values.values() and not labels.get(goal)]
    # A value without a label.
    values |= {n: goal for n in range(2, own_text) for goal in free if header[n] == FIELD_LABELS[goal]}
    free = [goal for goal in free if goal not in values.values()]
    added = [n for n in range(own_text + 1, len(header)) if header[n] not in RESULT_HEADINGS]
    rest = [n for n in (*range(2, own_text), *added) if n not in values and (header[n] or cells_of(n, samples))]
    mapping |= values | dict(zip(rest, free, strict=False))
    return Guess(dict(sorted(mapping.items())), [], rest[len(free) :])


def _labelled(header: Sequence[str], labels: Mapping[str, str]) -> dict[int, str]:
    """The columns whose heading is a label of the list."""
    names = [plain(label) or label for label in labels_for(header)]
    mapping: dict[int, str] = {}
    for goal, label in labels.items():
        wanted = plain(label) or label
        if goal in VALUE_FIELDS and wanted in names and names.index(wanted) not in mapping:
            mapping[names.index(wanted)] = goal
    return mapping


def _customer_id(header: Sequence[str], samples: Sequence[Sequence[str]], taken: Collection[int]) -> int | None:
    """The column with a usual heading, the most specific first, whose cells are codes that differ."""
    names = [plain(title) for title in header]
    for heading in map(plain, CUSTOMER_ID):
        for column, name in enumerate(names):
            if name == heading and column not in taken and _are_codes(cells_of(column, samples)):
                return column
    return None


def _are_codes(cells: Sequence[str]) -> bool:
    """Whether they can be customer IDs: not names, not few that repeat, and not identity numbers of 13 digits."""
    codes = [cell for cell in cells if any(map(str.isdigit, cell)) and len(cell.split()) <= 2]
    identity_numbers = [cell for cell in codes if len(cell) == 13 and cell.isdigit()]
    return (
        2 * len(codes) >= len(cells)
        and len(set(cells)) * 5 >= len(cells) * 4
        and (not cells or 2 * len(identity_numbers) < len(cells))
    )


def _message(header: Sequence[str], samples: Sequence[Sequence[str]], taken: Collection[int]) -> int | None:
    """The first column with such a heading whose cells look like texts, unlike the Yes and No of a consent."""
    for column, title in enumerate(header):
        if column not in taken and is_one_of(MESSAGE, title) and _are_texts(cells_of(column, samples)):
            return column
    return None


def _are_texts(cells: Sequence[str]) -> bool:
    """Whether they are long, of several words, and different."""
    texts = [cell for cell in cells if len(cell) >= 20 and (len(cell.split()) >= 4 or not cell.isascii())]
    return bool(cells) and 2 * len(texts) >= len(cells) and 2 * len(set(cells)) > len(cells)


def validate(mapping: Mapping[int, str], header: Sequence[str]) -> None:
    """Raises ColumnsError ``no_phone_column``, ``field_twice``, ``unknown_field`` or ``unknown_column``."""
    for column, goal in mapping.items():
        if goal not in FIELD_NAMES:
            raise ColumnsError("unknown_field", f"There is no field {goal}. The fields are: {', '.join(FIELD_NAMES)}.")
        if not 0 <= column < len(header):
            raise ColumnsError(
                "unknown_column", f"There is no column {column + 1}: the sheet has {len(header)} columns."
            )
    for name in FIELD_NAMES:
        columns = [title_of(column, header) for column, goal in mapping.items() if goal == name]
        if len(columns) > 1:
            raise ColumnsError(
                "field_twice",
                f"More than one column is mapped to {FIELD_LABELS[name]}: {', '.join(columns)}. Keep one of them.",
            )
    if "phone" not in mapping.values():
        raise ColumnsError(
            "no_phone_column", "No column is mapped to Phone. Choose the column that contains the phone numbers."
        )


def apply(mapping: Mapping[int, str], row: Sequence[str]) -> dict[str, str]:
    """The cells of ``row`` by field. Where the row is too short for a mapped column, the field is empty.

    A line break in a value becomes a blank; a message and a phone keep theirs.
    """
    cells = {goal: row[column].strip() if column < len(row) else "" for column, goal in mapping.items()}
    return {goal: cell if goal in ("phone", "message") else one_line(cell) for goal, cell in cells.items()}


def one_line(cell: str) -> str:
    """``cell`` with a blank instead of each line break."""
    return " ".join(line.strip() for line in cell.splitlines()) if "\n" in cell else cell


def stored(mapping: Mapping[int, str]) -> dict[str, str]:
    """``mapping`` as JSON stores it: the keys are strings."""
    return {str(column): goal for column, goal in sorted(mapping.items())}


def guess_opt_outs(header: Sequence[str], samples: Sequence[Sequence[str]], country: str) -> dict[int, str]:
    """The columns whose numbers are opted out: every one that looks like a phone, or has a phone number in any cell.

    If there is none, those that are named like one. Arguments: see ``guess``. To opt out too many numbers is safe.
    """
    if tuple(header) == OPT_OUT_HEADINGS:
        return {0: "phone"}
    found = {candidate.column for candidate in phone_columns.candidates(header, samples, country)}
    found |= {column for column in range(len(header)) if phone_columns.has_number(cells_of(column, samples), country)}
    named = [column for column, title in enumerate(header) if phone_columns.is_named(title)]
    return dict.fromkeys(sorted(found) or named, "phone")


def validate_opt_outs(mapping: Mapping[int, str], header: Sequence[str]) -> None:
    """Check a mapping of opt-outs, in which several columns may be phones.

    Raises ColumnsError ``no_phone_column``, ``not_a_phone`` or ``unknown_column``.
    """
    if not mapping:
        raise ColumnsError(
            "no_phone_column", "No column is mapped to Phone. Choose every column that contains phone numbers."
        )
    for column, goal in mapping.items():
        if goal != "phone":
            raise ColumnsError("not_a_phone", "A sheet of opt-outs has columns for Phone only.")
        if not 0 <= column < len(header):
            raise ColumnsError(
                "unknown_column", f"There is no column {column + 1}: the sheet has {len(header)} columns."
            )


def restored(mapping: Mapping[str, str]) -> dict[int, str]:
    """The inverse of ``stored``."""
    return {int(column): goal for column, goal in mapping.items() if goal}


def title_of(column: int, header: Sequence[str]) -> str:
    """The heading of ``column``, counted from 0, or ``"Column 3"``."""
    return header[column].strip() or f"Column {column + 1}"


def new_labels(mapping: Mapping[int, str], header: Sequence[str], labels: Mapping[str, str]) -> dict[str, str]:
    """Labels for the mapped value fields that have none in ``labels``: the headings, each different from all others."""
    known = {label.lower() for label in labels.values()}
    possible = labels_for(header)
    return {
        goal: _different(possible[column], known)
        for column, goal in sorted(mapping.items())
        if goal in VALUE_FIELDS and not labels.get(goal)
    }


def labels_for(header: Sequence[str]) -> list[str]:
    """The label of each column, were it a value: its heading, with a number where another column has the same."""
    known: set[str] = set()
    return [_different(title_of(column, header)[:LABEL_LENGTH], known) for column in range(len(header))]


def _different(title: str, known: set[str]) -> str:
    """``title``, with a number if it is one of ``known`` (lower case), to which the result is added."""
    label, number = title, 2
    while label.lower() in known:
        label, number = f"{title[: LABEL_LENGTH - 3]} {number}", number + 1
    known.add(label.lower())
    return label
