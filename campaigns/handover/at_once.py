"""Hands over several batches at once over one connection: only their calls to the provider run side by side.

Everything else (locks, database, journal) is done by the one thread that uses ``AtOnce``. The hand-over of a batch is
a generator: it yields each call, and is resumed with what came of it.
"""

from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from rq.timeouts import BaseTimeoutException

from campaigns.handover.session import RemoteSession, SessionBroken

#: A call to the provider; its argument is the open remote.
Call = Callable[[Any], Any]
#: The hand-over of a batch. It yields calls, and is resumed with the result of each, or with what it raised. It yields
#: None before it opens a new connection: it is resumed once no other hand-over uses the present one.
Steps = Generator[Call | None, Any, None]


@dataclass
class _HandOver:
    """One that is under way. ``remote`` is the channel that it has to itself, None if it is the only one.

    ``seconds`` is how long its calls took in all, if it was the only one.
    """

    batch_id: int
    steps: Steps
    remote: Any
    seconds: float = 0


class AtOnce:
    """The hand-overs that are under way over a session, as a context manager.

    ``batches`` is about how many there will be; no more channels than that are opened.

    The first one is alone, so that a missing folder or a login that may not write fails one batch and not many. How
    long its calls took decides how many are then under way at once, if the remote has channels (``most_at_once``,
    ``another``). Once ``is_broken``, no other may be started. ``errors`` holds the ids of the batches for which Baton's
    own code raised an error, with the error.
    """

    def __init__(self, session: RemoteSession, batches: int) -> None:
        self.is_broken = False
        self.errors: list[tuple[int, Exception]] = []
        self._session = session
        self._left = batches
        #: None while one hand-over at a time runs, in this thread.
        self._threads: ThreadPoolExecutor | None = None
        self._idle: list[Any] = []
        self._opening: set[Future[Any]] = set()
        self._running: dict[Future[Any], _HandOver] = {}

    def __enter__(self) -> "AtOnce":
        return self

    def __exit__(self, *details: object) -> None:
        running = list(self._running.values())
        if running or self._opening:
            self._session.close()
        self._end_threads()
        for one in running:
            # The job was stopped. Until here the locks were held, because a thread could still transmit something.
            one.steps.close()

    def has_room(self) -> bool:
        """Wait until another hand-over can be started; return False if none may be."""
        while self._threads and not self._idle and not self.is_broken:
            self._wait()
        return not self.is_broken

    def start(self, batch_id: int, steps: Steps) -> None:
        """Start a hand-over for which there is room. Only its calls outlast this, and only if they run in a thread."""
        self._left -= 1
        remote = self._idle.pop() if self._threads else None
        self._proceed(_HandOver(batch_id, steps, remote), partial(next, steps))

    def finish(self) -> bool:
        """Wait for the end of every hand-over that is under way, and return whether there were any."""
        were_any = bool(self._running)
        while self._running:
            self._wait()
        return were_any

    def _proceed(self, one: _HandOver, resume: Callable[[], Call | None]) -> None:
        """Resume a hand-over until its next call runs in a thread, or until its end."""
        while True:
            try:
                call = resume()
            except StopIteration:
                self._ended(one)
                return
            except BaseTimeoutException:
                raise
            except SessionBroken:
                self.is_broken = True
                return
            except Exception as error:
                self.errors.append((one.batch_id, error))
                self.is_broken = True
                return
            if call is None:
                self.finish()
                if self.is_broken:
                    # Nothing was done with the batch yet, and it is still due.
                    one.steps.close()
                    return
                self._end_threads()
                one.remote = None
                resume = partial(next, one.steps)
            elif self._threads:
                self._running[self._threads.submit(call, one.remote)] = one
                return
            else:
                began = monotonic()
                resume = _call(one.steps, call, self._session.remote())
                one.seconds += monotonic() - began

    def _ended(self, one: _HandOver) -> None:
        if one.remote:
            self._idle.append(one.remote)
        elif one.seconds:
            self._use_channels(one.seconds)

    def _use_channels(self, seconds: float) -> None:
        remote = self._session.remote()
        most = remote.most_at_once(seconds) if hasattr(remote, "most_at_once") else 1
        channels = min(most, self._left)
        if channels > 1:
            self._threads = ThreadPoolExecutor(channels, thread_name_prefix="channel")
            self._idle = [remote]
            self._opening = {self._threads.submit(remote.another) for _ in range(channels - 1)}

    def _wait(self) -> None:
        """Wait until a call has ended and resume its hand-over, or until a channel is open."""
        for future in wait({*self._running, *self._opening}, return_when=FIRST_COMPLETED).done:
            if future in self._running:
                one = self._running.pop(future)
                self._proceed(one, partial(_resume, one.steps, future))
            elif future in self._opening:
                self._opening.remove(future)
                if channel := future.result():
                    self._idle.append(channel)

    def _end_threads(self) -> None:
        if self._threads:
            self._threads.shutdown()
        self._threads = None
        self._idle, self._opening, self._running = [], set(), {}


def run_alone(steps: Steps, session: RemoteSession) -> None:
    """Run a hand-over to its end in this thread. Raises what it raises."""
    resume: Callable[[], Call | None] = partial(next, steps)
    while True:
        try:
            call = resume()
        except StopIteration:
            return
        resume = _call(steps, call, session.remote()) if call else partial(next, steps)


def _call(steps: Steps, call: Call, remote: Any) -> Callable[[], Call | None]:
    """Make the call in this thread, and return how its hand-over is resumed."""
    future: Future[Any] = Future()
    try:
        future.set_result(call(remote))
    except BaseException as error:
        future.set_exception(error)
    return partial(_resume, steps, future)


def _resume(steps: Steps, future: Future[Any]) -> Call | None:
    error = future.exception()
    return steps.throw(error) if error else steps.send(future.result())
