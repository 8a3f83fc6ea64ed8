"""One stage in a process of its own: ``python -m benchmarks.stage NAME DATABASE ROWS FILES RESULTS``."""

import json
import sys
from importlib import import_module
from pathlib import Path

import django
from django.conf import settings

from benchmarks.bench import Bench, exit_on_sigterm
from benchmarks.stages import STAGES


def main(name: str, database: str, rows: str, files: str, results: str) -> None:
    """Measure the stage and append each result to the file ``results`` as a line of JSON."""
    exit_on_sigterm()
    django.setup()
    bench = Bench(int(rows), database, settings.DATA, Path(files))
    stage = STAGES[name]
    module = import_module(stage.module)
    with Path(results).open("a") as out:
        for result in module.measure(bench, *stage.arguments):
            out.write(json.dumps(result.as_json()) + "\n")
            out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
