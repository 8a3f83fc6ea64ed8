"""Every time limit and pause of campaigns, each with its reason. Provider-specific ones are in the adapters' guards."""

from collections.abc import Callable
from datetime import datetime, timedelta

#: Returns the current time in UTC; an argument, so that tests can set it.
Clock = Callable[[], datetime]

# -- handing over

#: A job that drains an account stops after this, between two batches. With the longest batch it is below RQ's timeout.
DRAIN_FOR = timedelta(seconds=60)
#: What the gate checked (approval, opt-outs, window) counts for this long. A worker that wakes later withdraws.
GATE_HOLDS_FOR = timedelta(seconds=60)
#: Pauses before the next try while a provider cannot be reached: longer each time, then the last one again.
RETRY_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 15, 30, 60, 120))
#: After an error of Baton's own with one batch, so that the others go first.
RETRY_AFTER_OWN_ERROR = timedelta(seconds=60)
#: At most so many recipients as the pace allows are handed over in any hour. The gate counts a commit for a little
#: longer, because it may come that much later than its gate.
PACE_PERIOD = timedelta(hours=1) + GATE_HOLDS_FOR
#: With a pace, the files of an hour are at most so many, and of at least so many recipients where the pace allows.
MOST_FILES_AN_HOUR = 12
SMALLEST_PACED_FILE = 100
#: No further file of a paced campaign is created while another has yet to be handed over; that is checked this often.
RETRY_WHILE_A_FILE_WAITS = timedelta(seconds=30)
#: What waits for its allowed hours or its pace is looked at again at least this often, in case the clock was wrong.
LOOK_AGAIN_AFTER = timedelta(hours=1)
#: Another worker holds the campaign's lock; it needs it for a moment only.
RETRY_WHILE_CAMPAIGN_IS_LOCKED = timedelta(seconds=1)
#: The campaign's batches are still being created, and the missing one may be among those to come.
RETRY_WHILE_BATCHES_ARE_CREATED = timedelta(seconds=2)

# -- after a commit whose result is not known

#: The first poll after the connection broke at a commit: providers need a moment until they show a file.
RECOVER_AFTER_BROKEN_COMMIT = timedelta(seconds=2)
#: Between two polls while the provider's report or the end of the guard's pause is awaited; both come soon.
RECOVERY_POLL_PAUSE = timedelta(seconds=5)
#: Between two polls while the campaign is paused or the account stopped: a person acts, so there is no hurry.
RECOVERY_POLL_PAUSE_WHILE_STOPPED = timedelta(seconds=20)
#: How long a commit without an answer is polled for before a person is asked, where no repeat is allowed.
ASK_A_PERSON_AFTER = timedelta(minutes=15)
#: An intent that lies further in the future than this means that the clock was set back, not that two hosts differ.
CLOCKS_DIFFER = timedelta(minutes=2)

# -- polling for results

#: The first poll after a batch was handed over.
FIRST_POLL_AFTER = timedelta(seconds=2)
#: A batch that a person gave up is first polled after this: should the provider take it after all, people are told.
FIRST_POLL_AFTER_GIVING_UP = timedelta(minutes=1)
#: The first poll of a batch that waits for a person; evidence may still decide it.
FIRST_POLL_WHILE_UNCLEAR = timedelta(seconds=10)
#: Pauses grow to a quarter of the time since the hand-over or the result ...
POLL_PAUSE_DIVISOR = 4
#: ... from the shortest to the longest, while a result is awaited ...
SHORTEST_POLL_PAUSE = timedelta(seconds=2)
LONGEST_POLL_PAUSE = timedelta(minutes=2)
#: ... and once there is one, or before a future start: few results arrive then.
SHORTEST_LATE_POLL_PAUSE = timedelta(minutes=1)
LONGEST_LATE_POLL_PAUSE = timedelta(hours=6)
#: Polling continues this long after a batch was settled: late fault files, late reports.
POLL_AFTER_END = timedelta(hours=72)
#: The overview checks the books of campaigns that ended this recently: as long as polling may still change them.
CHECK_ENDED_FOR = POLL_AFTER_END
#: One listing of a folder serves all batches that are polled over the connection, for this long.
LISTING_HOLDS_FOR = timedelta(seconds=30)
#: The connection failed, for all batches that were due to be polled over it.
POLL_AGAIN_AFTER_FAILURE = timedelta(seconds=20)
#: Baton could not read what the provider shows; it will hardly read it sooner by asking often.
POLL_AGAIN_AFTER_OWN_ERROR = timedelta(minutes=5)
#: A person or another poll changed the batch first: poll again and settle from what it is now.
POLL_AGAIN_AFTER_STALE = timedelta(seconds=5)

