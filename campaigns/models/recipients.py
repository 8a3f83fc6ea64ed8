"""The frozen people of a campaign."""

from django.db import models
from django.db.models import BigIntegerField, Case, F, Q, Value, When

from campaigns.models.campaigns import Campaign
from campaigns.querysets import RecipientQuerySet
from campaigns.statuses import ExcludedReason
from contacts.fields import VALUE_FIELDS
from contacts.pseudonyms import is_pseudonym


class PersonData(models.Model):
    """What a campaign copies of a contact."""

    list_id = models.BigIntegerField()
    contact_id = models.BigIntegerField()
    msisdn = models.CharField(max_length=15)
    customer_id = models.CharField(max_length=100, blank=True)
    value1 = models.TextField(blank=True)
    value2 = models.TextField(blank=True)
    value3 = models.TextField(blank=True)
    value4 = models.TextField(blank=True)
    value5 = models.TextField(blank=True)
    value6 = models.TextField(blank=True)
    message = models.TextField(blank=True)

    class Meta:
        abstract = True

    @property
    def is_erased(self) -> bool:
        """Whether keyed hashes stand for the number and the fields: see contacts.pseudonyms."""
        return is_pseudonym(self.msisdn)

    def values(self) -> dict[str, str]:
        """``value1``..``value6`` of this person."""
        return {field: getattr(self, field) for field in VALUE_FIELDS}


class Recipient(PersonData):
    """The frozen copy of one person: after the freeze only ``batch_number`` and ``excluded_reason`` are written."""

    Excluded = ExcludedReason

    # Two indexes begin with it, so that it needs none of its own.
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="recipients", db_index=False)
    excluded_reason = models.CharField(max_length=20, blank=True, choices=Excluded)
    batch_number = models.PositiveIntegerField(null=True, blank=True)

    objects = RecipientQuerySet.as_manager()

    class Meta:
        ordering = ("id",)
        constraints = (
            # A number is included once; those who are excluded differ by their ids. So one index is unique, and holds
            # all recipients in the order of their numbers.
            models.UniqueConstraint(
                "campaign",
                "msisdn",
                Case(When(excluded_reason="", then=Value(0)), default=F("id"), output_field=BigIntegerField()),
                name="nobody_is_texted_twice_in_a_campaign",
            ),
            models.CheckConstraint(
                name="excluded_reason_is_known", condition=Q(excluded_reason__in=["", *ExcludedReason.values])
            ),
            models.CheckConstraint(
                name="nobody_excluded_is_in_a_batch", condition=Q(excluded_reason="") | Q(batch_number__isnull=True)
            ),
        )
        indexes = (
            # No index has the number of the batch: PostgreSQL then puts recipients into a batch without writing any.
            # Batches and campaigns say between which numbers to look instead.
            models.Index(
                fields=("campaign", "excluded_reason", "msisdn"),
                condition=~Q(excluded_reason=""),
                name="recipient_by_reason",
            ),
            models.Index(fields=("msisdn", "-id"), name="recipient_of_anything"),
        )

    def __str__(self) -> str:
        return f"recipient {self.pk}"


class CampaignPerson(PersonData):
    """A person of a follow-up or a test handover, chosen without a list; the freeze copies it to a Recipient.

    A row may be corrected while its campaign is a draft: the number, a value, the customer ID or the own text.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="people")
    #: The recipient of an earlier campaign of the chain who is texted again; None in a test handover.
    recipient = models.ForeignKey(Recipient, null=True, blank=True, on_delete=models.PROTECT, related_name="repeats")
    #: Why the person got no text: the provider's code and the sentence about it.
    code = models.CharField(max_length=60, blank=True)
    reason = models.TextField(blank=True)
    is_corrected = models.BooleanField(default=False)

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "campaign people"
        indexes = (models.Index(fields=("campaign", "msisdn"), name="campaign_person_by_number"),)

    def __str__(self) -> str:
        return f"person {self.pk}"
