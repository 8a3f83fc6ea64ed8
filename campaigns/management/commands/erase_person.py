"""``manage.py erase_person NUMBER --note NOTE``: erase a person everywhere; the opt-out stays."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from campaigns.models import Erasure
from campaigns.privacy import erasing
from contacts import phones
from contacts.errors import Refusal
from providers import identity


class Command(BaseCommand):
    help = "Erase the person with a number everywhere and print the report. Exit 1 if something still needs the number."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", help="in any notation")
        parser.add_argument("--note", required=True, help="how and when the person asked, without the number")
        parser.add_argument("--json", action="store_true", help="print the result as JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        identity.verify()
        request = _request(parsed(options["number"]), options["note"])
        erasing.erase(request.pk, timezone.now)
        request.refresh_from_db()
        if options["json"]:
            told = {"status": request.status, "report": dict(request.report), "left": request.left}
            self.stdout.write(json.dumps(told))
        else:
            for what, many in request.report:
                self.stdout.write(f"{what}: {many:,}")
            self.stdout.write(f"Erasure {request.pk}: {request.get_status_display().lower()}.")
        if request.status != Erasure.Status.DONE:
            raise CommandError(" ".join(request.left) or "Another process is erasing this person.")


def parsed(number: str) -> str:
    """The digits of a number in any notation. Raises CommandError."""
    try:
        return phones.parse(number, settings.DEFAULT_COUNTRY, phones.TYPED)
    except phones.PhoneError as error:
        raise CommandError(f"{number}: {error.sentence}") from error


def _request(msisdn: str, note: str) -> Erasure:
    """A new request, or the one that was blocked before."""
    blocked = Erasure.objects.filter(msisdn=msisdn, status=Erasure.Status.BLOCKED).first()
    if blocked and erasing.try_again(blocked):
        return blocked
    try:
        return erasing.request_erasure(msisdn, note, None, timezone.now())
    except Refusal as refusal:
        raise CommandError(refusal.sentence) from refusal
