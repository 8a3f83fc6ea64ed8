"""Several hosts of one installation on this machine: each a data directory and processes of its own."""

import os
from pathlib import Path

from django.conf import settings
from django.db import connection

#: How the product starts ``manage.py rqworker``.
RQ_OPTIONS = ("--serializer", "rq.serializers.JSONSerializer", "--worker-class", "config.worker.TiedWorker")


def shared_environment() -> dict[str, str]:
    """What all hosts share: this test's PostgreSQL database, Valkey, keys, journal directory and folder of files."""
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    return {
        "DATABASE_URL": f"postgres://{login}/{database['NAME']}",
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "ACCOUNT_KEYS": ",".join(settings.ACCOUNT_KEYS),
        "INSTALLATION_KEY": settings.INSTALLATION_KEY,
        "BACKUP_KEY": settings.BACKUP_KEY,
        "JOURNAL_DIR": str(settings.JOURNAL_DIR),
        "FILES_DIR": str(settings.MEDIA_ROOT),
        "ALLOW_PRIVATE_HOSTS": "1",
    }


def environment_of(data: Path) -> dict[str, str]:
    """The environment of a process of the host whose data directory is ``data``."""
    kept = {name: value for name, value in os.environ.items() if name != "BATON_TEST_DATA"}
    return {**kept, **shared_environment(), "DATA": str(data), "DJANGO_SETTINGS_MODULE": "config.settings"}
