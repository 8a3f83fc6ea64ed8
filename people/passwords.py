"""Refuses passwords that contain a word which somebody who knows the company would try first."""

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError


class NoKnownWord:
    """A password validator: none of PASSWORD_WORDS may be in a password, in whichever case."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Raises ValidationError with the word."""
        found = [word for word in settings.PASSWORD_WORDS if word.casefold() in password.casefold()]
        if found:
            raise ValidationError(f"The password contains the word “{found[0]}”, which is easy to guess.", "known_word")

    def get_help_text(self) -> str:
        return f"Your password can’t contain these words: {', '.join(settings.PASSWORD_WORDS)}."
