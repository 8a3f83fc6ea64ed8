"""BulkSMS EAPI. Documents: "send_batch" (1/1.0), "get_report" (2/2.0), "get_credits" (1/1.1), "quote_sms" (2/2.0).

How a batch is handed over: one POST of an urlencoded form in ISO-8859-1 that holds a CSV of numbers and texts. BulkSMS
answers at once: ``0|IN_PROGRESS|30430``, the last field being its number for the batch. The same ``stop_dup_id`` within
"the past few hours" is not processed again but answered as the first time, so one is fixed for each batch and a request
whose answer was lost is repeated with it. Lines that BulkSMS does not like it drops without a word: its report per
recipient is compared with what was handed over.
"""

from providers.adapters.bulksms.adapter import Adapter

__all__ = ["Adapter"]
