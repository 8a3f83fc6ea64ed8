"""Every pause and time limit of starting, watching and ending Baton, in seconds, each with its reason."""

# -- the supervisor

#: Between two checks of signals and children: short enough that a person notices no wait.
TICK = 0.1
#: For the embedded Valkey to answer. It reads its append-only file first, which holds only jobs.
START_VALKEY = 30.0
#: For anything else to start. Several processes import Django at the same time, which is slow on a small machine.
START = 60.0
#: For the web server to answer the supervisor's health check.
HEALTH_ANSWER = 2.0
#: The pause before the first restart of a child that ended; it doubles each time.
FIRST_RESTART_PAUSE = 0.5
#: A child that ended DEATHS times within this time will hardly run after another restart, so Baton stops.
DEATHS, DEATHS_WITHIN = 5, 60.0
#: For a child to end after SIGTERM, before it is killed: longer than gunicorn gives its requests.
END_PROCESS = 15.0
#: For a worker to end: a hand-over job runs for a minute plus its last batch; killing one that runs longer is safe.
END_WORKER = 120.0
#: After this, the supervisor says what it is waiting for.
SAY_WHAT_IS_ENDING_AFTER = 2.0
#: Between two looks whether a log file has become too large.
ROTATE_LOGS_EVERY = 60.0
#: For the Valkey that a killed start left behind to save its jobs and end.
END_LEFTOVER_VALKEY = 10.0
#: Between two checks whether it has ended.
LEFTOVER_VALKEY_PAUSE = 0.1
#: For a Redis server to accept a connection and answer: it is on this machine or close to it.
REDIS_ANSWER = 2.0

#: For another host to finish migrating: a large database takes minutes.
WAIT_FOR_SCHEMA = 600.0
#: Between two looks whether it has.
SCHEMA_PAUSE = 1.0

# -- the bucket

#: To connect to the store of files, and for each part of its answer.
BUCKET_CONNECT, BUCKET_ANSWER = 10, 60
#: A request is tried so often in all. Every object has its own name and bytes, so a repeat is harmless.
BUCKET_TRIES = 3

# -- what it starts

#: Between two sweeps: the longest a due batch or a lost job waits.
SWEEP_EVERY = 2
#: Between two scans of the sandbox's folders: soon enough for the person who watches a demo.
SANDBOX_EVERY = 1
#: gunicorn restarts a web process that shows no life for this long.
WEB_TIMEOUT = 60
#: For running requests when the web server is asked to end.
WEB_GRACE = 10
#: How long a worker waits for a job before it checks whether it was asked to end.
WORKER_WAITS_FOR_JOB = 5
#: How long a worker waits before it asks again a database that did not answer.
WORKER_WAITS_FOR_DATABASE = 5
#: How long a worker waits, at most, before it tries a Redis again that did not answer.
WORKER_TRIES_REDIS_AGAIN = 5.0
#: How long a worker waits for Redis's answer; longer than it waits for a job.
WORKER_WAITS_FOR_REDIS = 60

# -- the demo and the first administrator

#: For the import of the sample, and for each phase of the sample campaigns. All of it takes seconds where it works.
DEMO_STEP = 300.0
#: Between two reads of the import, and of the campaigns, whose books take several queries.
IMPORT_PAUSE, CAMPAIGNS_PAUSE = 0.1, 0.3
#: The link for the first administrator is printed to the terminal and may stay in its history: it works for a day.
FIRST_ADMINISTRATOR_LINK = 24 * 60 * 60
#: A thread of a web process uses the same connection to the database for so many seconds.
KEEP_CONNECTION = 60
