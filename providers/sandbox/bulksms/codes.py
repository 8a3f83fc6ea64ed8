"""Status codes of BulkSMS, and the numbers that always cause an error."""

from dataclasses import dataclass

SLUG = "bulksms"
# send_batch, "Possible values for status_code"; the words in capitals come from the document's example.
CODES = {
    0: "IN_PROGRESS",
    1: "SCHEDULED",
    22: "Internal fatal error",
    23: "Authentication failure",
    24: "Data validation failed",
    25: "You do not have sufficient credits",
    26: "Upstream credits not available",
    27: "You have exceeded your daily quota",
    28: "Upstream quota exceeded",
    40: "Temporarily unavailable",
    201: "Maximum batch size exceeded (current maximum size: 30,000 messages)",
}
# get_report, the status codes of one message.
STATUSES = {
    0: "In progress",
    10: "Delivered upstream",
    11: "Delivered to mobile",
    12: "Delivered upstream unacknowledged (assume message is in progress)",
    22: "Internal fatal error",
    23: "Authentication failure",
    24: "Data validation failed",
    25: "You do not have sufficient credits",
    26: "Upstream credits not available",
    27: "You have exceeded your daily quota",
    28: "Upstream quota exceeded",
    29: "Message sending cancelled",
    31: "Unroutable",
    32: "Blocked (probably because of a recipient's complaint against you)",
    33: "Failed: censored",
    40: "Temporarily unavailable",
    50: "Delivery failed - generic failure",
    51: "Delivery to phone failed",
    52: "Delivery to network failed",
    53: "Message expired",
    54: "Failed on remote network",
    55: "Failed: remotely blocked",
    56: "Failed: remotely censored",
    57: "Failed due to fault on handset",
    60: "Transient upstream failure",
    61: "Upstream status update",
    62: "Upstream cancel failed",
    63: "Queued for retry after temporary failure delivering",
    64: "Queued for retry after temporary failure delivering, due to fault on handset",
    70: "Unknown upstream status",
}
# The final status of a number in reports, by the number's last digits.
MAGIC = {"99901": 31, "99902": 32, "99905": 53, "99906": 32, "99907": 57, "99908": 33, "99909": 0}
DROPPED = ("99903", "99904")
NEVER_TEXTED = (31, 32, 33)
DELIVERED = 11


@dataclass(frozen=True)
class Answer:
    """``code|description|batch_id``; ``batch_id`` is 0 if there is none."""

    code: int
    description: str
    batch_id: int = 0

    def line(self) -> str:
        """Return the answer as sent: a failure ends in a bar and a line break, as BulkSMS's own answers do."""
        if self.batch_id:
            return f"{self.code}|{self.description}|{self.batch_id}"
        return f"{self.code}|{self.description}|\n"


class Failed(Exception):
    """A request fails with one of CODES; the message is the description."""

    def __init__(self, code: int, description: str = "") -> None:
        super().__init__(description or CODES[code])
        self.code = code
        self.description = description or CODES[code]
