"""Every pause and time limit of contacts, each with its reason. Pure, so that any module can import it."""

from datetime import timedelta

#: An import whose worker has not updated it for this long is offered to another worker by the sweep. Workers update it
#: after every chunk of rows.
OFFER_TO_ANOTHER_WORKER_AFTER = timedelta(seconds=15)

#: A worker that has not updated its import for this long is taken for dead, and another may start the check again.
#: Longer than the sweep's patience, because a restart throws away all rows checked so far. Applying needs no such wait:
#: it continues where the last range ended.
WORKER_IS_DEAD_AFTER = timedelta(seconds=60)

#: Seconds for which a job counts as enqueued when no worker has started it. Afterwards it may be enqueued again,
#: because Redis may have lost it.
ENQUEUED_FOR_SECONDS = 30

#: Seconds for reading a whole sheet. Generous, because the time that the caller spends on the rows counts too.
READ_SHEET_SECONDS = 3_600

#: Seconds for reading the header and the first rows, while a user waits for the page.
PEEK_SECONDS = 60

#: CPU seconds after which the kernel ends the process that reads a sheet: a second limit, independent of the parent.
SHEET_READER_CPU_SECONDS = 1_800

#: Seconds between two requests of a page that shows progress, here and in campaigns: often enough to look live, and
#: each request takes a few queries.
REFRESH_SECONDS = 2
#: The HTTP status that makes htmx stop these requests.
STOP_POLLING = 286
