import argparse
import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from providers.sandbox.account import CREDIT
from providers.sandbox.faults import UnknownFault
from providers.sandbox.server import Options, Ready, run
from providers.sandbox.site import CannotStart


class Command(BaseCommand):
    help = "Run the sandbox providers: real servers on this machine that text nobody and record every message."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=0, help="of the first provider's server; default: any")
        parser.add_argument("--control-port", type=int, default=0, help="of the control server; default: any")
        parser.add_argument("--every", type=_seconds, help="seconds between two scans; default: as documented")
        parser.add_argument("--fault", action="append", default=[], metavar="PROVIDER:FAULT", help="switch on a fault")
        parser.add_argument("--data", type=Path, default=settings.DATA / "sandbox", help="folder for all its data")
        parser.add_argument("--account", action="append", default=[], metavar="NAME:PASSWORD", help="in place of demo")
        parser.add_argument("--credit", type=int, default=CREDIT, help="message parts that a new account can pay for")
        parser.add_argument("--json", action="store_true", help="print one line of JSON when ready")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = Options(
            data=options["data"].resolve(),
            port=options["port"],
            control_port=options["control_port"],
            every=options["every"],
            credit=options["credit"],
            accounts=dict(_account(text) for text in options["account"]),
            faults=options["fault"],
        )
        try:
            asyncio.run(run(chosen, self._print_json if options["json"] else self._print))
        except (CannotStart, UnknownFault) as error:
            raise CommandError(str(error)) from None

    def _print_json(self, ready: Ready) -> None:
        self._write(json.dumps(asdict(ready)))

    def _print(self, ready: Ready) -> None:
        for slug, account in ready.providers.items():
            self._write(slug)
            for name, value in account.items():
                self._write(f"  {name:<12} {value}")
        self._write(f"control        {ready.control}")
        self._write(f"ledger         {ready.ledger}")
        self._write("ready")

    def _write(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError("must be more than 0 and at most 3600 seconds")
    return seconds


def _account(text: str) -> tuple[str, str]:
    name, _, password = text.partition(":")
    return name, password
