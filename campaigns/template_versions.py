"""The versions of a template, and copying its text into a draft with its fields bound to the lists of the draft."""

from typing import Any

from django.db import transaction

from campaigns.audience.binding import Bound, bind, label_of
from campaigns.lifecycle import require_permission
from campaigns.models import Campaign, Template, TemplateVersion
from contacts.fields import VALUE_FIELDS

_KEPT = ("text", "labels", "sender")


def current_version(template: Template, user: Any = None) -> TemplateVersion:
    """Return the version that the template is now; it is made if the template was changed since the latest one."""
    with transaction.atomic():
        Template.objects.select_for_update().get(pk=template.pk)
        latest = template.versions.order_by("-number").first()
        content = {name: getattr(template, name) for name in _KEPT}
        if latest and all(getattr(latest, name) == value for name, value in content.items()):
            return latest
        number = latest.number + 1 if latest else 1
        return TemplateVersion.objects.create(template=template, number=number, created_by=user, **content)


def restore(version: TemplateVersion, user: Any) -> TemplateVersion:
    """Make the template what it was in ``version``, as a new version. Raises Refusal without the permission."""
    require_permission(user, "campaigns.change_template")
    template = version.template
    for name in _KEPT:
        setattr(template, name, getattr(version, name))
    template.save()
    return current_version(template, user)


def bound_text(template: Template, campaign: Campaign) -> Bound:
    """The text of a template with its fields bound to the lists of a draft; unchanged while it has no lists."""
    labels = {field: label_of(field, template.labels) for field in VALUE_FIELDS}
    return bind(template.text, labels, campaign.value_labels() if campaign.ordered_lists() else labels)


def copy_into(campaign: Campaign, template: Template) -> None:
    """Copy the template's text and sender into a draft, bound to its lists, and keep which version that was."""
    bound = bound_text(template, campaign)
    campaign.template, campaign.template_version = template, current_version(template).number
    campaign.text, campaign.text_labels = bound.text, bound.labels
    campaign.sender = template.sender or campaign.sender
    campaign.save(update_fields=["template", "template_version", "text", "text_labels", "sender"])
