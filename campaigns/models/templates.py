"""The templates of texts."""

from auditlog.registry import auditlog
from django.conf import settings
from django.db import models
from django.urls import reverse


class Template(models.Model):
    """A reusable text. A campaign copies it and may change its copy."""

    name = models.CharField(max_length=100, unique=True)
    text = models.TextField(help_text="Fields are written @@value1@@ to @@value6@@.")
    labels = models.JSONField(default=dict, blank=True, help_text='What the fields hold: {"value1": "First name"}.')
    sender = models.CharField(max_length=16, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("campaigns:template", args=[self.pk])


class TemplateVersion(models.Model):
    """A template as it was saved once. A campaign keeps the number of the version that it copied."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    labels = models.JSONField(default=dict, blank=True)
    sender = models.CharField(max_length=16, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("template", "-number")
        constraints = (
            models.UniqueConstraint(fields=("template", "number"), name="versions_of_a_template_are_numbered"),
        )

    def __str__(self) -> str:
        return f"{self.template}, version {self.number}"


auditlog.register(Template, include_fields=["name", "text", "labels", "sender"])
