"""What can go wrong at Clickatell on request."""

from providers.sandbox.clickatell.codes import CODES, SLUG, STATUSES, WHOLE_FILE
from providers.sandbox.ftp import ftp_faults

_REJECTIONS = {
    **{
        f"{SLUG}:error:{code}": f"Every file is refused with {code}, {words}."
        if code in WHOLE_FILE
        else f"Every message of a file is refused with {code}, {words}."
        for code, words in CODES.items()
    },
    f"{SLUG}:error:901-halfway": "Every file fails with 901 after half of it was texted and logged.",
    f"{SLUG}:error:999": "Every file is refused with an undocumented code.",
}
_LOGS = {
    f"{SLUG}:no-log": "No log is written.",
    f"{SLUG}:late-log": "The log appears two scans late.",
    f"{SLUG}:half-log": "The log names only the first half of the recipients.",
    f"{SLUG}:general-log": "One history.log holds the lines of all files, each under its file's name.",
    f"{SLUG}:bare-log": "Log lines have no time, and name no recipient where the file has only one.",
    f"{SLUG}:tab-log": "Log lines begin with the file's name and are separated by tabs.",
    f"{SLUG}:pipe-log": "The parts of a log line are separated by bars.",
    f"{SLUG}:statuses": "Two scans later the log also gives the status of each message.",
}
_STATUSES = {
    f"{SLUG}:status:{code}": f"Two scans later the log also gives each message the status {code}, {words}."
    for code, words in STATUSES.items()
}
_PICKUP = {
    f"{SLUG}:silent": "Files are not picked up.",
    f"{SLUG}:eager": "Files are picked up while they are still being written.",
    f"{SLUG}:read-while-uploading": "Files are read when only a part has arrived, and not again once they are whole.",
    f"{SLUG}:utf-8": "Files are read as UTF-8 instead of ISO-8859-1.",
}
GROUPS = {
    "Rejections": _REJECTIONS,
    "Logs": _LOGS,
    "Statuses": _STATUSES,
    "Pickup and duplicates": _PICKUP,
    "Connection and servers": ftp_faults(SLUG, {"": "The FTP server"}),
}
