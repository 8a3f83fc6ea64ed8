"""Error codes of SMSPortal."""

SLUG = "smsportal"
# SMSPortal SFTP, "Error Codes": the complete list.
CODES = {
    "InsufficientCredits": "Not enough Credits are available to fulfill the request.",
    "IncorrectScheduledDate": "The specified End Date is earlier than the Start Date.",
    "MSISDN.NoNetworkFound": "The MSISDN specified has no network associated with it. "
    "The send to this number could not be completed.",
    "MSISDN.Optout": "The MSISDN has Opted Out of your service. The message will not be sent to this address.",
    "RequiredParameter.Missing": "A required parameter was either not specified or was empty.",
    "File.InvalidVersion": "The file version was not specified or is invalid. "
    "Consult the API documentation for valid version numbers and formats.",
    "File.ParseError": "Some fields within the file could not be processed. Please view fault report.",
    "File.DuplicateFound": "A file with the same name has already been processed. "
    "The duplicate will not be processed to prevent duplicate sends.",
    "File.Corrupt": "The file was unparsable.",
    "EmptySend.NoValidMessages": "The file either contained no valid messages or the supplied messages could not "
    "be sent (eg. all numbers have already opted out).",
    "InternalServerError": "An internal error has occurred. If the error persists, please contact support.",
}
FILE_ERRORS = {
    "incorrect-scheduled-date": "IncorrectScheduledDate",
    "required-parameter-missing": "RequiredParameter.Missing",
    "invalid-version": "File.InvalidVersion",
    "parse-error": "File.ParseError",
    "duplicate-found": "File.DuplicateFound",
    "no-valid-messages": "EmptySend.NoValidMessages",
}
CONTACT_ERRORS = {"no-network-found": "MSISDN.NoNetworkFound", "optout": "MSISDN.Optout"}
