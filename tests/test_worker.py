"""A worker process ends when it is told to, at whatever moment that is."""

import os
import subprocess
import sys
from pathlib import Path

import django_rq
import pytest
from django.conf import settings
from django.db import IntegrityError
from redis import Redis

from tests.conftest import StartWorker, wait_until

pytestmark = pytest.mark.postgresql

NUMBER = "27825550100"

# The signal arrives while a log line is written, and logging lets no exception out.
ASKED_WHILE_LOGGING = """
import logging, os, signal, django
django.setup()
import django_rq
from config.worker import TiedWorker

class Asks(logging.Handler):
    is_done = False
    def emit(self, record):
        if not self.is_done and "cleaning registries" in record.getMessage():
            self.is_done = True
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            except Exception:
                self.handleError(record)

logging.getLogger("rq.worker").addHandler(Asks())
queue = django_rq.get_queue("results")
TiedWorker([queue], connection=queue.connection).work()
import sys
print({"campaigns.jobs", "contacts.jobs", "providers.adapters.smsportal"} <= sys.modules.keys())
"""


@pytest.mark.usefixtures("valkey")
def test_a_swallowed_stop_signal_is_not_lost() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ASKED_WHILE_LOGGING],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, "StopRequested" in ran.stderr) == (0, True), ran.stderr
    # Before the first job, so that no work horse has to import them.
    assert ran.stdout == "True\n"


def fail() -> None:
    """A job that fails with the error of a database that refuses it."""
    try:
        raise ValueError(f"DETAIL: Key (campaign_id, msisdn)=(7, {NUMBER}) already exists.")
    except ValueError as error:
        raise IntegrityError(*error.args) from error


def test_no_exception_of_a_job_logs_a_number(valkey: Redis, worker: StartWorker, tmp_path: Path) -> None:
    queue = django_rq.get_queue("campaigns")
    job = queue.enqueue(fail)

    worker("campaigns")
    wait_until(lambda: queue.failed_job_registry.count, "the job failed")

    result = job.latest_result()
    assert result
    for told in (result.exc_string or "", (tmp_path / "worker-campaigns.log").read_text()):
        assert "in fail" in told
        assert "JobFailed: IntegrityError" in told
        assert NUMBER not in told
