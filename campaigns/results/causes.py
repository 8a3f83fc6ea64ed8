"""What now: for each cause of a failure, how many people it concerns, plain words, and the one next step."""

from collections import Counter
from dataclasses import dataclass

from django.db.models import TextChoices

from campaigns.models import Batch, Campaign, RecipientOutcome
from providers.base import BaseAdapter
from providers.causes import CONNECTION, Cause

#: Causes that are listed; those that are rarer are added up in a last row.
MOST = 12


class Step(TextChoices):
    """The next step, and what to do in a sentence."""

    TOP_UP = "top_up", "Once the account is topped up, test it here, and text these people again."
    TEXT_AGAIN = "text_again", "Nobody was texted, and another try may succeed. Text these people again."
    FIX_TEXT = "fix_text", "Change the text, and text these people again."
    FIX_NUMBERS = "fix_numbers", "Correct the numbers with the people concerned, and text those again."
    FIX_SENDER = "fix_sender", "Have the sender registered with the provider, or text these people from another one."
    FIX_SETTINGS = "fix_settings", "Text these people again with other settings."
    TEST_ACCOUNT = "test_account", "Correct the account's settings and test it. Then text these people again."
    ASK_PROVIDER = "ask_provider", "Ask the provider, with the name of the file and the code."
    ASK_ADMINISTRATOR = "ask_administrator", "Ask an administrator of Baton to look at the log."
    DECIDE = "decide", "Whether these people were texted is not known. Look at the evidence and decide."
    REVIEW = "review", "Nothing was handed over. Release the file or cancel it."
    LIST = "list", "Look at the recipients that failed, with the code and the reason of each."
    NOTHING = "nothing", "There is nothing to do."
    OPTED_OUT = "opted_out", "There is nothing to do: the opt-out is recorded, and no campaign texts them again."
    UNDELIVERED = "undelivered", "There is nothing to do: they count as texted, so that nobody is texted twice."

    @property
    def for_one(self) -> str:
        """The sentence about one person."""
        if self is Step.FIX_NUMBERS:
            return "Correct the number with the person concerned, and text that one again."
        if self is Step.FIX_SENDER:
            return "Have the sender registered with the provider, or text this person from another one."
        return self.label.replace("these people were", "this person was").replace("these people", "this person")


STEPS: dict[Cause, Step] = {
    Cause.CREDIT: Step.TOP_UP,
    Cause.NUMBER: Step.FIX_NUMBERS,
    Cause.OPTED_OUT: Step.OPTED_OUT,
    Cause.TEXT: Step.FIX_TEXT,
    Cause.SENDER: Step.FIX_SENDER,
    Cause.SETTINGS: Step.FIX_SETTINGS,
    Cause.ACCOUNT: Step.TEST_ACCOUNT,
    Cause.TEMPORARY: Step.TEXT_AGAIN,
    Cause.PROVIDER: Step.ASK_PROVIDER,
    Cause.BATON: Step.ASK_ADMINISTRATOR,
    Cause.UNDELIVERED: Step.UNDELIVERED,
    Cause.PROGRESS: Step.NOTHING,
}
#: The reasons that Baton itself gives to a file.
OWN: dict[str, Cause] = {
    "approval_differs": Cause.SETTINGS,
    "bytes_differ": Cause.BATON,
    "campaign_cancelled": Cause.PROGRESS,
    "cancelled": Cause.PROGRESS,
    "cannot_poll": Cause.ACCOUNT,
    "changed_meanwhile": Cause.TEMPORARY,
    "clock_set_back": Cause.BATON,
    "decided": Cause.PROGRESS,
    "does_not_fit": Cause.TEXT,
    "expired": Cause.SETTINGS,
    "journal_not_written": Cause.BATON,
    "no_evidence": Cause.PROVIDER,
    "no_progress": Cause.ACCOUNT,
    "not_running": Cause.PROGRESS,
    "opted_out": Cause.PROGRESS,
    "paused": Cause.PROGRESS,
    "payload_exists": Cause.TEMPORARY,
    "reference_taken": Cause.PROVIDER,
    "released": Cause.PROGRESS,
    "restored": Cause.BATON,
    "restored_differs": Cause.BATON,
    "silent": Cause.PROVIDER,
    "too_large": Cause.TEXT,
    "unreadable": Cause.BATON,
    "woke_late": Cause.TEMPORARY,
    "worker_died": Cause.TEMPORARY,
}


