"""What the texts of an audience cost, and which of them an adapter refuses."""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappush, heappushpop
from itertools import islice
from operator import itemgetter
from typing import Any

from campaigns.audience.approval import AudienceDigest
from campaigns.audience.faults import may_have_faults, says_how_to_opt_out, text_faults, without_faultless
from campaigns.audience.letter_counts import LetterCounts
from campaigns.audience.rows import CHUNK, ID, MSISDN, READ, RecipientRow, Row
from campaigns.audience.spec import Composed, Composer, values_in
from campaigns.audience.texts import has_foreign_field, has_literal_field
from campaigns.models import Campaign, Recipient
from contacts.number_facts import fixed_lines
from providers import gsm
from providers.base import Message, Problem
from providers.prices import Cost, CostCounter, PriceTable, table_of

#: Problems kept for people to read, and recipients of each kind kept for the preview.
SHOWN = 100
#: The longest texts that are kept.
LONGEST = 10
#: The kinds of recipients: longest texts, most parts, characters that the account lacks, a field that is empty, and a
#: text of their own.
KINDS = ("longest", "parts", "replaced", "empty", "own")

#: The parts of a sentence that differ from text to text: numbers, and words in quotation marks.
_PARTICULARS = re.compile(r"\d[\d,]*|“[^”]*”")

#: Units up to which texts are counted by their length alone; no rule of a provider about bytes matters below.
_BY_LENGTH = 1_600
# Characters that count as two units at some provider, so that the end of a part may not split them.
_PAIR = re.compile(f"[{re.escape(gsm.EXTENSION)}\n\U00010000-\U0010ffff]")
_DIGIT = re.compile(r"\d")


