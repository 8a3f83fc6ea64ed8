"""The diagram of a batch's states in ``docs/architecture.md`` shows exactly the table of transitions."""

import re
from pathlib import Path

from django.conf import settings

from campaigns.lifecycle import BATCH_TRANSITIONS

DIAGRAM = re.compile(r"^```mermaid\nstateDiagram-v2\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ARROW = re.compile(r"^    (\S+) --> (\S+)$")


def arrows() -> list[tuple[str, str]]:
    """The ``(from, to)`` pairs of the page's only state diagram; ``[*]`` is its start and its ends."""
    (diagram,) = DIAGRAM.findall(Path(settings.BASE_DIR, "docs/architecture.md").read_text())
    found = [ARROW.match(line) for line in diagram.splitlines()]
    assert all(found), "Each line of the diagram is one transition."
    return [(arrow[1], arrow[2]) for arrow in found if arrow]


def test_the_diagram_has_exactly_the_transitions_of_a_batch() -> None:
    drawn = arrows()
    transitions = {(start, end) for start, ends in BATCH_TRANSITIONS.items() for end in ends}

    assert len(drawn) == len(set(drawn))
    assert {arrow for arrow in drawn if "[*]" not in arrow} == transitions


def test_the_diagram_begins_at_prepared_and_ends_where_no_transition_leads_on() -> None:
    drawn = arrows()

    assert [end for start, end in drawn if start == "[*]"] == ["prepared"]
    assert {start for start, end in drawn if end == "[*]"} == {
        str(status) for status, ends in BATCH_TRANSITIONS.items() if not ends
    }
