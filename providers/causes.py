"""What kind of thing went wrong, by the codes of providers and connections; the next step of people depends on it."""

from enum import StrEnum


class Cause(StrEnum):
    """The kind of a cause, by who can do something about it."""

    CREDIT = "credit"
    """The account has too little credit."""
    NUMBER = "number"
    """The number is wrong, or cannot be reached."""
    OPTED_OUT = "opted_out"
    """The person wants no texts. Baton records the opt-out."""
    TEXT = "text"
    """The provider does not accept the text."""
    SENDER = "sender"
    """The provider does not accept the sender."""
    SETTINGS = "settings"
    """The provider does not accept an option or a time of the campaign."""
    ACCOUNT = "account"
    """The login, a setting of the account, or the connection is wrong."""
    TEMPORARY = "temporary"
    """Nobody was texted, and another try may succeed."""
    PROVIDER = "provider"
    """Only the provider can explain or change it."""
    BATON = "baton"
    """Something about this installation: its storage, its clock or its code."""
    UNDELIVERED = "undelivered"
    """The provider accepted the text, and it did not reach the phone."""
    PROGRESS = "progress"
    """Nothing went wrong: it says how far the file is."""


#: The codes of the transports, and of what all adapters share.
CONNECTION: dict[str, Cause] = {
    "address_unusable": Cause.ACCOUNT,
    "answer_too_long": Cause.PROVIDER,
    "binary_refused": Cause.PROVIDER,
    "busy": Cause.TEMPORARY,
    "certificate_refused": Cause.ACCOUNT,
    "certificate_unreadable": Cause.ACCOUNT,
    "command_refused": Cause.PROVIDER,
    "connect_failed": Cause.ACCOUNT,
    "connect_timeout": Cause.ACCOUNT,
    "folder_forbidden": Cause.ACCOUNT,
    "folder_missing": Cause.ACCOUNT,
    "greeting_refused": Cause.TEMPORARY,
    "host_key_changed": Cause.ACCOUNT,
    "host_key_unknown": Cause.ACCOUNT,
    "host_private": Cause.ACCOUNT,
    "host_removed": Cause.ACCOUNT,
    "host_unknown": Cause.ACCOUNT,
    "line_break": Cause.ACCOUNT,
    "line_broken": Cause.TEMPORARY,
    "list_too_long": Cause.PROVIDER,
    "listing_unreadable": Cause.PROVIDER,
    "listing_unsupported": Cause.PROVIDER,
    "login_asks_more": Cause.PROVIDER,
    "login_refused": Cause.ACCOUNT,
    "login_unanswered": Cause.ACCOUNT,
    "name_taken": Cause.PROVIDER,
    "no_answer": Cause.PROVIDER,
    "no_common_encryption": Cause.PROVIDER,
    "no_ftp_answer": Cause.ACCOUNT,
    "no_host_answers": Cause.ACCOUNT,
    "no_ssh_answer": Cause.ACCOUNT,
    "passive_refused": Cause.ACCOUNT,
    "plain_http_refused": Cause.ACCOUNT,
    "rename_broken": Cause.PROVIDER,
    "rename_refused": Cause.PROVIDER,
    "rename_source_missing": Cause.PROVIDER,
    "reply_timeout": Cause.TEMPORARY,
    "secrets_unreadable": Cause.ACCOUNT,
    "server_full": Cause.TEMPORARY,
    "sftp_refused": Cause.PROVIDER,
    "size_unsupported": Cause.PROVIDER,
    "tls_failed": Cause.ACCOUNT,
    "tls_refused": Cause.ACCOUNT,
    "tls_required": Cause.ACCOUNT,
    "upload_broken": Cause.PROVIDER,
    "upload_cut": Cause.PROVIDER,
    "upload_refused": Cause.PROVIDER,
}
