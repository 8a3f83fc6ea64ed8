"""The whole chain with the real processes: from an uploaded workbook to all files handed over to the sandbox.

Measured once. The people's part takes no time here; pages are opened all the while.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from threading import Event, Thread

from django.conf import settings
from django.core.files import File
from django.test import Client
from django.utils import timezone

from benchmarks import campaigns
from benchmarks.bench import Bench, peak_mb
from benchmarks.people import FIELDS
from benchmarks.results import MOST_OF_SQLITE, Result, compared
from benchmarks.stages.imports import new_list
from benchmarks.stages.polling import CREDIT
from campaigns import decisions, jobs
from campaigns.models import Batch, Campaign, Recipient
from contacts import importing, queues
from contacts import jobs as contacts_jobs
from contacts.models import ContactList, Import
from providers.sandbox.server import Sandbox
from tests.supervised import Baton

#: The limits in seconds are for so many rows. PostgreSQL may take as many times SQLite's seconds as in other stages.
LIMIT_ROWS = 1_000_000
LIMITS = {"sqlite": 90.0, "postgresql": 90.0 * MOST_OF_SQLITE}
PAGE_LIMIT = 0.3
LOOK_EVERY = 0.2
NOT_YET = (Batch.Status.PREPARED, Batch.Status.UPLOADING, Batch.Status.COMMITTING)


def wait(row: Import | Campaign, status: str) -> None:
    """Wait until a row has a status. Ends with its sentence if it stops in another one."""
    stuck = {"failed", "cancelled", "draft", "held", "paused"}
    while row.status != status:
        if row.status in stuck:
            raise ValueError(
                f"{row} is {row.status}: {row.sentence if isinstance(row, Campaign) else row.failure_sentence}"
            )
        time.sleep(LOOK_EVERY)
        row.refresh_from_db()


def bring_in(contact_list: ContactList, path: Path) -> None:
    """Import the workbook through the workers."""
    with path.open("rb") as file:
        import_ = importing.upload(contact_list, File(file), path.name, campaigns.person("operator"), "ZA")
    importing.confirm(import_, dict(enumerate(FIELDS)))
    queues.enqueue_once(contacts_jobs.check_import, import_.pk)
    wait(import_, Import.Status.CHECKED)
    importing.begin_apply(import_)
    queues.enqueue_once(contacts_jobs.apply_import, import_.pk)
    wait(import_, Import.Status.DONE)


def send_out(campaign: Campaign) -> None:
    """Freeze, approve and hand over through the workers, until no file is left."""
    campaigns.begin_freeze(campaign)
    queues.enqueue_once(jobs.freeze, campaign.pk)
    wait(campaign, Campaign.Status.FROZEN)
    decisions.approve(campaign, campaigns.person("approver"), campaign.approval_hash, timezone.now())
    queues.enqueue_once(jobs.create_batches, campaign.pk)
    while not campaign.batches.exists() or Recipient.objects.has_waiting(campaign):
        time.sleep(LOOK_EVERY)
    while campaign.batches.filter(status__in=NOT_YET).exists():
        time.sleep(LOOK_EVERY)


class Visitor:
    """Opens pages one after another, as somebody who is logged in; ``seconds`` has how long each took."""

    def __init__(self, port: int) -> None:
        client = Client()
        client.force_login(campaigns.person("operator"), backend="django.contrib.auth.backends.ModelBackend")
        self.headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"}
        self.port, self.seconds = port, list[float]()
        #: Addresses of pages that exist only later.
        self.more: list[str] = []

    def visit(self) -> None:
        for address in ("/", "/campaigns/", "/contacts/imports/", *self.more):
            began = time.perf_counter()
            asking = HTTPConnection("127.0.0.1", self.port, timeout=60)
            asking.request("GET", address, headers=self.headers)
            answer = asking.getresponse()
            answer.read()
            asking.close()
            assert answer.status == 200, (address, answer.status)
            self.seconds.append(time.perf_counter() - began)

    def p95(self) -> float:
        return quantiles(self.seconds, n=20)[-1]


def repeated(work: Callable[[], None], ended: Event) -> Thread:
    """A thread that does the work again and again."""

    def run() -> None:
        while not ended.wait(LOOK_EVERY):
            work()

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


def measure(bench: Bench) -> Iterator[Result]:
    path = bench.sheet("xlsx", bench.rows)
    # Empty means SQLite.
    url = os.environ.get("DATABASE_URL", "")
    baton = Baton(settings.DATA).start(ALLOW_PRIVATE_HOSTS="1", DATABASE_URL=url)
    try:
        with Sandbox(bench.folder / "sandbox", every=1, credit=CREDIT) as sandbox:
            baton.until_ready()
            account = campaigns.connect("smsportal", sandbox.providers["smsportal"])
            visitor, ended = Visitor(baton.port), Event()
            peaks: dict[str, float] = {}

            def look() -> None:
                for pid, command in baton.pids().items():
                    kind = "reader" if "contacts.sheet_reader" in command else "other"
                    if pid != os.getpid() and "multiprocessing" not in command:
                        peaks[kind] = max(peaks.get(kind, 0), peak_mb(pid))

            visitor.visit()
            visitor.seconds.clear()
            threads = [repeated(visitor.visit, ended), repeated(look, ended)]
            with bench.watch() as watch:
                contact_list = new_list()
                bring_in(contact_list, path)
                campaign = campaigns.draft(account, contact_list)
                visitor.more += [f"/contacts/{contact_list.pk}/", f"/campaigns/{campaign.pk}/progress/"]
                send_out(campaign)
            ended.set()
            for thread in threads:
                thread.join()
    finally:
        # Not kill_everything: this process works on the same data directory.
        baton.signal(signal.SIGTERM)
        baton.exit_code(within=120)
    result = Result("workbook to handed over", bench.database, bench.rows, watch.seconds)
    result = replace(result, peak_mb=peaks.get("other", 0), child_peak_mb=peaks.get("reader", 0))
    # The limit for a million rows says nothing about fewer.
    judged = {"at_most": 1} if bench.rows >= LIMIT_ROWS else {}
    yield replace(result, **compared(result, "the limit for a million", LIMITS[bench.database], **judged))
    pages = Result("pages meanwhile, p95", bench.database, bench.rows, visitor.p95())
    yield replace(pages, **compared(pages, "the limit", PAGE_LIMIT, at_most=1))
