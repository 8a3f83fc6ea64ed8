"""The WSGI application that gunicorn serves."""

import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

# Models can be imported only now.
from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402

from config.timing import KEEP_CONNECTION  # noqa: E402

# Opening a connection takes as long as a third of a page, so each thread keeps its own.
connections.settings["default"]["CONN_MAX_AGE"] = KEEP_CONNECTION

# gunicorn imports this file once and forks its processes, so that each has the code of all pages from the start.
import_module(settings.ROOT_URLCONF)
