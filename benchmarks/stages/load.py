"""50 requests a second of mixed pages by people of every role, while a workbook is imported and a campaign handed over.

With the real processes and the sandbox. Imports and hand-overs are repeated until the time is over, so that both run
all the while. Locust opens the pages (``make load`` installs it), each of which was chosen because people open it often
or because it shows many rows.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles
from threading import Event, Thread

from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone

from benchmarks import campaigns
from benchmarks.bench import Bench
from benchmarks.people import msisdn
from benchmarks.results import Result, compared
from benchmarks.rows import analyze, opt_out_a_tenth
from benchmarks.stages.chain import LOOK_EVERY, bring_in, send_out
from benchmarks.stages.imports import new_list
from benchmarks.stages.pages import copy
from benchmarks.stages.polling import CREDIT
from campaigns import decisions
from campaigns.handover.batches import create_batches
from campaigns.models import Campaign
from contacts.models import Import
from people.roles import ROLES
from providers.sandbox.server import Sandbox
from tests.supervised import Baton

#: Requests a second, one for each person, and the part of them that must come about.
PEOPLE, PART = 50, 0.95
#: The length of a run in seconds. The first requests count too.
SECONDS = int(os.environ.get("SECONDS") or 60)
#: The 95th percentile of all answers may take so many seconds.
LIMIT = 0.3
LOCUST = Path(sys.prefix, "tools", "bin", "locust")
#: Who may open pages of numbers for themselves.
STAFF = ("operator", "approver", "administrator")


@dataclass(frozen=True)
class Page:
    """A page and how often it is opened. The braces of its address are filled in when the run knows the rows."""

    name: str
    address: str
    weight: int = 1
    is_polled: bool = False
    roles: tuple[str, ...] = ROLES


PAGES = [
    Page("overview, polled", "/", 6, is_polled=True),
    Page("campaign, polled", "/campaigns/{campaign}/progress/", 6, is_polled=True),
    Page("import, polled", "/contacts/imports/{importing}/progress/", 4, is_polled=True),
    Page("overview", "/", 3),
    Page("campaigns", "/campaigns/", 2),
    Page("campaign", "/campaigns/{campaign}/", 2),
    Page("campaign, finished", "/campaigns/{finished}/", 1),
    Page("recipients", "/campaigns/{finished}/recipients/", 1),
    Page("recipients, one number", "/campaigns/{finished}/recipients/?number={number}", 1),
    Page("files of a campaign", "/campaigns/{finished}/?tab=files", 1),
    Page("lists", "/contacts/", 1),
    Page("list", "/contacts/{contact_list}/", 1),
    Page("list, search by name", "/contacts/{contact_list}/?q=Nkosi", 1),
    Page("imports", "/contacts/imports/", 1),
    Page("number", "/search/?number={number}", 1),
    Page("opt-outs", "/contacts/opt-outs/", 1),
    Page("accounts", "/accounts/", 1),
    Page("account", "/accounts/{account}/", 1),
    Page("replies", "/replies/", 1),
    Page("templates", "/templates/", 1),
    Page("notices", "/notices/", 1),
    Page("export", "/campaigns/{finished}/export/", 1, roles=STAFF),
    Page("people", "/people/", 1, roles=("administrator",)),
    Page("audit", "/audit/", 1, roles=("administrator",)),
    Page("system", "/system/", 1, roles=("administrator",)),
]


def plan(port: int, folder: Path) -> dict[str, object]:
    """What the locustfile reads: the people with their sessions and pages. One in four has each role."""
    people = []
    for number in range(PEOPLE):
        role = ROLES[number % len(ROLES)]
        client = Client()
        client.force_login(campaigns.person(role), backend="django.contrib.auth.backends.ModelBackend")
        pages = [[page.name, page.address, page.is_polled, page.weight] for page in PAGES if role in page.roles]
        cookie = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
        people.append({"cookie": cookie, "pages": pages})
    return {
        "host": f"http://127.0.0.1:{port}",
        "live": str(folder / "live.json"),
        "results": str(folder / "answers.json"),
        "people": people,
    }


def repeated(work: Callable[[], None], over: Event, seconds: list[float], failed: list[Exception]) -> Thread:
    """A thread that does the work again and again until ``over``, and notes how long each time took."""

    def run() -> None:
        try:
            while not over.is_set():
                began = time.perf_counter()
                work()
                seconds.append(time.perf_counter() - began)
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread


def write_live(path: Path, values: dict[str, object]) -> None:
    """Write the values of the addresses' braces, with the newest import and campaign; a reader sees all or nothing."""
    newest = {"campaign": Campaign.objects.latest("pk").pk, "importing": Import.objects.latest("pk").pk}
    half = path.with_suffix(".half")
    half.write_text(json.dumps({**values, **newest}))
    half.replace(path)


def web_cpu_seconds(baton: Baton) -> float:
    """The processor time of all processes of the web server so far: proc(5), fields 14 and 15 of stat."""
    found = 0
    for pid, command in baton.pids().items():
        if "gunicorn" in command:
            found += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return found / os.sysconf("SC_CLK_TCK")


