"""Files handed over in the same time by 1, 2 and 4 workers on two hosts, as ratios to one worker.

``python -m tests.postgresql -m benchmarks.hosts`` measures on a PostgreSQL of its own. The hosts are two data
directories on this machine, which share the database, Valkey, the journal directory and the files. It shows whether
workers hinder each other, so each should wait for the provider most of the time, and not for this machine's cores: the
sandbox takes two seconds for each file, over FTP, where a connection carries one file at a time. The provider allows
two connections for each account. Two accounts have work, so that each of four workers has a connection; in the last
line, only one account has work.
"""

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.core.management import call_command

django.setup()

from django.conf import settings  # noqa: E402
from django.db.models import Max, Min, QuerySet  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks import campaigns  # noqa: E402
from campaigns import jobs  # noqa: E402
from campaigns.handover import batches  # noqa: E402
from campaigns.models import Batch, Campaign, Event  # noqa: E402
from config import valkey  # noqa: E402
from config.processes import lasting  # noqa: E402
from config.timing import START_VALKEY  # noqa: E402
from contacts import queues  # noqa: E402
from providers import identity, registry  # noqa: E402
from providers.adapters.smsportal.forms import FTP  # noqa: E402
from providers.models import Account  # noqa: E402
from providers.sandbox.server import Sandbox  # noqa: E402
from tests.hosts import RQ_OPTIONS, environment_of  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

FILES, ROWS = int(os.environ.get("FILES", "32")), 10
#: The sandbox takes this long for each file.
SECONDS = float(os.environ.get("SECONDS", "2"))
#: Workers, and accounts with files to hand over.
ROUNDS = ((1, 2), (2, 2), (4, 2), (4, 1))
PATIENCE = 600.0
#: Seconds between two wake-ups. The clock waits two; here all workers should begin at about the same time.
WAKE_EVERY = 0.25
HEADINGS = "Workers  Hosts  Accounts  Connections  Files a second  Limit  Ratio to one worker"


@dataclass(frozen=True)
class Measured:
    workers: int
    hosts: int
    accounts: int
    connections: int
    seconds: float

    @property
    def rate(self) -> float:
        return FILES / self.seconds

    @property
    def limit(self) -> float:
        """The files a second if nothing took time but the provider."""
        return min(self.workers, self.connections) / SECONDS

    def line(self, one: "Measured") -> str:
        return (
            f"{self.workers:7}  {self.hosts:5}  {self.accounts:8}  {self.connections:11}  {self.rate:14.2f}"
            f"  {self.limit:5.2f}  {self.rate / one.rate:19.2f}"
        )


def main() -> int:
    call_command("migrate", verbosity=0, interactive=False)
    identity.verify()
    users = {"first": secrets.token_hex(8), "second": secrets.token_hex(8)}
    with (
        tempfile.TemporaryDirectory() as home,
        _valkey(),
        Sandbox(Path(home, "sandbox"), every=0.5, accounts=users, slow_seconds=SECONDS) as sandbox,
    ):
        sandbox.fault("smsportal:slow")
        settings.ALLOW_PRIVATE_HOSTS = True
        known = sandbox.providers["smsportal"]
        known |= {"protocol": FTP, "port": known["ftp_port"]}
        accounts = [
            campaigns.connect("smsportal", known | {"username": user, "password": password})
            for user, password in users.items()
        ]
        adapter = registry.all_adapters()["smsportal"]
        adapter.limits = replace(adapter.limits, rows=ROWS)
        hosts = [Path(home, name) for name in ("host-1", "host-2")]
        for host in hosts:
            host.mkdir(mode=0o700)
        print(f"{FILES} files of {SECONDS:g} s each; load average {os.getloadavg()[0]:.1f}\n{HEADINGS}", flush=True)
        results: list[Measured] = []
        for workers, busy in ROUNDS:
            running = [_campaign(account, FILES // busy) for account in accounts[:busy]]
            with _workers(hosts, workers):
                seconds = _seconds(running)
            connections = busy * adapter.limits.connections
            results.append(Measured(workers, min(workers, len(hosts)), busy, connections, seconds))
            print(results[-1].line(results[0]), flush=True)
        texted = [(message["file"].split("-")[0], message["msisdn"]) for message in sandbox.messages()]
    duplicates = len(texted) - len(set(texted))
    print(f"{len(texted):,} texted in {Campaign.objects.count()} campaigns, {duplicates} of them twice")
    print(f"load average {os.getloadavg()[0]:.1f}")
    return 1 if duplicates else 0


def _campaign(account: Account, files: int) -> Campaign:
    """A running campaign with ``files`` files that wait to be handed over."""
    campaign = campaigns.approved(account, campaigns.list_of(files * ROWS))
    batches.create_batches(campaign.pk, timezone.now())
    if campaign.batches.count() != files:
        raise SystemExit(f"The campaign has {campaign.batches.count()} files instead of {files}.")
    return campaign


@contextmanager
def _valkey() -> Iterator[None]:
    valkey.make_private(settings.RUN_DIR)
    data = settings.DATA / "valkey"
    data.mkdir(exist_ok=True)
    server = subprocess.Popen(valkey.command(settings.VALKEY_SOCKET, data), stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: valkey.answers(settings.REDIS_URL), "Valkey answers", START_VALKEY)
        yield
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _workers(hosts: list[Path], count: int) -> Iterator[None]:
    """So many workers of the queue ``handover``, on the hosts in turn; they are ready when the block begins."""
    log = hosts[0].with_name("workers.log")
    with log.open("wb") as output:
        started = [
            subprocess.Popen(
                lasting("rqworker", "handover", *RQ_OPTIONS),
                env=environment_of(hosts[number % len(hosts)]),
                stdout=output,
                stderr=output,
            )
            for number in range(count)
        ]

    def are_ready() -> bool:
        if any(process.poll() is not None for process in started):
            raise SystemExit(f"A worker did not start:\n{log.read_text(errors='replace')}")
        return {process.pid for process in started} <= valkey.workers_on(settings.REDIS_URL, os.uname().nodename)

    try:
        wait_until(are_ready, "all workers wait", PATIENCE)
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def _seconds(running: list[Campaign]) -> float:
    """Wake the workers until all files are handed over; the seconds from the first upload to the last receipt."""
    files = Batch.objects.filter(campaign__in=running)
    wait_until(partial(_are_gone, files), "all files are handed over", PATIENCE)
    begun = Event.objects.filter(campaign__in=running, to_status=Batch.Status.UPLOADING).aggregate(first=Min("at"))
    ended = files.aggregate(last=Max("handed_over_at"))
    return float((ended["last"] - begun["first"]).total_seconds())


def _are_gone(files: QuerySet[Batch]) -> bool:
    left = set(files.filter(handed_over_at=None).values_list("account", flat=True))
    for account in left:
        queues.enqueue_once(jobs.hand_over, account)
    time.sleep(WAKE_EVERY)
    return not left


if __name__ == "__main__":
    sys.exit(main())