@dataclass
class Kind:
    """Recipients of one kind: how many, and where the first ones are: their ids, or positions if they are not saved."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, where: int) -> None:
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(where)


@dataclass
class Measured:
    """What the texts of an audience cost: ``least``, ``typical`` (the median) and ``most`` in units, ``histogram``
    recipients by parts.

    ``unicode`` counts texts that do not go as GSM. ``reasons`` has ``(refused texts, first sentence)`` by problem;
    together they are ``problem_count``.
    """

    included: int = 0
    parts: int = 0
    histogram: dict[int, int] = field(default_factory=dict)
    least: int = 0
    typical: int = 0
    most: int = 0
    unicode: int = 0
    longest: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    problem_count: int = 0
    reasons: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    #: (number of texts, msisdn of the first) by the code of what they should not contain.
    text_faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: How many people have characters that the account lacks, and how many have each of them in each field; see
    #: LetterCounts.
    lacking: int = 0
    letters: dict[str, dict[str, int]] = field(default_factory=dict)
    #: (texts, additional parts) by the character that costs them; see LetterCounts.
    expensive: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: The people who are skipped because of their letters, by reason: how many, and the ids of those that are saved.
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_ids: "dict[str, array[int]]" = field(default_factory=dict)
    #: Kinds of recipients for the preview: how many there are of each, and where the first ones are.
    kinds: dict[str, Kind] = field(default_factory=dict)
    #: None if the account has no prices.
    cost: Cost | None = None
    digest: str = ""


class TextStatistics:
    """Measures finished texts one after another with one adapter's own rules.

    ``add`` measures one text. ``add_rows`` gives the same result for many: texts of plain rows that are equally long
    differ in nothing that a provider counts or refuses, so that only the first of them is measured.
    """

    def __init__(self, composer: Composer, prices: PriceTable) -> None:
        self.composer = composer
        self.adapter = composer.adapter
        self.spec = composer.spec
        self._letters = LetterCounts(composer)
        self._optional = [name for name in composer.source.fields if name not in composer.source.required]
        self._measured = Measured(kinds={name: Kind() for name in KINDS})
        self._has_prices = bool(prices)
        self._cost = CostCounter(prices)
        self._units: Counter[int] = Counter()
        self._histogram: Counter[int] = Counter()
        self._most_parts = 0
        self._longest: list[tuple[int, int, dict[str, Any]]] = []
        self._position = 0
        #: The size of the texts of plain rows, and how many there are, by the length of what fills their fields.
        self._sizes: dict[int, gsm.Measure] = {}
        self._counted: dict[int, int] = {}
        literals = [literal for literal, _, _ in composer.text.pieces]
        self._has_pairs = bool(_PAIR.search("".join(literals)))
        near = without_faultless(literals)
        self._near_fields = "%s".join(literal.replace("%", "%%") for literal in near)
        # Every fault contains a digit.
        self._has_digit = bool(_DIGIT.search("".join(near)))

    def add_rows(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Measure the texts of ``rows`` (see READ) like ``add``; return the rows of those who are not skipped.

        Positions count on from call to call.
        """
        sizes, counted, has_prices = self._sizes, self._counted, self._has_prices
        plains = list(map(self.composer.plain, rows))
        looks_for_faults = self._may_have_faults(plains)
        optional = itemgetter(*map(READ.index, self._optional), ID) if self._optional else None
        skipped: set[int] = set()
        shortest_of_longest, fewest_parts = self._noteworthy()
        for position, (row, plain) in enumerate(zip(rows, plains, strict=True), start=self._position + 1):
            size = None if plain is None else sizes.get(len(plain))
            if plain is None or size is None:
                if self._add_row(row, position, plain):
                    skipped.add(position)
                shortest_of_longest, fewest_parts = self._noteworthy()
                continue
            counted[len(plain)] += 1
            if size.units > shortest_of_longest or size.parts >= fewest_parts:
                self._note_size(row, position, plain, size)
                shortest_of_longest, fewest_parts = self._noteworthy()
            if has_prices:
                self._cost.add(row[MSISDN], size.parts)
            if looks_for_faults:
                self._add_faults(plain, row[MSISDN])
            if optional and "" in optional(row):
                self._measured.kinds["empty"].add(row[ID] or position)
            if size.alphabet != "gsm" and size.parts > 1:
                self._letters.add_expensive(self.composer.plain_text(plain), size)
        first, self._position = self._position + 1, self._position + len(rows)
        return [row for at, row in enumerate(rows, start=first) if at not in skipped] if skipped else rows

    def _add_row(self, row: Row, position: int, plain: str | None) -> bool:
        """Measure one text; return whether the person is skipped. Equally long texts of plain rows are only counted
        afterwards, if there is nothing else to say about any of them.
        """
        recipient = RecipientRow._make(row)
        composed = self.composer.compose(recipient)
        size = self.add(recipient, composed, position)
        if plain is not None and size is not None and self._is_by_length(size):
            self._sizes[len(plain)] = size
            self._counted[len(plain)] = 0
        return bool(composed.excluded)

    def _is_by_length(self, size: gsm.Measure) -> bool:
        # Where two units must not be split, parts depend on where they are.
        return size.units <= _BY_LENGTH and (size.parts <= 1 or not self._has_pairs)

    def _noteworthy(self) -> tuple[int, int]:
        """A text of more units than the first, or of at least as many parts as the second, is noted by itself."""
        parts = self._measured.kinds["parts"]
        return (
            self._longest[0][0] if len(self._longest) == LONGEST else -1,
            self._most_parts + (len(parts.first) == SHOWN),
        )

    def _note_size(self, row: Row, position: int, plain: str, size: gsm.Measure) -> None:
        """Note what add notes of one text of this size, except for what is counted by length."""
        self._note_parts(size.parts, row[ID] or position)
        if self._is_among_longest(size.units):
            self._note_longest(RecipientRow._make(row), self.composer.plain_text(plain), size.units, position)

    def _may_have_faults(self, plains: Sequence[str | None]) -> bool:
        found = [plain for plain in plains if plain is not None]
        if not (found and (self._has_digit or _DIGIT.search("".join(found)))):
            return False
        return may_have_faults(map(self._near_fields.__mod__, map(values_in, found)))

    def _add_faults(self, plain: str, msisdn: str) -> None:
        for code in text_faults(self._near_fields % values_in(plain)):
            self.add_fault(code, msisdn)

    def add(self, recipient: Recipient | RecipientRow, composed: Composed, position: int) -> gsm.Measure | None:
        """Measure one recipient's finished text and collect its problems. ``position`` counts recipients from 1.

        Returns the size, or None if the person is skipped or the text has a problem.
        """
        measured, message = self._measured, composed.message
        if composed.lacked:
            measured.lacking += 1
            self._letters.add_lacked(recipient)
        if composed.excluded:
            self._exclude(recipient, composed.excluded)
            return None
        size = self.adapter.measure(self.spec, message.text)
        self._count(size, 1)
        self._cost.add(message.msisdn, size.parts)
        self._note_parts(size.parts, recipient.id or position)
        if (size.parts > 1 and size.units != len(message.text)) or size.alphabet != "gsm":
            self._letters.add_expensive(message.text, size)
        self._sort(recipient, composed, recipient.id or position)
        if self._is_among_longest(size.units):
            self._note_longest(recipient, message.text, size.units, position)
        for code in text_faults(message.text):
            self.add_fault(code, message.msisdn)
        if recipient.message:
            self._check_own(message)
        found = self.adapter.problems(self.spec, message)
        if has_literal_field(message.text) and not any("@@value1@@" in problem.sentence for problem in found):
            found = [*found, Problem("literal_field", "The finished text still contains a field such as @@value1@@.")]
        if found:
            self._add_problems(message.msisdn, found)
        return None if found else size

    def _count(self, size: gsm.Measure, texts: int) -> None:
        measured = self._measured
        measured.included += texts
        measured.parts += size.parts * texts
        measured.unicode += texts * (size.alphabet != "gsm")
        self._histogram[size.parts] += texts
        self._units[size.units] += texts

    def _note_parts(self, parts: int, where: int) -> None:
        """Note one of the first recipients whose texts have the most parts; ``result`` counts them."""
        if parts > self._most_parts:
            self._most_parts, self._measured.kinds["parts"] = parts, Kind()
        if parts == self._most_parts:
            self._measured.kinds["parts"].add(where)

    def _is_among_longest(self, units: int) -> bool:
        return len(self._longest) < LONGEST or units > self._longest[0][0]

    def _note_longest(self, recipient: Recipient | RecipientRow, text: str, units: int, position: int) -> None:
        entry = {
            "id": recipient.id,
            "position": position,
            "msisdn": recipient.msisdn,
            "units": units,
            "text": text,
        }
        keep = heappush if len(self._longest) < LONGEST else heappushpop
        keep(self._longest, (units, -position, entry))

    def add_fault(self, code: str, msisdn: str) -> None:
        """Count a text that has what the warning with this code is about."""
        count, first = self._measured.text_faults.get(code, (0, msisdn))
        self._measured.text_faults[code] = (count + 1, first)

    def _check_own(self, message: Message) -> None:
        """Check a text that replaces the campaign's for what the campaign's text is checked for."""
        if has_foreign_field(message.text):
            self.add_fault("own_foreign_field", message.msisdn)
        if not says_how_to_opt_out(message.text):
            self.add_fault("own_no_opt_out_wording", message.msisdn)

    def result(self) -> Measured:
        """Return the statistics of all texts added so far, without a digest."""
        measured = self._measured
        for length, texts in self._counted.items():
            self._count(self._sizes[length], texts)
            self._counted[length] = 0
        measured.kinds["parts"].count = self._histogram[self._most_parts]
        measured.histogram = dict(sorted(self._histogram.items()))
        measured.least = min(self._units, default=0)
        measured.typical = _median(self._units)
        measured.letters = self._letters.by_field
        measured.expensive = self._letters.expensive
        measured.longest = [entry for _, _, entry in sorted(self._longest, key=lambda item: (-item[0], -item[1]))]
        measured.kinds["longest"] = Kind(
            len(measured.longest), [row["id"] or row["position"] for row in measured.longest]
        )
        measured.most = max(self._units, default=0)
        measured.cost = self._cost.result()
        return measured

    def _exclude(self, recipient: Recipient | RecipientRow, reason: str) -> None:
        measured = self._measured
        measured.skipped[reason] = measured.skipped.get(reason, 0) + 1
        if recipient.id:
            measured.skipped_ids.setdefault(reason, array("q")).append(recipient.id)

    def _sort(self, recipient: Recipient | RecipientRow, composed: Composed, where: int) -> None:
        """Note the other kinds that a recipient belongs to."""
        kinds = self._measured.kinds
        if composed.lacked:
            kinds["replaced"].add(where)
        if recipient.message:
            kinds["own"].add(where)
        elif self._optional and not all(getattr(recipient, name) for name in self._optional):
            kinds["empty"].add(where)

    def _add_problems(self, msisdn: str, found: Sequence[Problem]) -> None:
        measured = self._measured
        measured.problem_count += 1
        reason = _reason(found[0])
        count, sentence = measured.reasons.get(reason, (0, found[0].sentence))
        measured.reasons[reason] = (count + 1, sentence)
        if len(measured.problems) < SHOWN:
            measured.problems.append(
                {
                    "msisdn": msisdn,
                    "code": found[0].code,
                    "sentence": " ".join(problem.sentence for problem in found),
                    "characters": "".join(problem.characters for problem in found),
                }
            )


def _reason(problem: Problem) -> tuple[str, str]:
    """The code of a problem and the fixed part of its sentence, because one code may have several sentences."""
    fixed = _PARTICULARS.sub("", problem.sentence)
    plain = (letter for letter in fixed if letter.isascii() and (letter.isalnum() or letter not in problem.characters))
    return problem.code, " ".join("".join(plain).split())


def measure_texts(campaign: Campaign, composer: Composer, rows: Iterable[Row]) -> Measured:
    """Measure and check the text of each row (see READ) once, streaming. The digest is of those who are not skipped."""
    statistics = TextStatistics(composer, table_of(campaign.account))
    digest, left = AudienceDigest(), iter(rows)
    while chunk := list(islice(left, CHUNK)):
        included = statistics.add_rows(chunk)
        digest.add(included)
        for msisdn in fixed_lines(map(itemgetter(MSISDN), included)):
            statistics.add_fault("landline", msisdn)
    measured = statistics.result()
    measured.digest = digest.hexdigest()
    return measured


def _median(counted: Counter[int]) -> int:
    """The lower median of numbers that are counted; 0 if there are none."""
    left = (counted.total() + 1) // 2
    for number in sorted(counted):
        left -= counted[number]
        if left <= 0:
            return number
    return 0
