"""Texts that people sent back."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from campaigns.statuses import ReplyAction, ReplySource


class Reply(models.Model):
    """A text that a person sent back, with the bytes that the provider gave us as proof."""

    Action = ReplyAction
    Source = ReplySource

    account = models.ForeignKey("providers.Account", on_delete=models.PROTECT, related_name="replies")
    #: Digits with the country code; "" if ``phone`` is not a number that can be texted.
    msisdn = models.CharField("number", max_length=15, blank=True, db_index=True)
    phone = models.CharField(max_length=60, help_text="The sender as the provider gave it.")
    text = models.TextField(blank=True)
    received_at = models.DateTimeField(null=True, blank=True, help_text="The provider's time.")
    recorded_at = models.DateTimeField()
    provider_ref = models.CharField(max_length=100, blank=True)
    #: Equal for the same reply: see results.replies.
    fingerprint = models.CharField(max_length=64)
    source = models.CharField(max_length=6, choices=ReplySource)
    action = models.CharField(max_length=9, choices=ReplyAction)
    #: Who read the reply or opted the number out; None if Baton did it by itself.
    acted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acted_at = models.DateTimeField(null=True, blank=True)
    raw = models.BinaryField(default=b"")
    #: When the sender, the text and the bytes were erased.
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "replies"
        constraints = (
            models.UniqueConstraint(fields=("account", "fingerprint"), name="a_reply_is_recorded_once"),
            models.CheckConstraint(name="reply_action_is_known", condition=Q(action__in=ReplyAction.values)),
            models.CheckConstraint(name="reply_source_is_known", condition=Q(source__in=ReplySource.values)),
        )
        indexes = (models.Index(fields=("action", "-id"), name="replies_newest_first"),)

    def __str__(self) -> str:
        return f"reply {self.pk}"


class ReplyAddress(models.Model):
    """The secret address to which a provider pushes the replies of one account."""

    account = models.OneToOneField("providers.Account", on_delete=models.CASCADE, related_name="reply_address")
    #: The hash by which a push finds its account, and the token itself, encrypted, to show to administrators.
    token_hash = models.CharField(max_length=64, unique=True)
    token = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        verbose_name_plural = "reply addresses"

    def __str__(self) -> str:
        return f"reply address of {self.account}"
