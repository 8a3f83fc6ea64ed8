"""What locust runs for the stage ``load``: people who each open a page once a second. It imports nothing of Baton.

``BATON_LOAD_PLAN`` names a file of JSON that the stage writes::

    {"host": "http://127.0.0.1:8000", "live": "live.json", "results": "results.json",
     "people": [{"cookie": "sessionid=...", "pages": [["overview", "/", false, 3], ...]}, ...]}

A page has its name, its address, whether the page asks for it by itself, and its weight. ``live`` is a file with the
values of the braces in an address, such as ``{"campaign": 7}``, which change during the run. At the end, ``results``
gets a list of ``[name, milliseconds, status]``; the status is 0 where there was no answer.
"""

import json
import os
import random
from itertools import cycle
from pathlib import Path
from typing import Any

from locust import FastHttpUser, constant_throughput, events, task

PLAN = json.loads(Path(os.environ["BATON_LOAD_PLAN"]).read_text())
LIVE = Path(PLAN["live"])
#: The headers of htmx, and the one with which static/app.js marks what nobody clicked.
POLLED = {"HX-Request": "true", "X-Automatic": "true"}

people = cycle(PLAN["people"])
answers: list[tuple[str, float, int]] = []


class Person(FastHttpUser):
    """Somebody who is logged in and opens a random page each second; a slower answer delays only their own next one."""

    host = PLAN["host"]
    wait_time = constant_throughput(1)

    def on_start(self) -> None:
        person = next(people)
        self.cookie, self.pages = person["cookie"], person["pages"]
        self.weights = [page[-1] for page in self.pages]

    @task
    def open_page(self) -> None:
        name, address, is_polled, _ = random.choices(self.pages, self.weights)[0]  # noqa: S311
        path = address.format(**json.loads(LIVE.read_text()))
        headers = {"Cookie": self.cookie, **(POLLED if is_polled else {})}
        with self.client.get(path, name=name, headers=headers, allow_redirects=False, catch_response=True) as response:
            # 286 tells htmx to stop polling.
            if 200 <= response.status_code < 400:
                response.success()


@events.request.add_listener
def note(name: str, response_time: float, response: Any, **kwargs: Any) -> None:
    answers.append((name, response_time, response.status_code if response is not None else 0))


@events.quitting.add_listener
def write(**kwargs: Any) -> None:
    Path(PLAN["results"]).write_text(json.dumps(answers))