# -- test handovers

#: A test that could not start for this long, because no worker ran, is cancelled: nobody waits for it any more.
TEST_IS_STALE_AFTER = timedelta(hours=1)
#: How often the page asks for the result of a test, in seconds.
TEST_REFRESH_SECONDS = 2

# -- the sweep

#: Nothing is put off for longer than these. What is due later was written before the clock was set back.
LONGEST_DUE_PAUSE = timedelta(minutes=5)
LONGEST_UNTIL_A_POLL = timedelta(hours=7)
#: The books of a campaign are counted again this often ...
AUDIT_EVERY = timedelta(days=1)
#: ... and those of one that has ended only this often: little but late news changes them.
AUDIT_ENDED_EVERY = timedelta(days=4)

#: What is older than the retention settings allow is erased this often.
PURGE_EVERY = timedelta(days=1)

#: What nobody needs any more, such as expired sessions, is deleted this often.
CLEAN_UP_EVERY = timedelta(days=1)

# -- notices and exports

#: A notice that was read is deleted at this age.
READ_NOTICES_KEPT_FOR = timedelta(days=365)

#: How long after a failure the e-mail of a notice is tried again: half of the notice's age, within these.
SHORTEST_MAIL_PAUSE = timedelta(minutes=1)
LONGEST_MAIL_PAUSE = timedelta(hours=1)
#: After this the e-mail is given up: the notice is out of date by then, and it stays in Baton.
GIVE_UP_MAIL_AFTER = timedelta(days=3)
#: A page says that an e-mail could not be sent once it is this late.
MAIL_IS_LATE_AFTER = timedelta(minutes=5)
#: The file of an export is deleted after this: it holds phone numbers, and it can be made again.
EXPORT_KEPT_FOR = timedelta(days=3)

# -- monitoring

#: Between two looks of the monitor, in seconds.
MONITOR_EVERY = 10
#: The clock stores a sign of life this often; it sweeps more often than that.
CLOCK_BEATS_EVERY = timedelta(seconds=10)
#: A process without a sign of life for this long is stalled. A busy worker shows one every 30 s.
SILENT_AFTER = timedelta(minutes=2)
#: An alarm ends when its cause has been gone for this long, so that one that comes and goes is reported once.
ALARM_ENDS_AFTER = timedelta(minutes=1)
#: Pages say that Redis does not answer until the monitor has not seen it for this long, which is three looks.
ALARM_IS_CURRENT_FOR = timedelta(seconds=30)
#: How long Redis may take to answer the monitor or a health check, in seconds: it is on this machine or close to it.
REDIS_ANSWER_SECONDS = 2.0
#: How long the receiver of a webhook may take to answer, in seconds.
WEBHOOK_ANSWER_SECONDS = 10.0
#: The monitor sends messages for at most this long before it looks again.
SEND_ALARMS_FOR = timedelta(seconds=30)


def retry_pause(failures: int) -> timedelta:
    """How long to wait after so many failures in a row to reach a provider."""
    return RETRY_PAUSES[min(failures, len(RETRY_PAUSES) - 1)]


def mail_pause(age: timedelta) -> timedelta:
    """How long to wait before the next try to send a message of this age: half of it, within limits."""
    return min(max(age / 2, SHORTEST_MAIL_PAUSE), LONGEST_MAIL_PAUSE)


def duration_in_words(lapse: timedelta) -> str:
    """``35 minutes``, ``5 hours`` or ``3 days``, in the largest unit that is still precise enough; rounded down."""
    minutes = int(lapse.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes" if minutes != 1 else "1 minute"
    if minutes < 48 * 60:
        return f"{minutes // 60} hours"
    return f"{minutes // (24 * 60)} days"
