"""The causes for which GatewayAPI rejects a file."""

SLUG = "gatewayapi"
# The company's error codes. assumption: a rejected file names one of these causes; the document shows no example.
CAUSES = {
    "internal-error": ("0x0101", "Unknown internal error"),
    "encoding": ("0x0208", "Invalid argument, encoding"),
    "unknown-user": ("0x0210", "Invalid username"),
    "columns": ("0x0220", "Unsupported parameter"),
    "missing-parameter": ("0x0222", "Missing required parameter"),
    "msisdn": ("0x0208", "Invalid argument, msisdn"),
    "message": ("0x0208", "Invalid argument, message"),
    "sender": ("0x0208", "Invalid argument, sender"),
    "too-large": ("0x0206", "Insufficient resources, the file is larger than 30 MB"),
    "different-classes": ("0x0208", "Invalid argument, class must be the same for all messages"),
    "unknown-class": ("0x0218", "Unknown message class"),
    "class-not-configured": ("0x021E", "Message class not configured"),
    "insufficient-credit": ("0x0216", "Insufficient credit"),
    "blacklisted": ("0x0215", "MSISDN blacklisted"),
    "temporary-blacklist": ("0x0214", "Temporary blacklist"),
    "destination": ("0x0217", "Unauthorized destination country"),
    "operator": ("0x021F", "Unauthorized destination operator"),
    "same-recipient": ("0x0310", "Same recipient more than once"),
    "priority": ("0x0311", "Priority not available"),
    "not-enabled": ("0x021D", "SMS not enabled for the account"),
    "frozen": ("0x022A", "Account frozen"),
    "filtered": ("0x0312", "Filtered on content"),
}
