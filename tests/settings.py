"""The product's settings with a data directory for the tests, so that no test ever touches ``var/``.

Processes that a test starts inherit the directory through the environment.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import certifi

if "BATON_TEST_DATA" not in os.environ:
    os.environ["BATON_TEST_DATA"] = tempfile.mkdtemp(prefix="baton-tests-")
    atexit.register(shutil.rmtree, os.environ["BATON_TEST_DATA"], ignore_errors=True)
# Each worker of pytest-xdist has a directory, a database and a Valkey of its own.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker and Path(os.environ["BATON_TEST_DATA"]).name != _worker:
    os.environ["BATON_TEST_DATA"] = str(Path(os.environ["BATON_TEST_DATA"]) / _worker)
os.environ["DATA"] = os.environ["BATON_TEST_DATA"]
for name in (
    "REDIS_URL",
    "SANDBOX_URL",
    "SELF_APPROVAL",
    "MFA_REQUIRED",
    "MFA_REQUIRED_ROLES",
    "SESSION_IDLE_MINUTES",
    "SESSION_HOURS",
    "EMAIL_URL",
    "BEHIND_TLS",
    "DEBUG",
    "JOURNAL_DIR",
    "TRUSTED_PROXIES",
):
    os.environ.pop(name, None)
# Each TLS context would read the 140 certificate authorities of the system for 24 ms; no test connects to the internet.
_authority = Path(os.environ["DATA"]) / "authority.pem"
if not _authority.exists():
    _authority.parent.mkdir(parents=True, exist_ok=True)
    _first = Path(certifi.where()).read_text().partition("-----BEGIN CERTIFICATE-----")[2]
    _authority.write_text(
        f"-----BEGIN CERTIFICATE-----{_first.partition('-----END CERTIFICATE-----')[0]}-----END CERTIFICATE-----\n"
    )
os.environ["SSL_CERT_FILE"] = str(_authority)

from config import installation  # noqa: E402

installation.prepare()

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

# A worker that a test starts uses the test's database, whatever its name is.
DATABASES["default"]["NAME"] = os.environ.get("BATON_TEST_DATABASE", DATABASES["default"]["NAME"])
if "init_command" in DATABASES["default"]["OPTIONS"]:
    # The tests prove nothing about power cuts, so there is no need to wait for the disk.
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
# Tests without Valkey also log in; tests/access/test_limits.py uses the product's cache.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
