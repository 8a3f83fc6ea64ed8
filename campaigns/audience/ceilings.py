"""The most that a campaign may cost, in parts and in money."""

from campaigns.models import Campaign
from contacts.errors import Refusal
from providers.prices import Cost


def above_ceiling(campaign: Campaign, parts: int, cost: Cost | None) -> list[tuple[str, str]]:
    """The field and a sentence for each ceiling that is exceeded, or that cannot be checked without prices."""
    found = []
    if campaign.parts_ceiling is not None and parts > campaign.parts_ceiling:
        sentence = f"The texts need {parts:,} parts, and at most {campaign.parts_ceiling:,} are allowed."
        found.append(("parts_ceiling", sentence))
    if campaign.cost_ceiling is None:
        return found
    if cost is None:
        sentence = (
            f"At most {campaign.cost_ceiling:,} may be spent, but {campaign.account} has no prices. Ask an"
            " administrator to enter them, or remove the limit."
        )
    elif cost.amount > campaign.cost_ceiling:
        sentence = (
            f"The texts cost {cost.currency} {cost.amount:,}, and at most {cost.currency} {campaign.cost_ceiling:,} may"
            " be spent."
        )
    elif cost.unpriced:
        sentence = (
            f"At most {cost.currency} {campaign.cost_ceiling:,} may be spent, but {campaign.account} has no price for"
            f" {cost.unpriced:,} of the numbers."
        )
    else:
        return found
    return [*found, ("cost_ceiling", sentence)]


def refuse_above_ceiling(campaign: Campaign, parts: int, cost: Cost | None) -> None:
    """Raise Refusal ``above_ceiling`` if a ceiling of the campaign is exceeded or cannot be checked."""
    if found := above_ceiling(campaign, parts, cost):
        raise Refusal("above_ceiling", " ".join(sentence for _, sentence in found))
