"""Fault injection against real servers, at every boundary of Baton: ``make chaos``.

The real jobs run in real worker processes with the real clock and real databases; vsftpd, pyftpdlib, OpenSSH and HTTP
stand in front of the sandbox's gateways, which write a fsynced ledger of everybody texted. The invariants are checked
against the ledger and the database alone (``invariants``). A naive uploader goes
through the same faults as the control.
"""
