"""The page of settings lists exactly the settings that exist."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

READ = re.compile(r'\benv\.\w+\(\s*"([A-Z_]+)"')
LISTED = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)
#: Read elsewhere than in Django's settings, and where.
ELSEWHERE = {
    "PORT": "config/supervisor.py",
    "DATA": "config/installation.py",
    "ROLES": "config/roles.py",
    "BIND": "config/healthcheck.py",
    "HANDOVER_WORKERS": "config/roles.py",
}


def read(path: str) -> str:
    return Path(settings.BASE_DIR, path).read_text()


def test_every_setting_is_listed_and_every_listed_one_exists() -> None:
    existing = set(READ.findall(read("config/settings.py")))
    assert len(existing) > 15
    listed = LISTED.findall(read("docs/settings.md"))
    assert len(listed) == len(set(listed))
    assert set(listed) == existing | set(ELSEWHERE)
    for name, path in ELSEWHERE.items():
        assert re.search(rf'\b(os\.environ|environment)\.get\("{name}"', read(path))


def test_the_tests_never_touch_real_data() -> None:
    assert settings.BASE_DIR not in settings.DATA.parents


def run(data: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATA": str(data), "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = (sys.executable, *command)
    return subprocess.run(command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True)


def test_reading_the_settings_creates_nothing_and_says_how_to(tmp_path: Path) -> None:
    data = tmp_path / "data"
    refused = run(data, "manage.py", "check")
    assert refused.returncode == 1
    assert "python -m config.installation" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not data.exists()


def test_preparing_creates_the_directory_and_keys_for_this_user_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run(data, "-m", "config.installation").returncode == 0
    assert stat.S_IMODE(data.stat().st_mode) == stat.S_IMODE((data / "keys").stat().st_mode) == 0o700
    keys = {path.name: path.read_text() for path in (data / "keys").iterdir()}
    assert set(keys) == {"secret_key", "account_key", "installation_key", "backup_key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (data / "keys").iterdir()} == {0o600}

    assert run(data, "-m", "config.installation").returncode == 0
    assert {path.name: path.read_text() for path in (data / "keys").iterdir()} == keys
    assert run(data, "manage.py", "check").returncode == 0
    assert {path.name for path in data.iterdir()} == {"keys"}


def test_behind_tls_cookies_are_bound_to_the_host_and_hsts_goes_as_far_as_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_KEY", "ACCOUNT_KEYS", "INSTALLATION_KEY", "BACKUP_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("BEHIND_TLS", "1")
    names = ("SECONDS", "INCLUDE_SUBDOMAINS", "PRELOAD")
    program = f"from django.conf import settings as s; print([getattr(s, f'SECURE_HSTS_{{n}}') for n in {names}])"
    cookies = "; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE)"
    expected = "[31536000, False, False]\n__Host-sessionid __Host-csrftoken True True\n"
    assert run(tmp_path, "-c", program + cookies).stdout == expected
    monkeypatch.setenv("HSTS_PRELOAD", "1")
    assert "HSTS_PRELOAD needs HSTS_SUBDOMAINS" in run(tmp_path, "-c", program).stderr
    monkeypatch.setenv("HSTS_SUBDOMAINS", "1")
    assert run(tmp_path, "-c", program).stdout == "[31536000, True, True]\n"
    monkeypatch.setenv("HSTS_SECONDS", "0")
    assert run(tmp_path, "-c", program).stdout == "[0, False, False]\n"
