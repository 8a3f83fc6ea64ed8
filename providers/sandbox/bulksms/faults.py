"""What can go wrong at BulkSMS on request."""

from providers.sandbox.bulksms.codes import CODES, SLUG, STATUSES

_REJECTIONS = {
    **{
        f"{SLUG}:status:{code}": f"Every batch is answered with {code}, {words}; nobody is texted."
        for code, words in CODES.items()
        if code > 1
    },
    f"{SLUG}:status:22-halfway": "Every batch is answered with 22 after half of it was texted.",
    f"{SLUG}:status:99": "Every batch is answered with an undocumented status code; nobody is texted.",
}
_ANSWERS = {
    f"{SLUG}:http-500": "A batch is answered with HTTP 500; nobody is texted.",
    f"{SLUG}:http-401": "A batch is answered with HTTP 401; nobody is texted.",
    f"{SLUG}:http-404": "A batch is answered with HTTP 404; nobody is texted.",
    f"{SLUG}:http-302": "A batch is answered with a redirect to another page; nobody is texted.",
    f"{SLUG}:http-502": "A batch is accepted, then a proxy answers with HTTP 502.",
    f"{SLUG}:empty-answer": "A batch is accepted and answered with an empty body.",
    f"{SLUG}:html-answer": "A batch is accepted and answered with a web page.",
    f"{SLUG}:truncated-answer": "A batch is accepted and the connection breaks in the middle of the answer.",
    f"{SLUG}:no-batch-id": "A batch is accepted and answered without its batch id.",
    f"{SLUG}:trailing-pipe": "A batch is accepted, and its answer ends in an extra bar and a line break.",
    f"{SLUG}:credits-failed": "A request for the credit balance is answered with 22.",
}
_REPORTS = {
    f"{SLUG}:report-missing-rows": "Reports leave out every second recipient.",
    f"{SLUG}:report-empty": "Reports name no recipients.",
    **{
        f"{SLUG}:report-status:{code}": f"Reports give every recipient status {code}, {words}."
        for code, words in STATUSES.items()
    },
    f"{SLUG}:report-status:99": "Reports give every recipient an undocumented status.",
    f"{SLUG}:report-other-words": "Reports begin with the older words Results to follow.",
    f"{SLUG}:report-failed": "Requests for a report are answered with 22.",
    f"{SLUG}:report-http-500": "Requests for a report are answered with HTTP 500.",
}
_DUPLICATES = {
    f"{SLUG}:forgets-stop-dup-id": "A stop_dup_id used before is not remembered: the batch is accepted again.",
}
_CONNECTION = {
    f"{SLUG}:refuse-login": "Every user name and password is refused with 23, at every address.",
    f"{SLUG}:down": "Every address answers with HTTP 503.",
    f"{SLUG}:drop-before-processing": "The connection breaks once a batch has arrived; nobody is texted.",
    f"{SLUG}:drop-before-answer": "A batch is accepted, then the connection breaks without an answer.",
    f"{SLUG}:hangs-before-processing": "A batch is never answered; nobody is texted.",
    f"{SLUG}:hangs": "A batch is accepted, then never answered.",
    f"{SLUG}:slow": "A batch is accepted and answered three seconds later.",
}
GROUPS = {
    "Rejections": _REJECTIONS,
    "Answers": _ANSWERS,
    "Reports": _REPORTS,
    "Pickup and duplicates": _DUPLICATES,
    "Connection and servers": _CONNECTION,
}