def run_locust(folder: Path, while_it_runs: Callable[[], None]) -> list[tuple[str, float, int]]:
    """Run locust for SECONDS; return each answer: name of the page, seconds, status (0 for none)."""
    log = folder / "locust.log"
    command = [
        *(str(LOCUST), "-f", str(Path(__file__).parents[1] / "locustfile.py"), "--headless", "--only-summary"),
        *("--users", str(PEOPLE), "--spawn-rate", str(PEOPLE), "--run-time", f"{SECONDS}s", "--stop-timeout", "10"),
        *("--reset-stats", "--exit-code-on-error", "0", "--logfile", str(log)),
    ]
    environment = {**os.environ, "BATON_LOAD_PLAN": str(folder / "plan.json")}
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            while_it_runs()
            time.sleep(LOOK_EVERY)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise ValueError(f"locust ended with {process.returncode}:\n{log.read_text(errors='replace')}")
    answers = json.loads((folder / "answers.json").read_text())
    return [(name, milliseconds / 1000, status) for name, milliseconds, status in answers]


def measure(bench: Bench) -> Iterator[Result]:
    if not LOCUST.exists():
        raise SystemExit("Locust is not installed: run this as `make load`.")
    url, path = os.environ.get("DATABASE_URL", ""), bench.sheet("xlsx", bench.rows)
    with Sandbox(bench.folder / "sandbox", every=1, credit=CREDIT) as sandbox:
        account = campaigns.connect("smsportal", sandbox.providers["smsportal"])
        people = campaigns.list_of(bench.rows)
        finished = fill(bench, people, account)
        baton = Baton(settings.DATA).start(ALLOW_PRIVATE_HOSTS="1", DATABASE_URL=url)
        try:
            baton.until_ready()
            (bench.folder / "plan.json").write_text(json.dumps(plan(baton.port, bench.folder)))
            values: dict[str, object] = {"finished": finished.pk, "contact_list": people.pk, "account": account.pk}
            values["number"] = msisdn(bench.rows // 2)
            over, failed = Event(), list[Exception]()
            imports, handovers = list[float](), list[float]()
            threads = [
                repeated(lambda: bring_in(new_list(), path), over, imports, failed),
                repeated(lambda: send_out(campaigns.draft(account, people)), over, handovers, failed),
            ]
            while not Import.objects.exists():
                time.sleep(LOOK_EVERY)
            live = bench.folder / "live.json"
            write_live(live, values)
            before = web_cpu_seconds(baton)
            answers = run_locust(bench.folder, lambda: write_live(live, values))
            cpu_seconds = web_cpu_seconds(baton) - before
            over.set()
            for thread in threads:
                thread.join()
        finally:
            baton.signal(signal.SIGTERM)
            baton.exit_code(within=120)
    if failed:
        raise failed[0]
    # Unlike the times, this is nearly the same on a machine that is busy with other work.
    yield Result(
        "processor time of the web server for a page", bench.database, bench.rows, cpu_seconds / max(len(answers), 1)
    )
    yield from report(bench, answers)
    for name, seconds in (("import", imports), ("hand-over", handovers)):
        yield Result(
            f"{name} under load, {len(seconds)} times", bench.database, bench.rows, sum(seconds) / len(seconds)
        )


def fill(bench: Bench, people: campaigns.ContactList, account: campaigns.Account) -> Campaign:
    """What an installation has after a while: opt-outs, and finished campaigns to the whole list; returns one."""
    campaign = campaigns.approved(account, people)
    create_batches(campaign.pk, timezone.now())
    for number in (1, 2):
        copy(campaign, number)
    campaign.refresh_from_db()
    decisions.cancel(campaign, campaigns.person("operator"))
    opt_out_a_tenth(bench.rows // 10)
    analyze()
    return Campaign.objects.filter(status=Campaign.Status.CLOSED).latest("pk")


def report(bench: Bench, answers: list[tuple[str, float, int]]) -> Iterator[Result]:
    """The three targets, then the 95th percentile of each page, the slowest first."""
    of_page: dict[str, list[float]] = defaultdict(list)
    for name, seconds, _ in answers:
        of_page[name].append(seconds)

    def p95(name: str, found: list[float]) -> Result:
        seconds = quantiles(found, n=20)[-1] if len(found) > 1 else found[0]
        return Result(name, bench.database, bench.rows, seconds, is_compared=False)

    whole = p95("pages under load, p95", [seconds for _, seconds, _ in answers])
    yield replace(whole, **compared(whole, "the limit", LIMIT, at_most=1))
    bad = [status for _, _, status in answers if not 200 <= status < 400]
    unanswered = replace(whole, stage="pages under load, errors", ratio=float(len(bad)), baseline="answers")
    yield replace(unanswered, target="at most 0", holds=not bad)
    rate = len(answers) / SECONDS
    asked = replace(whole, stage="pages under load, requests a second", ratio=rate, baseline="requests a second")
    yield replace(asked, target=f"at least {PEOPLE * PART:g}", holds=rate >= PEOPLE * PART)
    yield from sorted((p95(f"  {name}", found) for name, found in of_page.items()), key=lambda row: -row.seconds)
