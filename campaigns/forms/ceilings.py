"""The most that a draft may cost."""

from campaigns.forms.steps import StepForm
from campaigns.models import Campaign


class CeilingsForm(StepForm):
    """The most that a draft may cost."""

    class Meta:
        model = Campaign
        fields = ()
