"""An account: a login at a provider."""

from typing import Any

from auditlog.registry import auditlog
from django import forms
from django.db import models
from django.urls import reverse
from django.utils import timezone

from providers import registry, vault
from providers.base import BaseAdapter


class Account(models.Model):
    """A login at one provider; its secrets are stored encrypted and never shown again."""

    name = models.CharField(max_length=100, unique=True, help_text="The name of this account in Baton.")
    provider = models.CharField(max_length=40, editable=False)
    settings = models.JSONField(default=dict, editable=False)
    secrets = models.TextField(default="", blank=True, editable=False)
    host_key = models.TextField(
        default="", blank=True, editable=False, help_text="The server's confirmed key, as type and base64."
    )
    is_active = models.BooleanField("active", default=True, help_text="Only active accounts are offered to campaigns.")
    files_an_hour = models.PositiveIntegerField(
        "most files an hour", null=True, blank=True, help_text="Counted over all hosts; empty: as many as are due."
    )
    stopped_at = models.DateTimeField(null=True, blank=True, editable=False)
    stopped_code = models.CharField(max_length=60, default="", blank=True, editable=False)
    stopped_sentence = models.TextField(default="", blank=True, editable=False)
    currency = models.CharField(max_length=3, default="", blank=True, help_text="Of its prices, such as ZAR.")
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    check_result = models.JSONField(default=list, blank=True, editable=False)
    #: When the provider was last polled for a file; the apps that poll write it.
    polled_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        permissions = [
            ("test_account", "Can test the connection of an account"),
            ("open_folder", "Can see the files in an account's folder at the provider"),
            ("switch_sandbox_faults", "Can switch the sandbox's faults on and off"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("providers:account", args=[self.pk])

    @property
    def adapter(self) -> BaseAdapter:
        """The provider's adapter. Raises registry.UnknownProvider if there is none any more."""
        return registry.adapter(self.provider)

    @property
    def host(self) -> str:
        return self.adapter.host(self.settings)

    @property
    def login(self) -> str:
        return self.adapter.login(self.settings)

    @property
    def is_stopped(self) -> bool:
        return self.stopped_at is not None

    def open_settings(self) -> dict[str, Any]:
        """Return what a transport needs: the settings, the decrypted secrets, and ``host_key``.

        Keep it in memory only. Raises vault.VaultError if the secrets cannot be decrypted.
        """
        return {**self.settings, **vault.decrypt(self.secrets), "host_key": self.host_key}

    def save_settings(self, cleaned_data: dict[str, Any]) -> None:
        """Store the cleaned data of the adapter's SettingsForm and save; password fields go into the secrets.

        A blank password keeps the stored one. A changed host clears the pinned key, because another host has another
        key.
        """
        fields = self.adapter.SettingsForm.base_fields
        secret_names = {name for name, field in fields.items() if isinstance(field.widget, forms.PasswordInput)}
        before = self.host if self.settings else ""
        self.settings = {name: cleaned_data[name] for name in fields if name not in secret_names}
        secrets = vault.decrypt(self.secrets)
        changed = {name: cleaned_data[name] for name in secret_names if cleaned_data.get(name)}
        # Encrypted again, the same secrets are another text, which the audit trail would record as a change.
        if changed or not self.secrets:
            self.secrets = vault.encrypt({**secrets, **changed})
        if before and self.host != before:
            self.host_key = ""
        self.save()

    def stop(self, code: str, sentence: str) -> bool:
        """Stop the account: nothing is handed over until a passed test starts it again.

        An account that is already stopped keeps its first reason. Returns whether this call stopped it.
        """
        stopped = Account.objects.filter(pk=self.pk, stopped_at=None).update(
            stopped_at=timezone.now(), stopped_code=code, stopped_sentence=sentence
        )
        self.refresh_from_db(fields=["stopped_at", "stopped_code", "stopped_sentence"])
        return stopped == 1

    def start(self) -> bool:
        """Start a stopped account again. Returns whether it was stopped."""
        started = (
            Account.objects.filter(pk=self.pk)
            .exclude(stopped_at=None)
            .update(stopped_at=None, stopped_code="", stopped_sentence="")
        )
        self.refresh_from_db(fields=["stopped_at", "stopped_code", "stopped_sentence"])
        return started == 1


class Price(models.Model):
    """What one part to numbers that start with ``prefix`` costs, in the currency of the account."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="prices")
    #: Digits of a msisdn; "" is the price for every other number. The longest prefix that fits counts.
    prefix = models.CharField(max_length=10, blank=True)
    per_part = models.DecimalField(max_digits=10, decimal_places=5)

    class Meta:
        ordering = ("account", "prefix")
        constraints = (
            models.UniqueConstraint(fields=("account", "prefix"), name="an_account_has_one_price_for_a_prefix"),
        )

    def __str__(self) -> str:
        return f"{self.prefix or 'others'}: {self.per_part}"


class KeyFingerprint(models.Model):
    """Which keys, journal directory and files this database is used with; written by providers.keys and identity."""

    name = models.CharField(max_length=20, unique=True)
    fingerprint = models.CharField(max_length=64)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


auditlog.register(
    Account,
    include_fields=[*("name", "provider", "settings", "secrets", "host_key", "is_active", "files_an_hour", "currency")],
    mask_fields=["secrets"],
)
auditlog.register(Price, include_fields=["account", "prefix", "per_part"])
