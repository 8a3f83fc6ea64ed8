"""Signs the links at which people choose a password."""

from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator

from people.models import Profile


class PasswordLinks(PasswordResetTokenGenerator):
    """Django's links, which a password, a login and another address end. Being deactivated ends them too, for good."""

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        ended = Profile.objects.filter(user=user.pk).values_list("deactivated_at", flat=True).first()
        return f"{super()._make_hash_value(user, timestamp)}{user.is_active}{ended}"
