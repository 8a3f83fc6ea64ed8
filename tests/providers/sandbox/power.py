"""Power cuts: a gateway dies at each of its writes to the disk, one after the other.

for folder, power_cut in power_cuts(tmp_path):
    with power_cut:
        gateway_in(folder).scan(NOW)
    gateway_in(folder).scan(NOW)
    assert ...
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_STEPS = ((os, "fsync"), (Path, "replace"), (Path, "unlink"))


class _Dead(Exception):
    pass


class PowerCut:
    """Ends the block at write ``step`` (from 0), whatever it was about to do; ``came`` is true if it got that far."""

    def __init__(self, step: int) -> None:
        self._left = step
        self.came = False

    def __enter__(self) -> None:
        self._patched = pytest.MonkeyPatch()
        for owner, name in _STEPS:
            self._patched.setattr(owner, name, self._dying(getattr(owner, name)))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._patched.undo()
        self.came = kind is _Dead
        return self.came

    def _dying(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._left == 0:
                raise _Dead
            self._left -= 1
            return real(*args, **kwargs)

        return call


def power_cuts(tmp_path: Path) -> Iterator[tuple[Path, PowerCut]]:
    """A new folder for each step of the code under test; the last time without a cut."""
    for step in range(100):
        folder, power_cut = tmp_path / str(step), PowerCut(step)
        folder.mkdir()
        yield folder, power_cut
        if not power_cut.came:
            assert step > 10
            return
    pytest.fail("it takes more than 100 steps")
