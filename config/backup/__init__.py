"""Backups: one encrypted file with the database, the files and a copy of the journals; the keys are kept elsewhere."""
