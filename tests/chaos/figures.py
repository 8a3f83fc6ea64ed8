"""The figures of a run: bounds, times, one JSON document and one table."""

from collections.abc import Mapping, Sequence
from math import comb
from typing import Any

#: A shorter run shows that nothing breaks, but not that everything was tried.
SHORT = 200


def upper_bound(found: int, of: int, confidence: float = 0.95) -> float:
    """The upper bound of the true rate at that confidence, with ``found`` seen among ``of`` (Clopper-Pearson)."""
    if of == 0 or found >= of:
        return 1.0
    if found == 0:
        return 1 - (1 - confidence) ** (1 / of)
    low, high = found / of, 1.0
    for _ in range(60):
        rate = (low + high) / 2
        seen = sum(comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in range(found + 1))
        low, high = (rate, high) if seen > 1 - confidence else (low, rate)
    return high


def said(found: int, of: int) -> str:
    """``0 of 2,000 (below 0.15 % with 95 % confidence)``."""
    return f"{found:,} of {of:,} (below {100 * upper_bound(found, of):.2g} % with 95 % confidence)"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; 0 for none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * len(ordered) + 0.5) - 1)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """The count, median, 95th percentile and maximum, in seconds."""
    return {
        "count": len(values),
        "median": round(percentile(values, 0.5), 1),
        "p95": round(percentile(values, 0.95), 1),
        "longest": round(max(values, default=0.0), 1),
    }


INVARIANTS = {
    "duplicates": "Texted twice",
    "losses": "Accepted, not texted",
    "opted_out": "Texted after an opt-out",
    "unapproved": "Texted, not as approved",
    "silent": "Silent batches",
    "bytes_differ": "Bytes that differ",
    "without_evidence": "Unclear without evidence",
    "books": "Books out of balance",
    "leaks": "Secrets, numbers in logs",
    "out_of_turn": "Outside hours or pace",
}
_PEOPLE = ("duplicates", "losses", "opted_out", "unapproved", "out_of_turn")


def table(figures: Mapping[str, Any]) -> str:
    """The table that people read at the end."""
    rows: list[tuple[str, list[str]]] = [("", list(figures["databases"]))]
    runs = list(figures["databases"].values())
    rows.append(("Batches", [f"{run['batches']:,}" for run in runs]))
    rows.append(("Recipients texted", [f"{run['texted']:,}" for run in runs]))
    rows.append(("Faults", [f"{sum(run['faults'].values()):,}" for run in runs]))
    rows.append(("  of the network", [f"{sum(run['struck'].values()):,}" for run in runs]))
    rows.append(("Points killed at", [f"{run['points']['killed']:,} of {run['points']['known']:,}" for run in runs]))
    rows.append(
        (
            "  of the recovery",
            [f"{run['points']['recovery_killed']:,} of {run['points']['recovery']:,}" for run in runs],
        )
    )
    rows.append(("  a second time, pairs", [f"{run['points']['pairs']:,}" for run in runs]))
    rows.append(
        (
            "Commits, session lost at",
            [
                f"{p['commits'] - len(p['commits_missed']):,} of {p['commits']:,}"
                for p in (run["points"] for run in runs)
            ],
        )
    )
    for status in sorted({status for run in runs for status in run["statuses"]}):
        rows.append((f"  {status}", [f"{run['statuses'].get(status, 0):,}" for run in runs]))
    for name, words in INVARIANTS.items():
        rows.append((words, [f"{run['broken'][name]:,}" for run in runs]))
    rows.append(("Cut short at Clickatell", [f"{run['cut_short']:,}" for run in runs]))
    for kind, words in (("plain", "To state, p95"), ("guarded", "  where the guard waits")):
        rows.append((words, [f"{run['time_to_state'][kind]['p95']:.1f} s" for run in runs]))
    rows.append(("  killed, no final status", [f"{len(run['time_to_state']['never']):,}" for run in runs]))
    rows.append(("Naive: uploads texted", [f"{run['naive']['texted']:,}" for run in runs]))
    rows.append(("Naive: duplicates", [f"{run['naive']['duplicates']:,}" for run in runs]))
    rows.append(("  not killed on purpose", [f"{run['naive']['duplicates_by_network']:,}" for run in runs]))
    lines = [f"{words:<28}" + "".join(f"{cell:>16}" for cell in cells) for words, cells in rows]
    total = figures["total"]
    for name in _PEOPLE:
        lines.append(f"{INVARIANTS[name]}: {said(total['broken'][name], total['texted'])}, of recipients texted")
    lines.append(f"Silent: {said(total['broken']['silent'], total['batches'])}, of batches")
    return "\n".join(lines)


def total_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All databases together, with the bounds."""
    broken = {name: sum(run["broken"][name] for run in runs) for name in INVARIANTS}
    batches, texted = sum(run["batches"] for run in runs), sum(run["texted"] for run in runs)
    bounds = {name: upper_bound(count, texted if name in _PEOPLE else batches) for name, count in broken.items()}
    return {"batches": batches, "texted": texted, "broken": broken, "upper_bounds_95": bounds}
