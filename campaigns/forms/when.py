"""The allowed hours, the pace and the canary of a draft."""

from campaigns.forms.steps import StepForm
from campaigns.models import Campaign


class WhenForm(StepForm):
    """The allowed hours, the pace and the canary of a draft."""

    class Meta:
        model = Campaign
        fields = ()
