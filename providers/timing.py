"""Every time limit on talking to something outside Baton, in seconds, with its reason.

Modules read these as ``timing.NAME`` when they need them, so that tests can shorten them. What a provider's document
says about time (how long it remembers a file, when its report is due) belongs to the adapter instead.

Each operation has a total as well as a limit on each wait: a peer that sends one byte at a time resets the second, and
never the first. Every total is shorter than the time a background job may take. ``providers.time_limits`` lets each
account choose the limits that depend on how slow its server is.
"""

#: To open a TCP connection, unless the account says otherwise. A server that needs longer will hardly get through a
#: transfer either.
CONNECT_SECONDS = 10.0

#: For the greeting of an FTP server, unless the account says otherwise. Something that accepts a connection and stays
#: silent is not an FTP server.
FTP_GREETING_SECONDS = 10.0
#: For the reply to one FTP command, and for each block of data, unless the account says otherwise.
FTP_REPLY_SECONDS = 20.0
#: For the whole login: TLS, user name, password, binary mode and the starting folder. Two replies where the account
#: allows longer ones.
FTP_LOGIN_SECONDS = 40.0
#: For the reply to the end of an upload, or to a rename. After that the outcome is unclear and must be looked up.
FTP_CLOSING_SECONDS = 60.0
#: For any other FTP operation as a whole.
FTP_TOTAL_SECONDS = 240.0
#: For a reply that changes nothing: to QUIT, to the end of TLS, or after a transfer broke. Some servers never send it.
FTP_FAREWELL_SECONDS = 2.0

#: Until the time of a file whose line in a LIST stayed the same is believed: longer than the minute that a line shows.
FTP_LINE_SETTLED_SECONDS = 120.0

#: For the SSH banner and the key exchange, unless the account says otherwise. Servers that look up the name of each
#: client have been seen to take 15 seconds.
SFTP_BANNER_SECONDS = 30.0
#: For the answer to the password, and for the reply to one SFTP request, unless the account says otherwise.
SFTP_REPLY_SECONDS = 20.0
#: For any SFTP operation as a whole.
SFTP_TOTAL_SECONDS = 240.0

#: For the server to accept one block of a request.
HTTP_WRITE_SECONDS = 30.0
#: For the answer to a request, unless the account says otherwise. A provider answers a batch of 30,000 messages only
#: when it has read all of it.
HTTP_REPLY_SECONDS = 120.0
#: For one HTTP request as a whole.
HTTP_TOTAL_SECONDS = 200.0

#: For the sandbox's control server, which answers on the same machine while a person waits for the page.
SANDBOX_SECONDS = 5.0

#: To connect to PostgreSQL for a lock (whole seconds, as libpq wants them).
LOCK_CONNECT_SECONDS = 10
