"""SMSPortal "SFTP to SMS", JSON version 7. Document: "SMSPortal SFTP" (docs.smsportal.com/docs/sftp).

Both of its protocols are supported: SFTP, which it recommends, and FTP.

How a file is handed over: Baton creates a zip with one ``.json`` file inside it in Send_SMS; SMSPortal picks it up
within 5 seconds and moves it to Processed or Errors. SMSPortal remembers the name of the inner file for 48 hours and
drops a second file with the same name (``File.DuplicateFound``); the name of the zip need not be unique. The inner
name is therefore fixed for the batch, so that SMSPortal drops a repeated hand-over.
"""

from providers.adapters.smsportal.adapter import Adapter
from providers.adapters.smsportal.words import WORDS

__all__ = ["WORDS", "Adapter"]
