"""What people choose for themselves. The people themselves are Django's users, and their roles its groups."""

from django.conf import settings
from django.db import models


class Profile(models.Model):
    """The choices of one person. Without a row: the time zone of the installation."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile")
    #: A name of the IANA time zone database, such as ``Africa/Johannesburg``; "" for that of the installation.
    time_zone = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"profile of {self.user}"
