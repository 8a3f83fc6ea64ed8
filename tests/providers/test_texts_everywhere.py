"""Whatever people write, they read it in the preview as the provider's own reading of the file has it.

For each provider, and for each choice about letters that it lacks: the text of the preview is the text that an
independent reading of the rendered file finds, and its parts are what that reading and smsutil count.
``TEXTS`` is how many texts are compared; ``make proof`` compares 100,000.
"""

import os
import random
from dataclasses import dataclass
from typing import Any

import pytest
from smsutil import split

from campaigns.audience.spec import Composer
from campaigns.audience.statistics import TextStatistics
from campaigns.audience.texts import compile_text, has_literal_field
from campaigns.models import Recipient
from contacts.errors import Refusal
from providers import gsm, registry
from providers.base import BaseAdapter, CampaignSpec
from providers.prices import PriceTable
from tests.providers.read_back import read_back

TEXTS = int(os.environ.get("TEXTS", "2000"))
#: Recipients that share a campaign, and so a file.
TOGETHER = 25

_TYPED = (
    "Hi Thandi Zoë Łukasz François Nguyễn Straße Æsop O’Brien Иван 李雷 🎉 café e\u0301 soft\u00adhyphen R250 5€ 20% 1½"
    ' 10² £5 ₹99 \u200b \u00a0 #field1# #field ##1 field1# @ @@ @@value1@@ @@@ @@x a@b.example "quoted" \\ \\n a,b;c|d'
    " to:278 csv:1 text: api_id:1 = & + %41 {ok} [ok] ~ ^ ' ` … – — “x” « » Δ Ω ＠＠ ＃field1#"
)
_WORDS = [*_TYPED.split(" "), " ", "  ", "\n", "\n\n", "\t", "", "x" * 60, "y" * 90, "€" * 40, "ë" * 30]
_LITERALS = [word for word in _WORDS if "@@" not in word]
_FIELDS = [
    "@@value1@@", "@@value2@@", "@@value1|friend@@", "@@value2|@@", "@@value3|Zoë ’@@", "@@value1|you@@", "@@value3@@",
]  # fmt: skip
_OPTIONS: dict[str, list[dict[str, Any]]] = {
    "smsportal": [{}],
    "gatewayapi": [{}, {"encoding": "cp1252"}, {"encoding": "excel"}],
    "clickatell": [{}, {"charset": "utf-8"}, {"unicode": True}, {"concat": 8}],
    "bulksms": [{}, {"alphabet": "16bit"}, {"max_parts": 10}],
}


@dataclass
class Seen:
    """How many texts were compared, and how many of them were replaced or have several parts."""

    compared: int = 0
    replaced: int = 0
    long: int = 0


@pytest.mark.parametrize("slug", sorted(_OPTIONS))
def test_preview_file_and_ledger_have_the_same_text_and_parts(slug: str) -> None:
    adapter, chance, seen = registry.adapter(slug), random.Random(f"texts of {slug}"), Seen()
    while seen.compared < TEXTS / len(_OPTIONS):
        try:
            _try_one_campaign(adapter, chance, seen)
        except Refusal:
            # The text has two at signs that do not belong to a field.
            continue
    assert seen.replaced > TEXTS / 100
    assert seen.long > TEXTS / 500


def _try_one_campaign(adapter: BaseAdapter, chance: random.Random, seen: Seen) -> None:
    text = compile_text(_words(chance, [*_LITERALS, *_FIELDS, *_FIELDS], 10))
    choice = chance.choice(("refuse", "replace", "skip", "replace_or_skip"))
    chosen = chance.choice(_OPTIONS[adapter.slug])
    defaults = {name: each.initial for name, each in adapter.OptionsForm.base_fields.items()}
    composer = Composer(text, adapter, CampaignSpec("", "", options=defaults | chosen), choice)
    statistics = TextStatistics(composer, PriceTable({}))
    messages = []
    for number in range(TOGETHER):
        recipient = _recipient(chance, number)
        if not recipient.message and not all(getattr(recipient, name) for name in text.required):
            continue
        composed = composer.compose(recipient)
        statistics.add(recipient, composed, number + 1)
        message = composed.message
        if composed.excluded:
            continue
        if adapter.problems(composer.spec, message) or has_literal_field(message.text):
            assert choice != "replace_or_skip" or not composer.lacking(message.text)
            continue
        assert composer.message(recipient) == message
        if "replace" not in choice or not composer.lacking(composer.written(recipient)):
            assert message.text == composer.written(recipient)
        seen.replaced += message.text != composer.written(recipient)
        messages.append(message)
    if not messages:
        return
    payload = adapter.render("c1-b1-g1-0a1b2c3d", 7, composer.spec, messages)
    found = read_back(adapter.slug, payload, str(chosen.get("charset", "latin-1")))
    assert {msisdn: text for msisdn, (text, _) in found.items()} == {m.msisdn: m.text for m in messages}
    for message in messages:
        measured = adapter.measure(composer.spec, message.text)
        assert measured.parts == found[message.msisdn][1], message.text
        _compare_with_smsutil(adapter, composer.spec, message.text, measured)
        seen.compared += 1
        seen.long += measured.parts > 1


def _compare_with_smsutil(adapter: BaseAdapter, spec: CampaignSpec, text: str, measured: gsm.Measure) -> None:
    """smsutil knows no line break of two characters, and no alphabet that is chosen for a text that needs none."""
    if adapter.limits.newline_units == 1 and measured.alphabet == gsm.measure(text).alphabet:
        assert measured.parts == len(split(text).parts), text


def _recipient(chance: random.Random, number: int) -> Recipient:
    values = {f"value{n}": _words(chance, _WORDS, 2) if chance.random() < 0.8 else "" for n in (1, 2, 3)}
    message = _words(chance, _WORDS, 12) if chance.random() < 0.15 else ""
    return Recipient(pk=number + 1, msisdn=str(27825550100 + number), message=message, **values)


def _words(chance: random.Random, words: list[str], most: int) -> str:
    return chance.choice(("", " ")).join(chance.choice(words) for _ in range(chance.randint(1, most)))
