"""SMSPortal "SFTP to SMS", JSON version 7. Document: "SMSPortal SFTP" (docs.smsportal.com/docs/sftp).

Both of its protocols are spoken: SFTP, which it recommends, and FTP.

How a file is handed over: a zip holding one ``.json`` is created in Send_SMS, picked up within 5 seconds, and put into
Processed or Errors. The name of the inner file is unique for 48 hours with SMSPortal, the zip's need not be: so the
inner name is fixed for the batch, and a repeated hand-over of it is dropped by SMSPortal (``File.DuplicateFound``).
"""

from providers.adapters.smsportal.adapter import Adapter
from providers.adapters.smsportal.words import WORDS

__all__ = ["WORDS", "Adapter"]
