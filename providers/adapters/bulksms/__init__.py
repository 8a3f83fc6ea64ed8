"""The BulkSMS EAPI: one HTTPS request for each batch.

Documents: "send_batch" (1/1.0), "get_report" (2/2.0), "get_credits" (1/1.1), "quote_sms" (2/2.0).

A batch is handed over as one POST of an urlencoded form in ISO-8859-1 that contains a CSV of numbers and texts. BulkSMS
answers at once: ``0|IN_PROGRESS|30430``, where the last field is BulkSMS's batch id. A ``stop_dup_id`` that was used
within "the past few hours" is not processed again but gets the first answer again. So each batch has a fixed one, and a
request whose answer was lost is repeated with it. BulkSMS silently drops lines that it does not accept, so its report
per recipient is compared with what was handed over.
"""

from providers.adapters.bulksms.adapter import Adapter

__all__ = ["Adapter"]
