"""Codes and statuses of Clickatell, and the numbers that always cause an error."""

SLUG = "clickatell"
# API error codes, the list for FTP.
CODES = {
    "001": "Authentication failed",
    "007": "IP Lockdown violation",
    "100": "Data malformed",
    "101": "Invalid or missing parameters",
    "102": "Invalid user data header",
    "105": "Invalid Destination Address",
    "106": "Invalid Source Address",
    "107": "Empty message",
    "108": "Invalid or missing API ID",
    "109": "Missing message ID",
    "113": "Maximum message parts exceeded",
    "114": "Cannot route message",
    "115": "Message expired",
    "116": "Invalid unicode data",
    "120": "Invalid delivery time",
    "121": "Destination mobile number blocked",
    "122": "Destination mobile opted out",
    "123": "Invalid Sender ID",
    "128": "Number delisted",
    "130": "Maximum MT limit exceeded until 1893456000",
    "201": "Invalid batch ID",
    "202": "No batch template",
    "301": "No credit left",
    "302": "Max allowed credit",
    "901": "Internal error - please retry",
}
WHOLE_FILE = ("001", "007", "100", "101", "108", "130", "201", "202", "301", "901")
MAGIC = {"99901": "114", "99902": "122", "99903": "105", "99906": "121", "99907": "128"}
UNNAMED = "99904"
UNDELIVERED = "99905"
# API error codes, message statuses: those that say that a message was not delivered, or not yet.
STATUSES = {
    "005": "Error with message",
    "006": "User cancelled message delivery",
    "009": "Routing error",
    "010": "Message expired",
    "011": "Message queued for later delivery",
    "012": "Out of credit",
    "014": "Maximum MT limit exceeded",
}
