"""What import-linter cannot check: the parts of Django that code outside the provider seam may not import."""

import ast
from pathlib import Path

import pytest
from django.conf import settings

PLAIN = ("adapters", "transports", "base.py", "formats.py", "gsm.py")


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


@pytest.mark.parametrize("part", PLAIN)
def test_adapters_and_transports_import_no_database_and_no_settings(part: str) -> None:
    place = Path(settings.BASE_DIR, "providers", part)
    files = [place] if place.is_file() else list(place.rglob("*.py"))
    assert files
    for file in files:
        forbidden = {name for name in imported(file) if name.startswith(("django.conf", "django.db"))}
        assert not forbidden, f"{file.name} imports {', '.join(forbidden)}"
