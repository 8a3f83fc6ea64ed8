"""A worker process ends when it is asked to, at whatever moment that is."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

# Whoever asks does so while a log line is written, and logging lets no exception out.
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
"""


@pytest.mark.usefixtures("valkey")
def test_a_stop_that_is_swallowed_is_not_lost() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ASKED_WHILE_LOGGING],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, "StopRequested" in ran.stderr) == (0, True), ran.stderr
