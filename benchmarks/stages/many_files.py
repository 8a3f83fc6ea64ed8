"""Hand over a hundred files at a round trip of 40 ms, each with its claim, gate and journal, against ``sftp -b``.

Each file has 1.3 bytes a row: 1.3 MB at a million.
"""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from benchmarks import campaigns
from benchmarks.bench import Baseline, Bench
from benchmarks.delay import delayed
from benchmarks.results import Result
from benchmarks.stages.uploads import AUTHORISED, authorise, sftp_command
from campaigns.handover.batches import create_batches
from campaigns.handover.drain import drain
from campaigns.models import Batch, Campaign
from providers.models import Account
from tests.providers import servers

FILES = 100
BYTES_A_ROW = 1.3
ROUND_TRIP_MS = 40.0
FOLDERS = ("Send_SMS", "Processed", "Errors")


def campaign_of(account: Account, size: int) -> Campaign:
    """A running campaign with a hundred batches, each with a file of ``size`` random bytes in place of its own."""
    adapter = type(account.adapter)
    limits = adapter.limits
    adapter.limits = replace(limits, rows=1)
    try:
        campaign = campaigns.approved(account, campaigns.list_of(FILES))
        create_batches(campaign.pk, timezone.now())
    finally:
        adapter.limits = limits
    for batch in campaign.batches.all():
        body, path = os.urandom(size), str(batch.payload)
        default_storage.delete(path)
        default_storage.save(path, ContentFile(body))
        Batch.objects.filter(pk=batch.pk).update(size=size, sha256=hashlib.sha256(body).hexdigest())
    return campaign


def measure(bench: Bench) -> Iterator[Result]:
    with (
        servers.openssh(bench.folder, "make bench", lines=AUTHORISED) as server,
        delayed(server.port, ROUND_TRIP_MS) as port,
    ):
        authorise(bench.folder)
        for folder in FOLDERS:
            (server.home / folder).mkdir()
        account = campaigns.connect("smsportal", server.settings() | {"port": port})

        def product(rows: int) -> float:
            campaign = campaign_of(account, int(rows * BYTES_A_ROW))
            with bench.watch() as watch:
                drain(account.pk, timezone.now, timezone.now() + timedelta(minutes=10))
            assert campaign.batches.filter(status=Batch.Status.HANDED_OVER).count() == FILES
            return watch.seconds

        def peer(rows: int) -> float:
            path = bench.folder / "body"
            path.write_bytes(os.urandom(int(rows * BYTES_A_ROW)))
            lines = [f"put {path} {FOLDERS[0]}/peer-{number}\n" for number in range(FILES)]
            (bench.folder / "commands").write_text("".join(lines))
            with bench.watch() as watch:
                subprocess.run(sftp_command(bench.folder, port), check=True, stdout=subprocess.DEVNULL)
            return watch.seconds

        baseline = Baseline("sftp -b", peer, faster=5, is_whole=True)
        yield from bench.compare("hand over 100 files, 40 ms", product, baseline, grows=False)
