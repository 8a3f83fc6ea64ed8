"""Which account a draft should go through: what each would do with it, choosing one, and asking for a price."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.audience.check import CHECKED, bound_text_of, refuse_early, usable_text
from campaigns.audience.sources import Sources, count_reasons, draft_recipients
from campaigns.audience.spec import Composer
from campaigns.audience.statistics import Measured, TextStatistics
from campaigns.audience.texts import Text
from campaigns.lifecycle import require_permission
from campaigns.models import Campaign
from contacts.errors import Refusal
from providers import gsm
from providers.base import BaseAdapter, CampaignSpec, Problem
from providers.checking import BUSY, Health, health
from providers.connections import connect
from providers.locks import account_slot
from providers.models import Account
from providers.prices import table_of

#: Characters that are listed; the others are only counted.
NAMED = 20


@dataclass
class AccountCheck:
    """What one account would do with a draft.

    ``measured`` counts the texts that were checked. ``files`` is the smallest number of files for all ``included``
    recipients. ``foreign`` shows the first characters that make texts Unicode, ``further`` those that are refused and
    not named in ``refused``. ``early`` says what an early upload would mean; it is ``""`` if nobody asked for one.
    ``is_unicode`` is true if Unicode is chosen for every text. ``rehearsal`` is the sentence that nobody is texted.
    """

    account: Account
    included: int
    measured: Measured
    files: int
    foreign: str
    further: str
    is_unicode: bool
    rehearsal: str
    early: str
    has_quote: bool
    is_chosen: bool
    spec_problems: list[Problem] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every text was checked, not only the first ones."""
        return self.looked_at == self.included

    @property
    def looked_at(self) -> int:
        """How many recipients were checked, those included who are skipped because of their letters."""
        return self.measured.included + sum(self.measured.skipped.values())

    @property
    def histogram(self) -> list[tuple[int, int]]:
        return sorted(self.measured.histogram.items())

    @property
    def refused(self) -> list[tuple[int, str]]:
        """How many texts are refused and the first sentence why, by reason, the most frequent first.

        A text counts once, under its first problem, so that the numbers add up.
        """
        return sorted(self.measured.reasons.values(), key=lambda reason: (-reason[0], reason[1]))

    @property
    def health(self) -> Health:
        """The account's health, in the same words as on every page."""
        return health(self.account)

    @property
    def summary(self) -> tuple[Any, ...]:
        """Everything shown below the account's name: accounts with equal summaries are shown as one group."""
        return (
            self.account.provider,
            self.included,
            self.files,
            self.measured.unicode,
            self.is_unicode,
            self.foreign,
            self.further,
            self.early,
            self.rehearsal,
            tuple(self.histogram),
            tuple(self.refused),
            tuple(problem.sentence for problem in self.spec_problems),
        )


def compare_accounts(campaign: Campaign, now: datetime, sources: Sources | None = None) -> list[AccountCheck]:
    """Return what each active account would do with a draft, saved or not; no provider is asked.

    The first recipients' texts are checked once for all accounts. ``sources`` are those of a draft that is not saved.
    Raises Refusal if the text or the lists cannot be used.
    """
    text = usable_text(campaign.text, sources) if sources else bound_text_of(campaign)
    included = (sources.count_reasons(text) if sources else count_reasons(campaign, text))[""]
    if sources:
        recipients = sources.recipients(text, 0, CHECKED)
    else:
        recipients = draft_recipients(campaign, text, 0, CHECKED)
    accounts = list(Account.objects.filter(is_active=True))
    statistics_by_account = [
        TextStatistics(composer_for(campaign, account, text), table_of(account)) for account in accounts
    ]
    foreign: dict[str, None] = {}
    for position, recipient in enumerate(recipients, start=1):
        for statistics in statistics_by_account:
            composed = statistics.composer.compose(recipient)
            foreign.update(dict.fromkeys(gsm.unsupported(composed.message.text)))
            statistics.add(recipient, composed, position)
    return [
        _check(campaign, account, statistics, included, "".join(foreign), now)
        for account, statistics in zip(accounts, statistics_by_account, strict=True)
    ]


def group_alike(checks: Iterable[AccountCheck]) -> list[list[AccountCheck]]:
    """Group the checks that say the same about one provider, in the order of the first of each group."""
    groups: dict[tuple[Any, ...], list[AccountCheck]] = {}
    for check in checks:
        groups.setdefault(check.summary, []).append(check)
    return list(groups.values())


