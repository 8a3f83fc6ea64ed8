"""Files handed over in the same time by 1, 2 and 4 workers on two hosts, as ratios to one worker.

``python -m tests.postgresql -m benchmarks.hosts`` measures on a PostgreSQL of its own. The hosts are two data
directories on this machine, which share the database, Valkey, the journal directory and the files. The sandbox takes
half a second for each file, so the ratios show how well the workers run beside each other, not how fast this machine
is. The last line gives four workers two connections: they may not be faster than two workers.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django
from django.core.management import call_command

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.db.models import Max, Min  # noqa: E402
from django.utils import timezone  # noqa: E402

from campaigns import jobs  # noqa: E402
from campaigns.handover import batches  # noqa: E402
from campaigns.models import Campaign, CampaignList  # noqa: E402
from config import valkey  # noqa: E402
from config.processes import manage  # noqa: E402
from config.timing import START_VALKEY  # noqa: E402
from contacts import queues  # noqa: E402
from contacts.models import Contact, ContactList  # noqa: E402
from providers import identity, registry  # noqa: E402
from providers.models import Account  # noqa: E402
from providers.sandbox.server import Sandbox  # noqa: E402
from tests.campaigns.conftest import approve, freeze  # noqa: E402
from tests.hosts import environment_of  # noqa: E402

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
        account, chosen = _account(sandbox), _list()
        hosts = [Path(home, name) for name in ("host-1", "host-2")]
        for host in hosts:
            host.mkdir(mode=0o700)
        results = []
        for workers, connections in ROUNDS:
            campaign = _campaign(account, chosen, f"{workers} workers, {connections} connections")
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


def _account(sandbox: Sandbox) -> Account:
    account = Account(name="Hosts", provider="smsportal", host_key=sandbox.host_key)
    form = account.adapter.SettingsForm
    known = {"host": sandbox.host, "port": sandbox.port, "username": sandbox.username, "password": sandbox.password}
    account.save_settings({name: field.initial for name, field in form.base_fields.items()} | known)
    adapter = registry.all_adapters()[account.provider]
    adapter.limits = replace(adapter.limits, rows=ROWS)
    return account


def _list() -> ContactList:
    made = ContactList.objects.create(name="Hosts", country="ZA", labels={"value1": "First name"})
    numbers = [str(27825550000 + number) for number in range(FILES * ROWS)]
    Contact.objects.bulk_create(Contact(list=made, msisdn=number, phone=number, value1="Anna") for number in numbers)
    return made


def _campaign(account: Account, chosen: ContactList, name: str) -> Campaign:
    """A running campaign whose files wait to be handed over."""
    people = []
    for role in ("operator", "approver"):
        person, _ = User.objects.get_or_create(username=role, defaults={"email": f"{role}@example.org"})
        person.groups.add(Group.objects.get(name=role))
        people.append(person)
    campaign = Campaign.objects.create(name=name, account=account, text="Hi @@value1@@.", created_by=people[0])
    campaign.editors.add(people[0])
    CampaignList.objects.create(campaign=campaign, contact_list=chosen, position=0)
    approve(freeze(campaign, people[0]), people[1])
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
        _wait(lambda: valkey.answers(settings.REDIS_URL), "Valkey answers", START_VALKEY)
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
            manage("rqworker", "handover", *options),
            env={**environment_of(hosts[number % len(hosts)]), "BENCHMARK_CONNECTIONS": str(connections)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in range(count)
    ]
    try:
        pids = {process.pid for process in started}
        _wait(lambda: pids <= valkey.workers_on(settings.REDIS_URL, os.uname().nodename), "all workers wait for jobs")
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

    _wait(all_gone, "all files are handed over")
    times = campaign.batches.aggregate(first=Min("first_intent_at"), last=Max("handed_over_at"))
    return float((times["last"] - times["first"]).total_seconds())


def _wait(happened: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    until = time.monotonic() + patience
    while not happened():
        if time.monotonic() > until:
            raise SystemExit(f"Waited {patience:.0f} s in vain: {what}.")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
