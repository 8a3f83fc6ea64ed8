"""Enqueues RQ jobs, each at most once.

This module is in ``contacts`` because both apps that have jobs, ``contacts`` and ``campaigns``, may import it, and
neither may import ``config``.
"""

import logging
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Protocol, cast

import django_rq
from redis.exceptions import RedisError

from contacts.log_context import log_about
from contacts.timing import ENQUEUED_FOR_SECONDS

logger = logging.getLogger(__name__)


class Job(Protocol):
    """A function that RQ runs with the id of one row. ``queue`` is the name of its queue."""

    __name__: str
    __module__: str
    queue: str

    def __call__(self, pk: int) -> None: ...


def job(queue: str) -> Callable[[Callable[[int], None]], Job]:
    """Make a function that takes the id of one row a job of ``queue``.

    The lines that it logs have its name and that id, under the name of its argument: ``campaign`` for ``campaign_id``.
    """

    def decorate(work: Callable[[int], None]) -> Job:
        about = next(iter(signature(work).parameters)).removesuffix("_id")

        @wraps(work)
        def run(pk: int) -> None:
            with log_about(job=work.__name__, **{about: pk}):
                _allow_next(run_as_job, pk)
                work(pk)

        run_as_job = cast(Job, run)
        run_as_job.queue = queue
        return run_as_job

    return decorate


def enqueue_once(wanted: Job, pk: int) -> bool:
    """Enqueue the job ``wanted`` for the row ``pk``; return whether it was enqueued.

    A job that is still waiting in its queue is not enqueued a second time. If Redis cannot be reached, nothing is
    lost: the sweep finds the row later.
    """
    try:
        queue = django_rq.get_queue(wanted.queue)
        if not queue.connection.set(_key(wanted, pk), 1, nx=True, ex=ENQUEUED_FOR_SECONDS):
            return False
        queue.enqueue(f"{wanted.__module__}.{wanted.__name__}", pk)
    except RedisError as error:
        logger.warning("%s %s could not be enqueued: %s", wanted.__name__, pk, type(error).__name__)
        return False
    return True


def _key(wanted: Job, pk: int) -> str:
    return f"baton:enqueued:{wanted.__name__}:{pk}"


def _allow_next(started: Job, pk: int) -> None:
    """Let the job be enqueued again: a change made from now on may come too late for the run that starts now."""
    try:
        django_rq.get_queue(started.queue).connection.delete(_key(started, pk))
    except RedisError:
        logger.warning("%s %s starts without Redis", started.__name__, pk)
