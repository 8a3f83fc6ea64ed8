"""Incidents inside a job of the state machine: a death, a fault of the provider, or what others do meanwhile."""

from dataclasses import dataclass

from hypothesis import strategies as st

from providers.errors import Refused, Unclear, Unreachable

#: The people of a campaign.
PEOPLE = 5


class Died(BaseException):
    """Like a kill -9: nothing between here and the end of the process runs."""


TROUBLES = ("unreachable", "refused", "refused_account", "refused_holds", "unclear")
WORLD = ("opt_out", "pause", "cancel", "resume", "hand_over", "collect", "sweep", "decide", "work", "minutes", "copy")
#: How a commit is interrupted; *copied* is a database copy that contains an intent which is withdrawn at once.
CUTS = ("die", "unclear", "copied")


@dataclass(frozen=True)
class Incident:
    """At the ``passing``-th point of a kind the ``action`` is performed; ``choice`` selects whom or how much.

    Kinds: ``point`` is any of the product's and the provider's,
    ``provider`` one where the provider may fail, ``commit`` one of its commit,
    ``statement`` is before any database statement, ``free`` before one outside any transaction.
    """

    kind: str
    passing: int
    action: str
    choice: int


choices = st.integers(0, PEOPLE - 1)
incidents = st.one_of(
    st.builds(Incident, st.just("point"), st.integers(0, 40), st.sampled_from(("die", *WORLD)), choices),
    st.builds(Incident, st.just("provider"), st.integers(0, 15), st.sampled_from(("die", *TROUBLES)), choices),
    st.builds(Incident, st.just("commit"), st.integers(0, 5), st.sampled_from(CUTS + WORLD), choices),
    st.builds(Incident, st.just("statement"), st.integers(0, 120), st.just("die"), choices),
    st.builds(Incident, st.just("free"), st.integers(0, 80), st.sampled_from(WORLD), choices),
)
maybe_incident = st.none() | incidents


def trouble(action: str, point: str) -> Exception:
    """The fault that the point allows: a commit that may have arrived is unclear, a poll never is."""
    if point in ("provider:commit:half", "provider:commit:end"):
        return Unclear("line_broke", "The connection broke.")
    if action == "refused_account" or (point == "provider:connect" and action.startswith("refused")):
        return Refused("login_refused", "The login was refused.", account=True)
    if action == "refused_holds":
        return Refused("no_credit", "There is no credit left.", account=True, holds=True)
    if action == "refused" and "poll" not in point:
        return Refused("too_big", "The file was refused.")
    if action == "unclear" and point == "provider:commit:begin":
        return Unclear("line_broke", "The connection broke.")
    return Unreachable("no_line", "The connection broke before anything was handed over.")
