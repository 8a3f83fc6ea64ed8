"""What can go wrong at SMSPortal on request."""

from providers.sandbox.ftp import ftp_faults
from providers.sandbox.smsportal.codes import SLUG

_REJECTIONS = {
    f"{SLUG}:error:incorrect-scheduled-date": "Every file is refused because it ends before it starts.",
    f"{SLUG}:error:required-parameter-missing": "Every file is refused because a required parameter is missing.",
    f"{SLUG}:error:invalid-version": "Every file is refused because of its version.",
    f"{SLUG}:error:parse-error": "Every file is refused because of a field that cannot be processed.",
    f"{SLUG}:error:duplicate-found": "Every file is refused because its name was processed before.",
    f"{SLUG}:error:no-valid-messages": "Every file is refused because nobody in it can be texted.",
    f"{SLUG}:error:no-network-found": "Every contact is refused because its number has no network; nobody is left.",
    f"{SLUG}:error:optout": "Every contact is refused because it has opted out; nobody is left.",
    f"{SLUG}:insufficient-credits": "Every file is refused for lack of credits.",
    f"{SLUG}:internal-error": "Every file fails with an internal error; nobody is texted.",
    f"{SLUG}:internal-error-halfway": "Every file fails with an internal error after half of it was texted.",
    f"{SLUG}:corrupt": "Every file is refused as corrupt.",
}
_REPORTS = {
    f"{SLUG}:no-report": "No fault report is written.",
    f"{SLUG}:text-report": "Fault reports are plain text instead of JSON.",
}
_PICKUP = {
    f"{SLUG}:silent": "Files are not picked up.",
    f"{SLUG}:eager": "Files are picked up while they are still being written.",
    f"{SLUG}:remember-errors": "The name of a readable file that failed is remembered as well.",
}
_CONNECTION = {
    **ftp_faults(SLUG, {"ftp": "The FTP server"}),
    f"{SLUG}:drop-connection": "The connection breaks in the middle of an upload.",
    f"{SLUG}:drop-at-close": "The connection breaks after the last byte, before the upload is confirmed.",
    f"{SLUG}:refuse-login": "Every login is refused.",
    f"{SLUG}:missing-folder": "The folder Send_SMS does not exist.",
    f"{SLUG}:slow": "Uploads are slow.",
}
GROUPS = {
    "Rejections": _REJECTIONS,
    "Reports": _REPORTS,
    "Pickup and duplicates": _PICKUP,
    "Connection and servers": _CONNECTION,
}
