"""Files handed over in the same time by 1, 2 and 4 workers on two hosts, as ratios to one worker.

``python -m tests.postgresql -m benchmarks.hosts`` measures on a PostgreSQL of its own. The hosts are two data
directories on this machine, which share the database, Valkey, the journal directory and the files. The sandbox takes
half a second for each file, over FTP, where a connection carries one file at a time: so each worker waits for the
provider most of the time, and not for the cores of this machine, which all of them share. The last line gives four
workers two connections: they may not be faster than two workers.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.core.management import call_command

django.setup()

from django.conf import settings  # noqa: E402
from django.db.models import Max, Min  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks import campaigns  # noqa: E402
from campaigns import jobs  # noqa: E402
from campaigns.handover import batches  # noqa: E402
from campaigns.models import Campaign  # noqa: E402
from config import valkey  # noqa: E402
from config.processes import lasting  # noqa: E402
from config.timing import START_VALKEY  # noqa: E402
from contacts import queues  # noqa: E402
from contacts.models import ContactList  # noqa: E402
from providers import identity, registry  # noqa: E402
from providers.adapters.smsportal.forms import FTP  # noqa: E402
from providers.models import Account  # noqa: E402
from providers.sandbox.server import Sandbox  # noqa: E402
from tests.hosts import environment_of  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

FILES, ROWS = int(os.environ.get("FILES", "40")), 10
#: Workers, and connections that the account allows.
ROUNDS = ((1, 4), (2, 4), (4, 4), (4, 2))
PATIENCE = 300.0


@dataclass(frozen=True)
class Measured:
    workers: int
    connections: int
    seconds: float

    @property
    def rate(self) -> float:
        return FILES / self.seconds


def main() -> int:
    call_command("migrate", verbosity=0, interactive=False)
    identity.verify()
    with tempfile.TemporaryDirectory() as home, _valkey(), Sandbox(Path(home, "sandbox"), every=0.2) as sandbox:
        sandbox.fault("smsportal:slow")
        settings.ALLOW_PRIVATE_HOSTS = True
        known = sandbox.providers["smsportal"]
        account = campaigns.connect("smsportal", known | {"protocol": FTP, "port": known["ftp_port"]})
        adapter = registry.all_adapters()[account.provider]
        adapter.limits = replace(adapter.limits, rows=ROWS)
        chosen = campaigns.list_of(FILES * ROWS)
        hosts = [Path(home, name) for name in ("host-1", "host-2")]
        for host in hosts:
            host.mkdir(mode=0o700)
        results = []
        for workers, connections in ROUNDS:
            campaign = _campaign(account, chosen)
            with _workers(hosts, workers, connections):
                results.append(Measured(workers, connections, _seconds(campaign)))
            print(_line(results[-1], results[0]), flush=True)
        texted = [(message["file"].split("-")[0], message["msisdn"]) for message in sandbox.messages()]
    duplicates = len(texted) - len(set(texted))
    print(f"{len(texted):,} texted in {len(ROUNDS)} campaigns, {duplicates} of them twice")
    return 1 if duplicates else 0


def _line(measured: Measured, one: Measured) -> str:
    return (
        f"{measured.workers} workers, {measured.connections} connections: {FILES} files in {measured.seconds:5.1f} s, "
        f"{measured.rate:4.1f} a second, {measured.rate / one.rate:.2f} x one worker"
    )


def _campaign(account: Account, chosen: ContactList) -> Campaign:
    """A running campaign whose files wait to be handed over."""
    campaign = campaigns.approved(account, chosen)
    batches.create_batches(campaign.pk, timezone.now())
    if campaign.batches.count() != FILES:
        raise SystemExit(f"The campaign has {campaign.batches.count()} files instead of {FILES}.")
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
def _workers(hosts: list[Path], count: int, connections: int) -> Iterator[None]:
    """So many workers of the queue ``handover``, on the hosts in turn; they are ready when the block begins."""
    options = [
        "--serializer",
        "rq.serializers.JSONSerializer",
        "--worker-class",
        "benchmarks.hosts_worker.LimitedWorker",
    ]
    started = [
        subprocess.Popen(
            lasting("rqworker", "handover", *options),
            env={**environment_of(hosts[number % len(hosts)]), "BENCHMARK_CONNECTIONS": str(connections)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in range(count)
    ]
    try:
        pids = {process.pid for process in started}
        wait_until(
            lambda: pids <= valkey.workers_on(settings.REDIS_URL, os.uname().nodename), "all workers wait", PATIENCE
        )
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def _seconds(campaign: Campaign) -> float:
    """Wake the workers until all files are handed over; returns the time from the first intent to the last receipt."""

    def all_gone() -> bool:
        # As the clock does every two seconds; here each worker should begin at once.
        queues.enqueue_once(jobs.hand_over, campaign.account.pk)
        return not campaign.batches.filter(handed_over_at=None).exists()

    wait_until(all_gone, "all files are handed over", PATIENCE)
    times = campaign.batches.aggregate(first=Min("first_intent_at"), last=Max("handed_over_at"))
    return float((times["last"] - times["first"]).total_seconds())


if __name__ == "__main__":
    sys.exit(main())
