"""The product's settings on a data directory of the tests' own, so that no test ever touches ``var/``.

Processes that a test starts inherit the directory by the environment.
"""

import atexit
import os
import shutil
import tempfile

if "BATON_TEST_DATA" not in os.environ:
    os.environ["BATON_TEST_DATA"] = tempfile.mkdtemp(prefix="baton-tests-")
    atexit.register(shutil.rmtree, os.environ["BATON_TEST_DATA"], ignore_errors=True)
os.environ["DATA"] = os.environ["BATON_TEST_DATA"]
for name in (
    "REDIS_URL",
    "SANDBOX_URL",
    "SELF_APPROVAL",
    "MFA_REQUIRED",
    "BEHIND_TLS",
    "DEBUG",
    "JOURNAL_DIR",
    "TRUSTED_PROXIES",
):
    os.environ.pop(name, None)

from config import installation  # noqa: E402

installation.prepare()

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

# A worker that a test starts works on the test's database, whatever that is called.
DATABASES["default"]["NAME"] = os.environ.get("BATON_TEST_DATABASE", DATABASES["default"]["NAME"])
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
# Tests that start no Valkey log in as well; tests/access/test_limits.py uses the product's cache.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
