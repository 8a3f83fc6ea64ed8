"""Which account a draft should go through: what each would do with it, the choice, and what one would charge."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.audience import CHECKED, Measured, Scale, count_reasons, draft_recipients, refuse_early, usable_text
from campaigns.lifecycle import Refusal, may
from campaigns.models import Campaign
from campaigns.orders import message_of
from campaigns.texts import Text
from contacts.models import ContactList
from providers import gsm
from providers.base import BaseAdapter, Objection, Order
from providers.checking import BUSY
from providers.connections import connect
from providers.locks import account_slot
from providers.models import Account


@dataclass
class AccountVerdict:
    """What one account would do with a draft.

    ``measured`` counts the texts that were looked at. ``files`` is the least number of them for all ``included``
    recipients. ``foreign`` shows the first characters that make texts Unicode, ``further`` those that are refused and
    not named in ``refused``. ``early`` says what handing over early would mean, ``""`` where nobody asks for it.
    """

    account: Account
    included: int
    measured: Measured
    files: int
    foreign: str
    further: str
    early: str
    has_quote: bool
    is_chosen: bool
    order_objections: list[Objection] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether every text was looked at, not only the first."""
        return self.measured.included == self.included

    @property
    def histogram(self) -> list[tuple[int, int]]:
        return sorted(self.measured.histogram.items())

    @property
    def refused(self) -> list[tuple[int, str]]:
        """How many texts are refused and the first sentence why, by reason, the most frequent first."""
        return _first_reasons(self.measured)


def verdicts(campaign: Campaign, now: datetime, lists: list[ContactList] | None = None) -> list[AccountVerdict]:
    """What each active account would do with a draft, saved or not; asks no provider.

    The first recipients' texts are looked at once for all accounts. ``lists`` are those of a draft that is not saved.
    Raises Refusal where the text or the lists cannot be used.
    """
    lists = campaign.ordered_lists() if lists is None else lists
    text = usable_text(campaign.text, lists)
    included = count_reasons(lists, text)[""]
    accounts = list(Account.objects.filter(is_active=True))
    scales = [Scale(account.adapter, order_for(campaign, account, text)) for account in accounts]
    foreign: dict[str, None] = {}
    for recipient in draft_recipients(lists, text, 0, CHECKED):
        message = message_of(text, recipient)
        foreign.update(dict.fromkeys(gsm.unsupported(message.text)))
        for scale in scales:
            scale.weigh(recipient, message)
    return [
        _verdict(campaign, account, scale, included, "".join(foreign), now)
        for account, scale in zip(accounts, scales, strict=True)
    ]


def choose(campaign: Campaign, account: Account, user: Any) -> None:
    """Let a draft go through ``account``, with its provider's usual options. Raises Refusal."""
    may(user, "campaigns.change_campaign")
    if not account.is_active:
        raise Refusal("account_inactive", f"The account {account} is not active. Choose another one.")
    with transaction.atomic():
        draft = Campaign.objects.select_for_update().filter(pk=campaign.pk, status="draft").first()
        if draft is None:
            raise Refusal("no_draft", f"{campaign} is not a draft any more. Nothing was changed.")
        Campaign.objects.filter(pk=draft.pk).update(
            account=account,
            options=options_for(draft, account),
            is_early=draft.is_early and account.adapter.starts_later,
            problems=[],
            reason="",
            sentence="",
        )
        draft.editors.add(user)


def quote(campaign: Campaign, account: Account) -> str:
    """Ask the account's provider what the text of the first recipient would cost; return its own words.

    Nobody is texted by it. Raises Refusal, also where the provider cannot be asked, or Trouble.
    """
    lists = campaign.ordered_lists()
    text = usable_text(campaign.text, lists)
    recipient = next(draft_recipients(lists, text, 0, 1), None)
    if recipient is None:
        raise Refusal("empty_audience", "Nobody is left to text, so there is nothing to ask a price for.")
    with account_slot(account) as slot:
        if slot is None:
            raise Refusal("busy", BUSY)
        with connect(account) as remote:
            said = account.adapter.quote(remote, order_for(campaign, account, text), message_of(text, recipient))
    if said is None:
        raise Refusal("no_quote", f"{account} gives no price for this text. If it refuses the text, mend that first.")
    return said


def order_for(campaign: Campaign, account: Account, text: Text) -> Order:
    """What the campaign would ask of this account's adapter. A start it cannot keep stays with Baton."""
    return Order(
        template=text.bare,
        sender=campaign.sender,
        start_at=campaign.start_at if campaign.is_early and account.adapter.starts_later else None,
        end_at=campaign.end_at,
        options=options_for(campaign, account),
        account=account.settings,
    )


def options_for(campaign: Campaign, account: Account) -> dict[str, Any]:
    """The campaign's own options where its account is with the same provider, else the provider's usual ones."""
    if campaign.account_id and campaign.account.provider == account.provider:
        return dict(campaign.options)
    return usual_options(account)


def usual_options(account: Account) -> dict[str, Any]:
    """What the options of the account's provider are when nobody changes them."""
    form = account.adapter.OptionsForm()
    filled = account.adapter.OptionsForm(
        {name: form.get_initial_for_field(option, name) for name, option in form.fields.items()}
    )
    filled.is_valid()
    return filled.cleaned_data


def _verdict(
    campaign: Campaign, account: Account, scale: Scale, included: int, foreign: str, now: datetime
) -> AccountVerdict:
    measured = scale.result()
    objections = scale.adapter.order_objections(scale.order)
    early = ""
    if campaign.is_early:
        early, refusal = _early(account, campaign.start_at, now)
        objections = [*objections, *refusal]
    named = " ".join(sentence for _, sentence in _first_reasons(measured))
    at_fault = [character for problem in measured.objections for character in problem["characters"]]
    return AccountVerdict(
        account=account,
        included=included,
        measured=measured,
        files=math.ceil(included / account.adapter.limits.rows),
        foreign=_shown(foreign),
        further=_shown(character for character in at_fault if character not in named),
        early=early,
        has_quote=type(account.adapter).quote is not BaseAdapter.quote,
        is_chosen=campaign.account_id == account.pk,
        order_objections=objections,
    )


def _first_reasons(measured: Measured) -> list[tuple[int, str]]:
    return sorted(measured.reasons.values(), reverse=True)[:3]


def _shown(characters: Iterable[str]) -> str:
    return " ".join(list(dict.fromkeys(characters))[:20])


def _early(account: Account, start_at: datetime | None, now: datetime) -> tuple[str, list[Objection]]:
    if not account.adapter.starts_later:
        return "It cannot keep the files until the start, so Baton holds them until then.", []
    try:
        refuse_early(account, start_at, now)
    except Refusal as refusal:
        return "", [Objection(refusal.code, refusal.sentence, "start_at")]
    return "It keeps the files until the start. They cannot be recalled, and later opt-outs do not count.", []
