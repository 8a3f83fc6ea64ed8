"""How letters that the provider lacks are handled."""

from campaigns.forms.steps import StepForm
from campaigns.models import Campaign


class LettersForm(StepForm):
    """How letters that the provider lacks are handled."""

    class Meta:
        model = Campaign
        fields = ()
