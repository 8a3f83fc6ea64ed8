"""What import-linter cannot check: imports of Django outside the provider seam, and that its own lists are complete."""

import ast
from configparser import ConfigParser
from pathlib import Path
from pkgutil import iter_modules

import pytest
from django.conf import settings

import providers

PLAIN = ("adapters", "transports", "base.py", "formats.py", "gsm.py", "limits.py", "messages.py")


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


def test_the_sandbox_may_import_no_part_of_providers_but_itself() -> None:
    contracts = ConfigParser()
    contracts.read(Path(settings.BASE_DIR, ".importlinter"))
    forbidden = contracts["importlinter:contract:sandbox-reads-for-itself"]["forbidden_modules"].split()
    parts = {module.name for module in iter_modules(providers.__path__)} - {"sandbox"}
    assert {name for name in forbidden if name.startswith("providers.")} == {f"providers.{part}" for part in parts}
