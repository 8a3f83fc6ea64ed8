"""A campaign, the lists it was given, and its history."""

from datetime import timedelta
from typing import Any

from auditlog.registry import auditlog
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from campaigns.models.templates import Template
from campaigns.statuses import ACTIVE, CampaignKind, CampaignStatus, CanaryRelease, LettersChoice
from contacts.fields import VALUE_FIELDS


def default_patience() -> timedelta:
    """How late a start may be before a person must decide."""
    return settings.START_PATIENCE


#: Only a draft, or a draft that was cancelled, may have no account. Passed like this, so that the type checker lets
#: everything beyond a draft rely on it; the constraint ``only_a_draft_has_no_account`` holds it.
_NONE_IN_A_DRAFT: dict[str, Any] = {"null": True, "blank": True}


class Campaign(models.Model):
    """One text to one audience through one account."""

    Status = CampaignStatus
    Kind = CampaignKind

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.REGULAR, editable=False)
    name = models.CharField(max_length=100)
    account = models.ForeignKey(
        "providers.Account", on_delete=models.PROTECT, related_name="campaigns", **_NONE_IN_A_DRAFT
    )
    lists = models.ManyToManyField(
        "contacts.ContactList",
        through="CampaignList",
        through_fields=("campaign", "contact_list"),
        related_name="campaigns",
    )
    not_texted_for_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="People who were texted more recently are excluded."
    )
    #: The campaign whose recipients this one texts again; its people are CampaignPerson rows instead of lists.
    follows = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="follow_ups", editable=False
    )
    #: The first campaign of the chain of follow-ups; None for a campaign that follows none.
    chain_root = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="chain", editable=False
    )
    #: The campaign whose text a test handover tries; its people are CampaignPerson rows instead of lists.
    test_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="tests", editable=False
    )
    template = models.ForeignKey(Template, null=True, blank=True, on_delete=models.SET_NULL, related_name="campaigns")
    #: The number of the template's version that was copied.
    template_version = models.PositiveIntegerField(null=True, blank=True, editable=False)
    text = models.TextField(blank=True)
    #: What the fields of the text were called when it was written: see campaigns.audience.binding.
    text_labels = models.JSONField(default=dict, blank=True, editable=False)
    #: What looks like a field of another program, such as {name}, and is meant as it stands.
    confirmed_literals = models.JSONField(default=list, blank=True, editable=False)
    #: What happens to letters that the provider lacks.
    letters = models.CharField(max_length=16, choices=LettersChoice, default=LettersChoice.REFUSE)
    sender = models.CharField(max_length=16, blank=True)
    start_at = models.DateTimeField(null=True, blank=True, help_text="Empty means the moment of approval.")
    end_at = models.DateTimeField(null=True, blank=True)
    is_early = models.BooleanField(default=False, help_text="The provider holds the file until the start.")
    options = models.JSONField(default=dict, blank=True)
    #: When people may be texted; {} means at any time. See campaigns.audience.windows.
    window = models.JSONField(default=dict, blank=True, editable=False)
    parts_ceiling = models.PositiveIntegerField(null=True, blank=True)
    #: In the currency of the account.
    cost_ceiling = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    pace = models.PositiveIntegerField(null=True, blank=True, help_text="At most this many recipients an hour.")
    canary = models.PositiveIntegerField(
        null=True, blank=True, help_text="Only this many recipients first; the others wait."
    )
    canary_waits_for = models.CharField(max_length=10, choices=CanaryRelease, default=CanaryRelease.PERSON)
    canary_released_at = models.DateTimeField(null=True, blank=True, editable=False)
    patience = models.DurationField(default=default_patience)

    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    reason = models.CharField(max_length=40, blank=True, editable=False)
    sentence = models.TextField(blank=True, editable=False)
    alarm = models.TextField(blank=True, editable=False)

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    editors = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, editable=False, related_name="+")

    frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    frozen_at = models.DateTimeField(null=True, blank=True, editable=False)
    audience_digest = models.CharField(max_length=64, blank=True, editable=False)
    #: {"selected", "excluded": {reason: n}, "included", "parts", "histogram": {parts: n}, "least", "typical", "most",
    #: "longest": [ids], "text_faults": {code: n}, "expensive": {character: [texts, additional parts]}, "letters":
    #: {field: {character: people}}, "kinds": {kind: [people, ids of the first]}, "cost": {"amount": "1234.50",
    #: "currency", "unpriced"}}; without "cost" if the account had no prices. See campaigns.audience.statistics.
    counts = models.JSONField(default=dict, blank=True, editable=False)
    #: Why a freeze was refused, the first hundred: [{"msisdn", "code", "sentence"}]
    problems = models.JSONField(default=list, blank=True, editable=False)
    freeze_progress = models.PositiveIntegerField(default=0, editable=False)
    #: How many people the freeze copies, excluded ones included; 0 until that is counted.
    freeze_total = models.PositiveIntegerField(default=0, editable=False)

    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    approved_at = models.DateTimeField(null=True, blank=True, editable=False)
    approval_hash = models.CharField(max_length=64, blank=True, editable=False)
    approval_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_self_approved = models.BooleanField(default=False, editable=False)

    #: When the first batch may be created: the requested start, a new start that was confirmed, or the approval if the
    #: campaign is handed over early.
    effective_start_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    resumed_at = models.DateTimeField(null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: When the next batches can be created; None means at once. Only used while ``is_staggered``.
    batches_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: When batches were last created while ``is_staggered``; patience counts from it.
    batches_made_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: Nobody with this number or a lower one waits for a batch. Blank if that is not known.
    nobody_waits_up_to = models.CharField(max_length=15, blank=True, editable=False)
    #: The recipients who wait for a batch, by when they may be texted: [[country, [zone, ...], count], ...].
    waiting_groups = models.JSONField(default=list, blank=True, editable=False)
    #: Recipients that were excluded after the freeze; each counter has the name of its reason (EXCLUDED_LATER).
    opted_out_later = models.PositiveIntegerField(default=0, editable=False)
    outside_window = models.PositiveIntegerField(default=0, editable=False)
    reached_later = models.PositiveIntegerField(default=0, editable=False)
    audited_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: When the numbers and fields of all recipients, and the bytes of files and evidence, were erased.
    recipients_erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    files_erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: The digest of the recipients since some of them were replaced by keyed hashes; "" before the first, and while all
    #: of them are being replaced. See campaigns.audience.approval.
    kept_digest = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        ordering = ("-id",)
        permissions = (
            ("approve_campaign", "Can approve a frozen campaign and confirm a new start"),
            ("release_batch", "Can release or cancel a held batch"),
            ("decide_batch", "Can decide an unclear batch"),
        )
        constraints = (
            models.CheckConstraint(name="campaign_status_is_known", condition=Q(status__in=CampaignStatus.values)),
            models.CheckConstraint(
                name="approver_did_not_freeze",
                condition=Q(approved_by__isnull=True)
                | ~Q(approved_by=F("frozen_by"))
                | Q(is_self_approved=True)
                | Q(kind=CampaignKind.TEST),
            ),
            models.CheckConstraint(
                name="only_a_draft_has_no_account",
                condition=Q(account__isnull=False) | Q(status__in=(CampaignStatus.DRAFT, CampaignStatus.CANCELLED)),
            ),
            models.CheckConstraint(
                name="a_test_belongs_to_a_campaign",
                condition=Q(kind=CampaignKind.TEST, test_of__isnull=False)
                | Q(kind=CampaignKind.REGULAR, test_of__isnull=True),
            ),
            models.CheckConstraint(
                name="a_follow_up_has_a_chain",
                condition=Q(follows__isnull=True, chain_root__isnull=True)
                | Q(follows__isnull=False, chain_root__isnull=False),
            ),
            models.UniqueConstraint(
                fields=("chain_root",),
                condition=Q(chain_root__isnull=False, status__in=ACTIVE),
                name="one_follow_up_of_a_chain_is_active",
            ),
        )
        indexes = (models.Index(fields=("status", "effective_start_at")),)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("campaigns:campaign", args=[self.pk])

    def ordered_lists(self) -> list[Any]:
        """The lists whose contacts are chosen, each once, in the chosen order."""
        rows = self.campaignlist_set.select_related("contact_list").order_by("position")
        return list(dict.fromkeys(row.contact_list for row in rows))

    @property
    def is_staggered(self) -> bool:
        """Whether not all batches are created at the start: allowed hours, a pace or a canary may hold some back."""
        return not self.is_early and bool(self.window or self.pace or self.canary)

    @property
    def is_spread(self) -> bool:
        """Whether its files go over some time: it is staggered, or its account limits the files an hour."""
        return self.is_staggered or bool(self.account and self.account.files_an_hour)

    def value_labels(self) -> dict[str, str]:
        """The value fields that its lists label, with their labels: ``{"value1": "First name"}``.

        Where lists label a field differently, the labels are joined: ``"City / Balance"``. Frozen values keep the
        labels that they were frozen with, also if a list is relabelled later.
        """
        origin = self.chain_root or self.test_of
        if origin:
            # Their people come from that campaign.
            return origin.value_labels()
        if self.counts and self.status not in (CampaignStatus.DRAFT, CampaignStatus.FREEZING):
            version = self.versions.order_by("-number").first()
            if version and "labels" in version.settings:
                frozen = version.settings["labels"]
                return {field: frozen[field] for field in VALUE_FIELDS if field in frozen}
        found: dict[str, dict[str, None]] = {}
        for contact_list in self.ordered_lists():
            for field, label in contact_list.labelled_fields().items():
                found.setdefault(field, {})[label] = None
        return {field: " / ".join(found[field]) for field in VALUE_FIELDS if field in found}


class CampaignList(models.Model):
    """A contact list chosen for a campaign, with its position in the order.

    With ``segment``, only its contacts in that segment are chosen. With ``of_campaign``, only those that were
    recipients of that campaign.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE)
    contact_list = models.ForeignKey("contacts.ContactList", on_delete=models.PROTECT)
    segment = models.ForeignKey("contacts.Segment", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    of_campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(
                fields=("campaign", "contact_list"),
                condition=Q(segment__isnull=True, of_campaign__isnull=True),
                name="a_list_is_chosen_once_in_a_campaign",
            ),
            models.UniqueConstraint(fields=("campaign", "position"), name="one_list_at_each_place_of_a_campaign"),
        )

    def __str__(self) -> str:
        return f"{self.position}. {self.name}"

    @property
    def name(self) -> str:
        """``Customers``, ``Customers: Cape Town`` or ``Recipients of October promo on Customers``."""
        if self.of_campaign:
            return f"Recipients of {self.of_campaign} on {self.contact_list}"
        return f"{self.contact_list}: {self.segment.name}" if self.segment else str(self.contact_list)


class CampaignExclusion(models.Model):
    """People who get no text of a campaign: those of a list, of a segment, or the recipients of another campaign."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="exclusions")
    contact_list = models.ForeignKey(
        "contacts.ContactList", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    segment = models.ForeignKey("contacts.Segment", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    of_campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                name="an_exclusion_names_one_thing",
                condition=Q(contact_list__isnull=False, segment__isnull=True, of_campaign__isnull=True)
                | Q(contact_list__isnull=True, segment__isnull=False, of_campaign__isnull=True)
                | Q(contact_list__isnull=True, segment__isnull=True, of_campaign__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """``Customers``, ``Customers: Cape Town`` or ``Recipients of October promo``."""
        if self.of_campaign:
            return f"Recipients of {self.of_campaign}"
        return f"{self.segment.list}: {self.segment.name}" if self.segment else str(self.contact_list)


class CampaignVersion(models.Model):
    """What was frozen once, so that an approver sees the difference to the version before."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    frozen_at = models.DateTimeField()
    frozen_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    #: The settings of the campaign by name, as they were frozen.
    settings = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    #: The msisdns that the freeze included, sorted, one a line, gzipped; only of the latest version.
    msisdns = models.FileField(max_length=200, blank=True)

    class Meta:
        ordering = ("campaign", "number")
        constraints = (
            models.UniqueConstraint(fields=("campaign", "number"), name="versions_of_a_campaign_are_numbered"),
        )

    def __str__(self) -> str:
        return f"{self.campaign}, version {self.number}"


class TestNumber(models.Model):
    """A phone that administrators keep for test handovers."""

    #: Not a test of pytest's.
    __test__ = False

    name = models.CharField(max_length=100, help_text="Whose phone it is.")
    #: Digits with the country code.
    msisdn = models.CharField("number", max_length=15, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


# What people set in a draft. campaigns.lifecycle records changes of status, campaigns.forms.recipients those of lists.
auditlog.register(
    Campaign,
    include_fields=[
        *("name", "account", "not_texted_for_days", "text", "letters", "sender", "start_at", "end_at", "is_early"),
        *("options", "window", "parts_ceiling", "cost_ceiling", "pace", "canary", "canary_waits_for", "patience"),
        *("confirmed_literals", "follows", "test_of", "kind"),
    ],
)
