"""What every test shares."""

import pytest
from django.conf import LazySettings


@pytest.fixture(autouse=True)
def static_files_without_a_manifest(settings: LazySettings) -> None:
    """Tests draw pages without ``collectstatic`` having run; only the tests of the manifest itself need it."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
