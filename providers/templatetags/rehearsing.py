"""Whether there is a sandbox to show."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def has_sandbox() -> bool:
    """Whether this installation names a sandbox."""
    return bool(settings.SANDBOX_URL)
