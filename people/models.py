"""What Baton keeps about a person besides Django's user, whose groups are the roles."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models.signals import pre_save
from django.dispatch import receiver


class Profile(models.Model):
    """The choices of one person, and when they were deactivated. Without a row: the time zone of the installation."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile")
    #: A name of the IANA time zone database, such as ``Africa/Johannesburg``; "" for that of the installation.
    time_zone = models.CharField(max_length=64, blank=True)
    #: The last time, UTC. Links for a password that were made before no longer work.
    deactivated_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"profile of {self.user}"


@receiver(pre_save, sender=User)
def lower_address(instance: User, **kwargs: Any) -> None:
    """Save email addresses in lower case: allauth looks up what people type in lower case, and compares exactly."""
    instance.email = instance.email.lower()
