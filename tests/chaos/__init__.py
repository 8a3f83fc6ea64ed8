"""Baton broken on purpose, at every boundary, against real servers: ``make chaos``.

The real jobs in real worker processes, the real clock, real databases; vsftpd, pyftpdlib, OpenSSH and HTTP in front of
the sandbox's gateways, which write a fsynced ledger of everybody texted. What must hold is asked of the ledger and the
database alone (``invariants``). A naive uploader goes through the same faults as the control.
"""
