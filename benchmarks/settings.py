"""The product's settings on a data directory of the benchmarks, which ``DATA`` names, without Valkey."""

import os

from config import installation

installation.prepare()
os.environ["ALLOW_PRIVATE_HOSTS"] = "1"

from config.settings import *  # noqa: E402, F403
from config.settings import INSTALLED_APPS, STORAGES  # noqa: E402

INSTALLED_APPS = [*INSTALLED_APPS, "import_export"]
ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
