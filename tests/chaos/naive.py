"""The control: an uploader as people usually write it. ``python -m tests.chaos.naive JOBS DONE``

It uploads and, on any error or after a restart, uploads everything again that is not marked done, under a new name
each time, in case the old name is still taken. It is killed and started often, so it does not load Django's models.
"""

import ftplib
import io
import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes
from urllib.request import urlopen

import paramiko

from providers import registry
from providers.base import CampaignSpec, Message

# ruff: noqa: S321 - plain FTP is what people use.
TEXT = "Our sale ends on Sunday"
_SECONDS = 10.0


def main(jobs_path: str, done_path: str) -> None:
    """Upload all jobs, one after another, until each is marked done."""
    jobs = json.loads(Path(jobs_path).read_bytes())
    done = Path(done_path)
    done.touch()
    while left := [job for job in jobs if str(job["id"]) not in done.read_text().split()]:
        for job in left:
            die_at("begin", job, done)
            try:
                upload(job)
            except Exception as error:
                print(f"job {job['id']}: {type(error).__name__}, comes again", flush=True)
                continue
            die_at("uploaded", job, done)
            mark(done, str(job["id"]))
            time.sleep(job["pause"])


def die_at(point: str, job: dict[str, Any], done: Path) -> None:
    """Die here, as Baton's jobs do at their points, if this job is meant to; once."""
    if job["killed_at"] == point and (said := f"killed-{job['id']}") not in done.read_text().split():
        mark(done, said)
        os.kill(os.getpid(), signal.SIGKILL)


def mark(done: Path, word: str) -> None:
    """Record that something is finished."""
    with done.open("a") as file:
        file.write(f"{word}\n")


def upload(job: dict[str, Any]) -> None:
    """Hand one job's file over, under a new name."""
    settings = job["settings"]
    name, body = rendered(job)
    if job["provider"] == "smsportal":
        with paramiko.SSHClient() as client:
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect(
                settings["host"],
                settings["port"],
                settings["username"],
                settings["password"],
                timeout=_SECONDS,
                allow_agent=False,
                look_for_keys=False,
            )
            client.open_sftp().putfo(io.BytesIO(body), f"{settings['base_folder']}/Send_SMS/{name}", confirm=False)
    elif job["provider"] == "gatewayapi":
        _store(settings["host_a"].rpartition(":")[2], settings, name, body)
    elif job["provider"] == "clickatell":
        login = f"api_id:{settings['api_id']}\nuser:{settings['api_user']}\npassword:{settings['api_password']}\n"
        _store(settings["port"], settings, name, login.encode() + body)
    else:
        login = "&".join(f"{key}={quote_from_bytes(settings[key].encode())}" for key in ("username", "password"))
        with urlopen(
            f"{settings['api_url']}/submission/send_batch/1/1.0", login.encode() + b"&" + body, _SECONDS
        ) as answer:
            answer.read()


def rendered(job: dict[str, Any]) -> tuple[str, bytes]:
    """The file as Baton would write it, but with a name that no provider has seen before."""
    adapter = registry.adapter(job["provider"])
    stem = f"promo{secrets.token_hex(4)}"
    messages = [Message(number, TEXT, {}, "", "", number) for number in job["numbers"]]
    payload = adapter.render(
        stem, secrets.randbelow(2**31 - 2) + 1, CampaignSpec("", job["sender"], options=job["options"]), messages
    )
    return payload.name, payload.body


def _store(port: Any, settings: dict[str, Any], name: str, body: bytes) -> None:
    with ftplib.FTP(timeout=_SECONDS) as client:
        client.connect("127.0.0.1", int(port))
        client.login(settings["username"], settings["password"])
        client.storbinary(f"STOR {name}", io.BytesIO(body))


if __name__ == "__main__":
    main(*sys.argv[1:])