def choose_account(campaign: Campaign, account: Account, user: Any) -> None:
    """Send a draft through ``account``, with its provider's default options. Raises Refusal."""
    require_permission(user, "campaigns.change_campaign")
    if not account.is_active:
        raise Refusal("account_inactive", f"The account {account} is not active. Choose another one.")
    with transaction.atomic():
        draft = Campaign.objects.select_for_update().filter(pk=campaign.pk, status=Campaign.Status.DRAFT).first()
        if draft is None:
            raise Refusal("no_draft", f"{campaign} is no longer a draft. Nothing was changed.")
        Campaign.objects.filter(pk=draft.pk).update(
            account=account,
            options=options_for(draft, account),
            is_early=draft.is_early and account.adapter.starts_later,
            problems=[],
            reason="",
            sentence="",
        )
        draft.editors.add(user)


def ask_for_quote(campaign: Campaign, account: Account) -> str:
    """Ask the account's provider for the price of the first recipient's text, and return the provider's own words.

    Nobody is texted. Raises Refusal, also when the provider cannot be asked, or Trouble.
    """
    text = bound_text_of(campaign)
    recipient = next(draft_recipients(campaign, text, 0, 1), None)
    if recipient is None:
        raise Refusal("empty_audience", "Nobody is left to text, so there is no price to ask for.")
    with account_slot(account) as slot:
        if slot is None:
            raise Refusal("busy", BUSY)
        with connect(account) as remote:
            composer = composer_for(campaign, account, text)
            price = account.adapter.quote(remote, composer.spec, composer.message(recipient))
    if price is None:
        raise Refusal("no_quote", f"{account} gives no price for this text. If it refuses the text, fix that first.")
    return price


def composer_for(campaign: Campaign, account: Account, text: Text) -> Composer:
    """The composer of the campaign's messages, if it went through this account. Baton itself waits for a start that the
    provider cannot hold.
    """
    spec = CampaignSpec(
        template="",
        sender=campaign.sender,
        start_at=campaign.start_at if campaign.is_early and account.adapter.starts_later else None,
        end_at=campaign.end_at,
        options=options_for(campaign, account),
        account=account.settings,
    )
    return Composer(text, account.adapter, spec, campaign.letters)


def options_for(campaign: Campaign, account: Account) -> dict[str, Any]:
    """The campaign's own options if its account is with the same provider, else the provider's default ones."""
    if campaign.account_id and campaign.account.provider == account.provider:
        return dict(campaign.options)
    return usual_options(account)


def usual_options(account: Account) -> dict[str, Any]:
    """The default options of the account's provider."""
    form = account.adapter.OptionsForm()
    filled = account.adapter.OptionsForm(
        {name: form.get_initial_for_field(option, name) for name, option in form.fields.items()}
    )
    filled.is_valid()
    return filled.cleaned_data


def _check(
    campaign: Campaign, account: Account, statistics: TextStatistics, included: int, foreign: str, now: datetime
) -> AccountCheck:
    measured = statistics.result()
    problems = statistics.composer.adapter.spec_problems(statistics.composer.spec)
    early = ""
    if campaign.is_early:
        early, refusal = _early_delivery(account, campaign.start_at, now)
        problems = [*problems, *refusal]
    named = " ".join(sentence for _, sentence in measured.reasons.values())
    at_fault = [character for problem in measured.problems for character in problem["characters"]]
    return AccountCheck(
        account=account,
        included=included,
        measured=measured,
        files=math.ceil(included / account.adapter.limits.rows),
        foreign=_list_characters(foreign),
        further=_list_characters(
            character for character in at_fault if _may_be_unsupported(character) and character not in named
        ),
        # With this option chosen, even a text that needs no Unicode goes as Unicode.
        is_unicode=statistics.composer.adapter.measure(statistics.composer.spec, "a").alphabet != "gsm",
        rehearsal=statistics.composer.adapter.rehearsal(statistics.composer.spec),
        early=early,
        has_quote=type(account.adapter).quote is not BaseAdapter.quote,
        is_chosen=campaign.account_id == account.pk,
        spec_problems=problems,
    )


def _may_be_unsupported(character: str) -> bool:
    """Whether an alphabet may lack a character. A problem with a whole word lists plain letters, which none lacks."""
    return not character.isascii() or bool(gsm.unsupported(character))


def _list_characters(characters: Iterable[str]) -> str:
    """The first characters, each once. Invisible ones are shown by their code point."""
    distinct = list(dict.fromkeys(characters))
    shown = [character if character.isprintable() else f"U+{ord(character):04X}" for character in distinct[:NAMED]]
    more = [f"and {len(distinct) - NAMED} more"] if len(distinct) > NAMED else []
    return " ".join(shown + more)


def _early_delivery(account: Account, start_at: datetime | None, now: datetime) -> tuple[str, list[Problem]]:
    if not account.adapter.starts_later:
        return "The provider cannot hold the files until the start, so Baton holds them until then.", []
    try:
        refuse_early(account, start_at, now)
    except Refusal as refusal:
        return "", [Problem(refusal.code, refusal.sentence, "start_at")]
    return "The provider holds the files until the start. They cannot be recalled, and later opt-outs do not count.", []
