"""Starts all of Baton's processes, restarts those that end, and ends all in order: ``make demo`` and ``make run``."""

import argparse
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings

from campaigns.timing import MONITOR_EVERY
from config import timing, valkey
from config.errors import CannotStart
from config.healthcheck import LOOPBACK, answers, host_of, read_bind
from config.lifeline import adopt_orphans, die_with
from config.preflight import check_requirements, lock_directory, only_supervisor
from config.processes import Child, Program, call, children_of, lasting, manage, spawn
from config.roles import Roles, check_roles, read_roles
from config.terminal import last_lines, say, step


class StopRequested(Exception):
    """A signal or a closed terminal asks for the end of everything."""


class Supervisor:
    """The children of one data directory, and the order in which they start and end."""

    def __init__(self, bind: str, port: int, with_sandbox: bool, roles: Roles) -> None:
        self.bind = bind
        self.port = port
        self.roles = roles
        self.url = f"http://{host_of(bind)}:{port}"
        self.with_sandbox = with_sandbox
        self.is_asked = False
        self.is_urgent = False
        self.terminal: select.poll | None = None
        self.web: list[Child] = []
        self.workers: list[Child] = []
        self.sandbox: list[Child] = []
        self.valkey: list[Child] = []
        self.step: subprocess.Popen[bytes] | None = None
        self.sandbox_line = ""
        self.environment: dict[str, str] = {"PYTHONUNBUFFERED": "1"}
        self.logs = settings.DATA / "logs"
        self.logs.mkdir(mode=0o700, exist_ok=True)

    # -- signals -----------------------------------------------------------------------------------------------------

    def listen(self) -> None:
        """Handle the signals that ask for an end; a hang-up only when nohup does not ignore it."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._ask)
            if sys.stdout.isatty():
                self.terminal = select.poll()
                self.terminal.register(sys.stdout, 0)

    def _ask(self, number: int, frame: Any) -> None:
        # A closed terminal, make and a shell may each send a signal; only a person's second Ctrl-C means at once.
        self.is_urgent = self.is_urgent or (self.is_asked and number == signal.SIGINT)
        self.is_asked = True

    def _tick(self) -> None:
        """Wait a moment while starting or running. Raises StopRequested."""
        # A closed terminal signals only its session's leader; when that is make, this process has to notice by itself.
        if self.is_asked or (self.terminal and self.terminal.poll(0)):
            self.is_asked = True
            raise StopRequested
        time.sleep(timing.TICK)

    # -- starting ----------------------------------------------------------------------------------------------------

    def start(self, mode: str) -> None:
        """Start everything. Raises CannotStart with the last lines of what did not start, or StopRequested."""
        say(f"Baton, data in {settings.DATA}")
        self._run("Preparing the database, journals and pages", call("config.prepare"))
        if not os.environ.get("REDIS_URL"):
            self._start_valkey()
        if self.with_sandbox:
            self._start_sandbox()
        for name, queue in self.roles.workers().items():
            serializer = ["--serializer", "rq.serializers.JSONSerializer", "--worker-class", "config.worker.TiedWorker"]
            command = lasting("rqworker", queue, *serializer)
            self._launch(self.workers, Program(name, command, self.environment, timing.END_WORKER))
        if "handover" in self.roles.names:
            every = str(timing.SWEEP_EVERY)
            self._launch(self.web, Program("clock", lasting("sweep", "--every", every), self.environment))
        counts = Counter(self.roles.workers().values())
        workers = ",".join(f"{queue}={count}" for queue, count in counts.items())
        command = lasting("monitor", "--every", str(MONITOR_EVERY), "--workers", workers)
        self._launch(self.web, Program("monitor", command, self.environment))
        if "web" in self.roles.names:
            self._start_web(mode)
        else:
            self._await("Starting workers", self._workers_wait, [*self.workers, *self.web])
            say(f"ready: {self.roles}")
        say(f"Logs are in {self.logs}. Ctrl-C ends everything in order.")

    def _start_web(self, mode: str) -> None:
        self._launch(self.web, Program("web", self._gunicorn(), self.environment))
        self._await("Starting workers, clock and web", self._answers, [*self.workers, *self.web])
        if self.bind != LOOPBACK and not settings.BEHIND_TLS:
            say(f"BIND={self.bind} lets other machines read passwords on the way: put a proxy that terminates TLS in")
            say("front of Baton and set BEHIND_TLS=on (docs/deploy.md).")
        if mode == "demo":
            self._show(call("config.demo", self.url), {"BATON_SANDBOX": self.sandbox_line})
        else:
            self._show(call("config.first_administrator", os.environ.get("BASE_URL") or self.url), {})
        say(f"ready: {self.url}" if self.roles.is_whole else f"ready: {self.url} ({self.roles})")

    def _workers_wait(self) -> bool:
        """Whether all workers of this host wait for jobs."""
        pids = {child.process.pid for child in self.workers}
        return pids <= valkey.workers_on(settings.REDIS_URL, socket.gethostname())

    def _gunicorn(self) -> list[str]:
        return [
            *(sys.executable, "-m", "gunicorn", "config.wsgi", "--preload", "--config", "python:config.web_server"),
            *("--bind", f"[{self.bind}]:{self.port}" if ":" in self.bind else f"{self.bind}:{self.port}"),
            *("--worker-class", "gthread", "--workers", "2", "--threads", "8"),
            *("--timeout", str(timing.WEB_TIMEOUT), "--graceful-timeout", str(timing.WEB_GRACE), "--no-control-socket"),
        ]

    def _launch(self, group: list[Child], program: Program) -> Child:
        child = Child(program, self.logs / f"{program.name}.log")
        group.append(child)
        return child

    def _start_valkey(self) -> None:
        valkey.end_leftover(settings.VALKEY_SOCKET)
        data = settings.DATA / "valkey"
        try:
            self._try_valkey(data)
        except CannotStart as error:
            # The database rows say what is due, so losing the jobs in a damaged file loses nothing.
            aside = data.with_name(f"valkey-damaged-{int(time.time())}")
            say(f"{error}\n  Its files are kept in {aside}; Valkey starts without them.")
            data.rename(aside)
            self._try_valkey(data)

    def _try_valkey(self, data: Path) -> None:
        data.mkdir(mode=0o700, exist_ok=True)
        # On SIGTERM, unlike SIGKILL, Valkey still writes its last second of changes when this process is killed.
        command = valkey.command(settings.VALKEY_SOCKET, data)
        child = Child(Program("valkey", command, when_parent_dies=signal.SIGTERM), self.logs / "valkey.log")
        self.valkey = [child]
        self._await("Starting Valkey", lambda: valkey.answers(settings.REDIS_URL), self.valkey, timing.START_VALKEY)

    def _start_sandbox(self) -> None:
        """Start the sandbox on the ports of its last start, so that accounts keep their addresses."""
        data = settings.DATA / "sandbox"
        data.mkdir(mode=0o700, exist_ok=True)
        command = manage("sandbox", "--json", "--every", str(timing.SANDBOX_EVERY), "--data", str(data))
        child = self._launch(
            self.sandbox, Program("sandbox", command, {"PYTHONUNBUFFERED": "1"}, when_parent_dies=signal.SIGTERM)
        )
        self._await("Starting the sandbox", lambda: ready_line(child.output()) is not None, self.sandbox)
        line = ready_line(child.output())
        assert line is not None
        self.environment |= {"SANDBOX_URL": line["control"], "ALLOW_PRIVATE_HOSTS": "1"}
        self.sandbox_line = json.dumps(line)

    def _run(self, what: str, command: Sequence[str]) -> None:
        """Run one step to its end, printing a dot each second. Raises CannotStart with its last lines."""
        log = self.logs / "start.log"
        with step(what) as shown:
            with log.open("wb") as output:
                self.step = spawn(Program("start", command, self.environment), output.fileno())
            while self.step.poll() is None:
                self._tick()
                shown.tick()
            if self.step.returncode:
                raise CannotStart(f"{what} failed:\n{last_lines(log.read_text(errors='replace'))}")

    def _show(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run one step that writes to the terminal itself. Raises CannotStart when it fails."""
        self.step = spawn(Program("start", command, {**self.environment, **environment}), None)
        while self.step.poll() is None:
            self._tick()
            self._restart_ended()
        if self.step.returncode:
            raise CannotStart("The setup failed; the reason is printed above.")

    def _await(
        self, what: str, is_up: Callable[[], bool], children: Sequence[Child], give_up: float = timing.START
    ) -> None:
        """Wait until ``is_up()``.

        Raises CannotStart when one of the children ends first, or after ``give_up`` seconds.
        """
        with step(what) as shown:
            while not is_up():
                self._tick()
                for child in children:
                    if child.ended():
                        raise CannotStart(f"{child.program.name} did not start:\n{last_lines(child.output())}")
                if shown.seconds() > give_up:
                    raise CannotStart(f"No answer within {give_up:.0f} seconds; {self.logs} may say why.")
                shown.tick()

    def _answers(self) -> bool:
        return answers(self.bind, self.port)

    # -- running -----------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Restart what ends, until asked to stop. Raises StopRequested, or CannotStart when a child keeps ending."""
        rotate_at = 0.0
        while True:
            self._tick()
            self._restart_ended()
            if time.monotonic() >= rotate_at:
                rotate_at = time.monotonic() + timing.ROTATE_LOGS_EVERY
                for child in self._children():
                    child.rotate_log()

    def _restart_ended(self) -> None:
        now = time.monotonic()
        for child in self._children():
            if child.due_at is not None:
                if now >= child.due_at:
                    child.start()
            elif child.ended():
                self._plan_restart(child, now)
        self._reap()

    def _plan_restart(self, child: Child, now: float) -> None:
        child.ended_at = [moment for moment in child.ended_at if now - moment < timing.DEATHS_WITHIN] + [now]
        name, code = child.program.name, child.process.returncode
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
        lines = last_lines(child.output())
        said = f" Its last lines:\n{lines}" if lines else ""
        if len(child.ended_at) >= timing.DEATHS:
            raise CannotStart(f"{name} ended {timing.DEATHS} times within a minute ({how}), so Baton stops.{said}")
        wait = timing.FIRST_RESTART_PAUSE * 2 ** (len(child.ended_at) - 1)
        child.due_at = now + wait
        say(f"{name} ended ({how}) and will be restarted in {wait:g} s.{said}")
        self._end_orphans()

    # -- ending ------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End everything: the web server and the clock first, Valkey last. A second request ends it at once."""
        # After a failure nobody has asked for the end yet, so the first Ctrl-C already means at once.
        self.is_asked = True
        if self.step and self.step.poll() is None:
            self.step.kill()
            self.step.wait()
        groups = [("web, clock and monitor", self.web), ("workers", self.workers), ("sandbox", self.sandbox)]
        for what, group in [*groups, ("Valkey", self.valkey)]:
            if group:
                self._end(what, group)
            self._end_orphans()
        if self.valkey:
            settings.VALKEY_SOCKET.unlink(missing_ok=True)
            with suppress(OSError):
                settings.RUN_DIR.rmdir()
        say("Everything has ended.")

    def _end(self, what: str, group: Sequence[Child]) -> None:
        for child in group:
            child.due_at = None
            child.signal(signal.SIGTERM)
        say(f"  Ending {what} ", end="")
        began, told = time.monotonic(), False
        while left := [child for child in group if not child.ended()]:
            passed = time.monotonic() - began
            if self.is_urgent or passed > max(child.program.patience for child in left):
                break
            if passed > timing.SAY_WHAT_IS_ENDING_AFTER and not told:
                told = True
                names = ", ".join(child.program.name for child in left)
                say(f"\n    {names}: finishing a step. Press Ctrl-C again to end everything at once. ", end="")
            time.sleep(timing.TICK)
        for child in left:
            child.signal(signal.SIGKILL)
            child.process.wait()
        say("killed" if left else "done")

    def _children(self) -> list[Child]:
        return [*self.valkey, *self.sandbox, *self.workers, *self.web]

    def _known_pids(self) -> set[int]:
        known = {child.process.pid for child in self._children()}
        return known | {self.step.pid} if self.step else known

    def _reap(self) -> None:
        """Collect adopted processes that have ended; ``Popen`` collects our own children."""
        with suppress(ChildProcessError):
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended and ended.si_pid not in self._known_pids():
                os.waitpid(ended.si_pid, 0)

    def _end_orphans(self) -> None:
        """Kill the processes a dead child left behind that were not tied to it."""
        for pid in set(children_of(os.getpid())) - self._known_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def ready_line(output: str) -> dict[str, Any] | None:
    """The sandbox's ready line in its output so far, if it is complete."""
    for line in output.splitlines(keepends=True):
        if line.startswith("{") and line.endswith("\n"):
            found: dict[str, Any] = json.loads(line)
            return found
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until asked to stop; the exit code is 0 after a requested end and 1 after any other."""
    parser = argparse.ArgumentParser(prog="python -m config.supervisor", description=__doc__)
    parser.add_argument("mode", choices=["demo", "run"], help="demo adds a sandbox and a sample campaign")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8000))
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one ends")
    chosen = parser.parse_args(arguments)
    if chosen.with_parent:
        die_with(os.getppid(), signal.SIGTERM)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Only this user may read logs, payloads and evidence.
    os.umask(0o077)
    try:
        with only_supervisor(lock_directory()):
            roles = read_roles(os.environ)
            check_roles(roles, chosen.mode, os.environ)
            bind = read_bind(os.environ)
            check_requirements(bind, chosen.port, roles)
            supervisor = Supervisor(bind, chosen.port, with_sandbox=chosen.mode == "demo", roles=roles)
            return supervise(supervisor, chosen.mode)
    except CannotStart as error:
        say(f"Baton did not start: {error}")
        return 1


def supervise(supervisor: Supervisor, mode: str) -> int:
    """Start, watch and end everything; returns the exit code."""
    adopt_orphans()
    supervisor.listen()
    try:
        supervisor.start(mode)
        supervisor.watch()
    except StopRequested:
        say()
        return 0
    except CannotStart as error:
        say(str(error))
        return 1
    finally:
        supervisor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
