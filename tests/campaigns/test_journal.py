"""The search in the intent journals finds what parsing each of their lines would find."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from campaigns.handover import journal

CAMPAIGNS = (1, 2, 12, 21, 121)
STEMS = tuple(f"c{campaign}-b{number}-g1-77d0a1b2" for campaign in CAMPAIGNS for number in (1, 12))

Line = dict[str, Any]


def _lines(stem: str, chain: int, attempt: int, sha256: str, is_withdrawn: bool) -> Line:
    campaign = int(stem.partition("-")[0][1:])
    if is_withdrawn:
        return {"at": "2026-01-05", "withdrawn": stem, "campaign": campaign, "attempt": attempt}
    about = {"campaign": campaign, "chain": chain, "attempt": attempt, "name": f"{stem}.zip", "sha256": sha256}
    return {"at": "2026-01-05", "intent": stem, **about}


LINES = st.builds(
    _lines, st.sampled_from(STEMS), st.sampled_from(CAMPAIGNS), st.integers(1, 3), st.sampled_from("ab"), st.booleans()
)
#: What one host appends at a time: lines, of which the last may be cut short by a crash.
PIECES = st.tuples(st.sampled_from(("one", "two")), st.lists(LINES, max_size=6), st.integers(0, 90))


class Simple:
    """The oracle: parses every line of every journal at each question."""

    def __init__(self, folder: Path) -> None:
        self.lines = [line for path in sorted(folder.glob("intents-*.jsonl")) for line in _parsed(path)]

    def attempts(self, stem: str) -> dict[int, Line]:
        return {line["attempt"]: line for line in self.lines if stem in (line.get("intent"), line.get("withdrawn"))}

    def intents(self, stem: str) -> list[Line]:
        return [line for _, line in sorted(self.attempts(stem).items()) if "intent" in line]

    def batches_of_chain(self, root: int) -> dict[str, set[str]]:
        chains = [(line, line.get("chain", line["campaign"])) for line in self.lines]
        stems = {line.get("intent") or line["withdrawn"] for line, chain in chains if chain == root}
        return {stem: {line["sha256"] for line in found} for stem in stems if (found := self.intents(stem))}


def _parsed(path: Path) -> Iterator[Line]:
    for raw in path.read_text().split("\n")[:-1]:
        try:
            yield json.loads(raw)
        except ValueError:
            continue


@given(pieces=st.lists(PIECES, min_size=1, max_size=6), is_spaced=st.booleans())
def test_a_search_finds_what_parsing_every_line_finds(
    pieces: list[tuple[str, list[Line], int]],
    is_spaced: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    with pytest.MonkeyPatch.context() as patch, override_settings(JOURNAL_DIR=folder):
        patch.setattr(journal, "_BLOCK", 100)
        for host, lines, cut in pieces:
            path = folder / f"intents-{host}.jsonl"
            text = "".join(json.dumps(line, separators=None if is_spaced else (",", ":")) + "\n" for line in lines)
            with path.open("a") as handle:
                # The next process ends a line that a crash cut short.
                is_torn = path.stat().st_size and not path.read_bytes().endswith(b"\n")
                handle.write(("\n" if is_torn else "") + text[: len(text) - cut])

            simple = Simple(folder)
            for stem in STEMS:
                attempts = simple.attempts(stem)
                assert journal.intents(stem) == simple.intents(stem)
                assert sorted(journal.withdrawn(stem)) == sorted(n for n in attempts if "withdrawn" in attempts[n])
                assert journal.last_attempt(stem) == max(attempts, default=0)
            for root in CAMPAIGNS:
                assert journal.batches_of_chain(root) == simple.batches_of_chain(root)
            # A line that was cut short may name the latest campaign as well.
            assert journal.latest_campaign() in (0, *CAMPAIGNS)
            assert journal.latest_campaign() >= max((line["campaign"] for line in simple.lines), default=0)


def test_only_lines_that_were_asked_for_are_kept(tmp_path: Path, settings: Any) -> None:
    settings.JOURNAL_DIR = tmp_path
    with (tmp_path / "intents-one.jsonl").open("w") as handle:
        for number in range(1, 301):
            handle.write(json.dumps(_lines(f"c{number}-b1-g1-77d0a1b2", number, 1, "a", is_withdrawn=False)) + "\n")

    for number in range(1, 301):
        assert len(journal.intents(f"c{number}-b1-g1-77d0a1b2")) == 1

    assert sum(len(known) for _, known in journal._read.values()) <= journal._REMEMBERED
