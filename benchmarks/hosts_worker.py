"""The worker of ``benchmarks.hosts``: the product's own, with the provider's connection limit as an argument."""

import os
from dataclasses import replace

from config.worker import TiedWorker
from providers import registry

ADAPTER = registry.all_adapters()["smsportal"]
ADAPTER.limits = replace(ADAPTER.limits, connections=int(os.environ["BENCHMARK_CONNECTIONS"]))


class LimitedWorker(TiedWorker):
    """A worker in a process whose accounts have ``BENCHMARK_CONNECTIONS`` connections each."""
