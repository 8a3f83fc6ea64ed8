"""The page of settings says what there is, no more and no less."""

import re
from pathlib import Path

from django.conf import settings

READ = re.compile(r'\benv\.\w+\(\s*"([A-Z_]+)"')
LISTED = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)
#: Read by the supervisor, not by Django's settings.
BY_THE_SUPERVISOR = {"PORT"}


def read(path: str) -> str:
    return Path(settings.BASE_DIR, path).read_text()


def test_every_setting_is_listed_and_every_listed_one_exists() -> None:
    existing = set(READ.findall(read("config/settings.py")))
    assert len(existing) > 15
    listed = LISTED.findall(read("docs/settings.md"))
    assert len(listed) == len(set(listed))
    assert set(listed) == existing | BY_THE_SUPERVISOR
    assert 'os.environ.get("PORT")' in read("config/supervisor.py")


def test_the_tests_never_touch_real_data() -> None:
    assert settings.BASE_DIR not in settings.DATA.parents
