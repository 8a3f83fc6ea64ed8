"""How long each stage takes, against a peer and a floor measured in the same run: ``make bench``.

``__main__`` runs every stage of ``stages`` in a process of its own, on each database, and writes ``bench.json``.
``bench`` has what a stage measures with, ``people`` the data, ``campaigns`` the rows that a campaign needs.
"""
