"""Python's search for cycles among objects, while many rows are in memory."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Objects are searched after this many more of them were made than freed. Python's default is 700.
MADE_BEFORE_COLLECTION = 100_000


@contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Have Python search for cycles seldom in the block: rows form none, but it would search all of them often.

    In an import that took a seventh of the time, and in the creation of batches as long as rendering. Not never,
    because errors may leave cycles.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(MADE_BEFORE_COLLECTION, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
