"""The most that a campaign may cost, in parts and in money."""

from campaigns.models import Campaign
from contacts.errors import Refusal
from providers.prices import Cost


def above_ceiling(campaign: Campaign, parts: int, cost: Cost | None) -> list[str]:
    """A sentence for each ceiling of the campaign that is exceeded, or that cannot be checked without prices."""
    found = []
    if campaign.parts_ceiling is not None and parts > campaign.parts_ceiling:
        found.append(f"The texts need {parts:,} parts, and at most {campaign.parts_ceiling:,} are allowed.")
    if campaign.cost_ceiling is None:
        return found
    if cost is None:
        found.append(
            f"At most {campaign.cost_ceiling:,} may be spent, but {campaign.account} has no prices. Ask an"
            " administrator to enter them, or remove the limit."
        )
    elif cost.amount > campaign.cost_ceiling:
        found.append(
            f"The texts cost {cost.currency} {cost.amount:,}, and at most {cost.currency} {campaign.cost_ceiling:,} may"
            " be spent."
        )
    elif cost.unpriced:
        found.append(
            f"At most {cost.currency} {campaign.cost_ceiling:,} may be spent, but {campaign.account} has no price for"
            f" {cost.unpriced:,} of the numbers."
        )
    return found


def refuse_above_ceiling(campaign: Campaign, parts: int, cost: Cost | None) -> None:
    """Raise Refusal ``above_ceiling`` if a ceiling of the campaign is exceeded or cannot be checked."""
    if sentences := above_ceiling(campaign, parts, cost):
        raise Refusal("above_ceiling", " ".join(sentences))