@dataclass(frozen=True)
class Found:
    """A cause found in a campaign.

    ``words`` explain it; ``example`` is the provider's sentence about one file or number, if it differs from them.
    ``is_of_files``: it is about whole files instead of single numbers; ``batch`` is the id of the file if there is only
    one.
    """

    code: str
    words: str
    example: str
    count: int
    step: Step
    is_of_files: bool = False
    batch: int | None = None

    @property
    def advice(self) -> str:
        return self.step.label


def cause_of(adapter: BaseAdapter, code: str) -> Cause | None:
    """What kind of cause a code of the provider, of a connection or of Baton is; None if it is declared nowhere."""
    return adapter.causes.get(code) or CONNECTION.get(code) or OWN.get(code)


def step_of(adapter: BaseAdapter, code: str, status: str = "") -> Step:
    """The next step for people with this code; ``status`` is the status of their file, if the cause is the file's."""
    if status == Batch.Status.UNCLEAR:
        return Step.DECIDE
    if status == Batch.Status.HELD:
        return Step.REVIEW
    return STEPS[cause_of(adapter, code) or Cause.PROVIDER]


def causes_of(campaign: Campaign) -> list[Found]:
    """Why recipients of ``campaign`` were not texted, or did not get it, the most frequent first.

    At most ``MOST`` causes, and one without a code for all others, so that the counts add up to the failures.

    Reads one row for each file that has a cause, and no outcome of a recipient. What was accepted and not delivered is
    added once the campaign has ended.
    """
    found = [*_of_files(campaign), *_of_numbers(campaign)]
    found.sort(key=lambda cause: -cause.count)
    others = sum(cause.count for cause in found[MOST:])
    return found[:MOST] + ([Found("", "Other causes", "", others, Step.LIST)] if others else [])


def _of_files(campaign: Campaign) -> list[Found]:
    groups: dict[tuple[str, str], list[Batch]] = {}
    for batch in campaign.batches.filter(status__in=(Batch.Status.REJECTED, Batch.Status.UNCLEAR, Batch.Status.HELD)):
        groups.setdefault((batch.status, batch.reason), []).append(batch)
    if not groups:
        # A cancelled draft may have no account.
        return []
    adapter = campaign.account.adapter
    causes = []
    for (status, code), group in groups.items():
        sentence = group[0].sentence
        words = adapter.words.get(code) or sentence or code
        count = sum(batch.rows - batch.row_errors - batch.accepted_rows for batch in group)
        example = sentence if sentence != words else ""
        only = group[0].pk if len(group) == 1 else None
        causes.append(Found(code, words, example, count, step_of(adapter, code, status), True, only))
    return causes


def _of_numbers(campaign: Campaign) -> list[Found]:
    has_ended = campaign.status in (Campaign.Status.CLOSED, Campaign.Status.CANCELLED)
    counts: Counter[tuple[str, str]] = Counter()
    sentences: dict[tuple[str, str], str] = {}
    for causes in campaign.batches.exclude(causes=[]).order_by().values_list("causes", flat=True):
        for result, code, delivery, sentence, number in causes:
            is_failed = result == RecipientOutcome.Result.ROW_ERROR
            if is_failed or (has_ended and delivery == "undelivered"):
                counts[result, code] += number
                sentences[result, code] = min(sentences.get((result, code), sentence), sentence)
    found = []
    for (result, code), count in counts.items():
        adapter, sentence = campaign.account.adapter, sentences[result, code]
        is_failed = result == RecipientOutcome.Result.ROW_ERROR
        step = step_of(adapter, code) if is_failed else Step.UNDELIVERED
        # An accepted text has a status, which may be written like an error.
        words = (is_failed and adapter.words.get(code)) or sentence or code
        found.append(Found(code, words, sentence if sentence != words else "", count, step))
    return found
