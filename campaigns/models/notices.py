"""What Baton tells people about, and the exports that it makes for them."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from campaigns.models.campaigns import Campaign
from campaigns.statuses import ExportStatus, NoticeKind


class Notice(models.Model):
    """Something that one person should know, once: in Baton, and by e-mail if they chose that."""

    Kind = NoticeKind

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=20, choices=Kind)
    #: What it is about, so that one cause gives one notice: ``batch_unclear, campaign 7, event 31``.
    cause = models.CharField(max_length=100)
    campaign = models.ForeignKey(Campaign, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    sentence = models.TextField()
    #: The path of the page that it leads to.
    path = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)
    #: None until the e-mail is sent; a person who wants none has the time of creation here.
    mailed_at = models.DateTimeField(null=True, blank=True)
    #: When the e-mail is due. It is moved on before each try, so that a failure and a crash both wait for the next one.
    mail_after = models.DateTimeField()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("user", "cause"), name="one_notice_of_a_cause_for_each_person"),
            models.CheckConstraint(name="notice_kind_is_known", condition=Q(kind__in=NoticeKind.values)),
        )
        indexes = (
            models.Index(fields=("user", "-id"), name="notices_newest_first"),
            models.Index(fields=("user",), condition=Q(read_at__isnull=True), name="notices_unread"),
            models.Index(fields=("mail_after",), condition=Q(mailed_at__isnull=True), name="notices_to_mail"),
        )

    def __str__(self) -> str:
        return self.sentence


class NoticeChoice(models.Model):
    """Which kinds of notice a person wants, and which of them by e-mail too. Without a row: all, all by e-mail."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_choice")
    shown = models.JSONField(default=list)
    mailed = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"notices of {self.user}"


class Export(models.Model):
    """A file of recipients that a job writes for a person.

    While it is written, a lock says that its worker lives, and the cache how many rows there are.
    """

    Status = ExportStatus

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="exports")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    #: The filter of the page: {"outcome": "row_error"}.
    filter = models.JSONField(default=dict, blank=True)
    format = models.CharField(max_length=4, choices=[("csv", "CSV"), ("xlsx", "Excel")])
    status = models.CharField(max_length=8, choices=Status, default=Status.RUNNING)
    #: The rows that were expected, and those that the file has.
    total = models.PositiveIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    file = models.FileField(max_length=200, blank=True)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(name="export_status_is_known", condition=Q(status__in=ExportStatus.values)),
        )

    def __str__(self) -> str:
        return self.name
