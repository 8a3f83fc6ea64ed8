"""What now: every code that an adapter, a connection or Baton can give has a next step; the counts and the words."""

import ast
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings

from campaigns.models import Batch, Campaign, RecipientOutcome
from campaigns.results import causes
from campaigns.results.causes import Step, causes_of, step_of
from contacts.models import ContactList
from providers import registry
from providers.causes import CONNECTION, Cause
from providers.models import Account
from tests.campaigns.conftest import count_causes

#: The position of the code among the arguments of a call.
CODE_AT = {
    "Refused": 0,
    "Unreachable": 0,
    "Unclear": 0,
    "Interpretation": 1,
    "_unclear": 0,
    "AskAPerson": 0,
    "PrepareAgain": 0,
    "Hold": 0,
}


def modules(*parts: str) -> Iterator[tuple[ModuleType, ast.Module]]:
    root = Path(settings.BASE_DIR)
    for part in parts:
        place = root / part
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            yield importlib.import_module(name), ast.parse(path.read_text())


def words_in(module: ModuleType, node: ast.expr) -> Iterator[str]:
    """The codes in an expression: its strings without a space, and the constants of the module that it names."""
    for part in ast.walk(node):
        value = part.value if isinstance(part, ast.Constant) else None
        if isinstance(part, ast.Name):
            value = getattr(module, part.id, None)
        if isinstance(value, str) and value and " " not in value:
            yield value


def codes_in(*parts: str) -> set[str]:
    """Every code that is written in the source of these modules."""
    found: set[str] = set()
    for module, tree in modules(*parts):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                at = CODE_AT.get(name)
                if at is not None and len(node.args) > at and not isinstance(node.args[at], ast.Attribute | ast.Call):
                    found |= set(words_in(module, node.args[at]))
                if name in ("transition", "cancel_unless_journalled", "supersede"):
                    for keyword in node.keywords:
                        if keyword.arg == "reason":
                            found |= set(words_in(module, keyword.value))
            is_reason = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "reason"
            if is_reason and isinstance(node.value, ast.IfExp | ast.Constant):  # type: ignore[attr-defined]
                found |= set(words_in(module, node.value))  # type: ignore[attr-defined]
    return found


def listed_codes(slug: str) -> set[str]:
    """The codes in the tables of an adapter's words."""
    words = importlib.import_module(f"providers.adapters.{slug}.words")
    found = set(registry.adapter(slug).words) | {words.UNKNOWN}
    if slug == "bulksms":
        found |= {str(code) for code in words.STATUSES} | {word for word, _ in words.FAILURES.values()}
    return found | set(getattr(words, "ABOUT_A_NUMBER", ()))


@pytest.mark.parametrize("slug", sorted(registry.all_adapters()))
def test_every_code_of_an_adapter_has_a_next_step(slug: str) -> None:
    adapter = registry.adapter(slug)
    written = codes_in(f"providers/adapters/{slug}") | listed_codes(slug)
    assert len(written) > 15
    assert sorted(code for code in written if causes.cause_of(adapter, code) is None) == []
    assert set(adapter.words) <= set(adapter.causes)
    assert all(isinstance(cause, Cause) for cause in adapter.causes.values())


def test_every_code_of_a_connection_and_of_baton_has_a_next_step() -> None:
    connection = codes_in("providers/transports", "providers/connections.py", "providers/checking.py")
    assert sorted(connection - set(CONNECTION)) == []
    own = codes_in("campaigns/handover", "campaigns/results", "campaigns/decisions.py", "campaigns/jobs.py")
    assert sorted(own - set(causes.OWN) - set(CONNECTION)) == []
    assert {"silent", "no_evidence", "expired"} <= own


def test_every_kind_of_cause_has_a_step_and_every_step_a_sentence() -> None:
    assert set(causes.STEPS) == set(Cause)
    assert all(step.label.endswith(".") for step in Step)
    assert not [step for step in Step if "these" in step.for_one or "those" in step.for_one]


def test_the_step_of_a_file_that_waits_for_a_person_is_to_look_at_it(account: Account) -> None:
    adapter = account.adapter
    assert step_of(adapter, "InsufficientCredits") == Step.TOP_UP
    assert step_of(adapter, "InsufficientCredits", Batch.Status.REJECTED) == Step.TOP_UP
    assert step_of(adapter, "InternalServerError", Batch.Status.UNCLEAR) == Step.DECIDE
    assert step_of(adapter, "folder_missing", Batch.Status.HELD) == Step.REVIEW
    assert step_of(adapter, "never heard of") == Step.ASK_PROVIDER


def test_causes_are_counted_in_people_with_plain_words(account: Account, make_running: Callable[..., Campaign]) -> None:
    campaign = make_running(account)
    batch = campaign.batches.get()
    first, second, third, *_ = campaign.recipients.order_by("msisdn")
    for recipient, result, code, delivery in (
        (first, "row_error", "MSISDN.Optout", ""),
        (second, "row_error", "MSISDN.Optout", ""),
        (third, "accepted", "007", "undelivered"),
    ):
        RecipientOutcome.objects.create(
            batch=batch, recipient=recipient, result=result, code=code, delivery=delivery, sentence="As reported."
        )
    told = "SMSPortal reports too few credits for this file. It says: 0 left."
    Batch.objects.update(status="rejected", reason="InsufficientCredits", sentence=told, row_errors=2, accepted_rows=1)
    count_causes(campaign)
    found = causes_of(campaign)
    assert [cause.code for cause in found] == ["InsufficientCredits", "MSISDN.Optout"]
    campaign.status = Campaign.Status.CLOSED
    found = causes_of(campaign)
    assert [(cause.code, cause.count, cause.step) for cause in found] == [
        ("InsufficientCredits", 2, Step.TOP_UP),
        ("MSISDN.Optout", 2, Step.OPTED_OUT),
        ("007", 1, Step.UNDELIVERED),
    ]
    assert found[0].words == "SMSPortal reports too few credits for this file. Top up the account."
    assert (found[0].example, found[0].batch) == (told, batch.pk)
    assert (found[1].words, found[2].words) == ("This number has opted out with SMSPortal.", "As reported.")


def test_the_causes_add_up_to_the_failures_however_many_there_are(
    account: Account, make_running: Callable[..., Campaign], make_list: Callable[..., ContactList]
) -> None:
    campaign = make_running(account, make_list(count=causes.MOST + 4))
    batch = campaign.batches.get()
    for at, recipient in enumerate(campaign.recipients.order_by("msisdn")):
        RecipientOutcome.objects.create(
            batch=batch, recipient=recipient, result="row_error", code=f"code {max(at, 1)}", sentence=f"Row {at}."
        )
    Batch.objects.update(status="accepted", row_errors=causes.MOST + 4)
    count_causes(campaign)
    *listed, last = causes_of(campaign)
    assert (len(listed), listed[0].code, listed[0].count) == (causes.MOST, "code 1", 2)
    assert (last.words, last.code, last.count) == ("Other causes", "", 3)
    assert sum(cause.count for cause in (*listed, last)) == causes.MOST + 4
