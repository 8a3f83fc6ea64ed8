"""The sandbox's BulkSMS: the EAPI over HTTP and HTTPS, its forgiving CSV, duplicate memory and delivery reports.

Written from BulkSMS's document alone ("BulkSMS EAPI": send_batch, get_report, get_credits, quote_sms), so that it and
the adapter check each other. Where the document is silent, the assumption is stated; where it can be read in two ways,
this code follows the stricter one.

"Invalid lines that you submit should be ignored; invalid values for fields will be ignored or corrected (e.g. by
truncating values that are too long) as far as possible": so the ledger shows what would really have been texted, and
whatever was silently lost is missing from it.

Numbers that always cause an error, by their last digits:

* ``99901``: cannot be routed; reported with 31, never texted
* ``99902`` and ``99906``: the recipient complained; reported with 32, never texted
* ``99903`` and ``99904``: the line is silently dropped and is in no report
* ``99905``: expires before delivery; reported with 53
* ``99907``: the handset is full; reported with 57
* ``99908``: censored; reported with 33, never texted
* ``99909``: stays in progress; always reported with 0
"""

from providers.sandbox.bulksms.site import Site

__all__ = ["Site"]
