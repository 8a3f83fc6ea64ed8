"""The section *One host* of docs/deploy.md, followed from a bare directory to a healthy Baton behind nginx."""

import http.client
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from django.conf import settings

from config.roles import QUEUES
from tests import debian
from tests.postgresql import free_port
from tests.providers.servers import certificate
from tests.waiting import wait_until

ROOT = Path(settings.BASE_DIR)
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
#: What the page names, and where the test has it.
PLACES = {"/opt/baton": "opt", "/etc/baton": "etc", "/var/lib/baton": "data", "/var/backups/baton": "backups"}


class Proxy(NamedTuple):
    """A running nginx: the port behind it, its own port for TLS, and what trusts its certificate."""

    baton: int
    secure: int
    trusts: ssl.SSLContext


def moved(text: str, home: Path) -> str:
    """The text with the directories of this test in place of the page's."""
    for named, ours in PLACES.items():
        text = text.replace(named, str(home / ours))
    return text


def commands() -> list[str]:
    """The blocks of the section that can be run without being root."""
    [section] = re.findall(r"^## One host\n(.*?)^## ", (ROOT / "docs/deploy.md").read_text(), re.DOTALL | re.MULTILINE)
    return re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)


def environment(home: Path, port: int) -> dict[str, str]:
    """An environment without any setting of this test run, as a new login has it."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "PORT": str(port)}


def unit_of(name: str) -> dict[str, str]:
    lines = (ROOT / "deploy/systemd" / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


@pytest.fixture
def home() -> Iterator[Path]:
    """The directories that root creates, with the release in one of them; the path of a socket must be short."""
    made = Path(tempfile.mkdtemp(prefix="baton-deploy-"))
    for ours in PLACES.values():
        (made / ours).mkdir(mode=0o700)
    (made / "data/tmp").mkdir()
    release = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, release.split("\0")):
        if not name.startswith(("tests/", "docs/screenshots/")) and (ROOT / name).exists():
            (made / "opt" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, made / "opt" / name)
    # Installed from the same file, with the same checksums, by the Makefile.
    (made / "opt/.venv").symlink_to(ROOT / ".venv")
    yield made
    shutil.rmtree(made)


def attempt(block: str, home: Path, port: int) -> subprocess.CompletedProcess[bytes]:
    command = ["bash", "-euc", moved(block, home)]
    return subprocess.run(command, env=environment(home, port), capture_output=True, check=False, cwd=home)


def run(block: str, home: Path, port: int) -> str:
    ran = attempt(block, home, port)
    assert ran.returncode == 0, (block, ran.stdout.decode(), ran.stderr.decode())
    return ran.stdout.decode()


def start(home: Path, port: int) -> subprocess.Popen[bytes]:
    """What systemd starts."""
    unit = unit_of("baton.service")
    read = f"set -a; . {unit['EnvironmentFile']}; set +a; cd {unit['WorkingDirectory']}; exec {unit['ExecStart']}"
    with (home / "said.txt").open("ab") as output:
        return subprocess.Popen(
            ["bash", "-euc", moved(read, home)],
            env=environment(home, port),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes], home: Path) -> None:
    """What systemd does to end it."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=150) == 0, (home / "said.txt").read_text()


@pytest.fixture
def nginx(home: Path, request: pytest.FixtureRequest) -> Iterator[Proxy]:
    """The example in front of a port where Baton will listen."""
    program = debian.require("nginx", request.node.nodeid)
    baton, plain, secure = free_port(), free_port(), free_port()
    trusted = certificate(home)
    example = (ROOT / "deploy/nginx/baton.conf").read_text()
    for before, after in (
        (r"listen 80;", f"listen 127.0.0.1:{plain};"),
        (r"listen 443 ", f"listen 127.0.0.1:{secure} "),
        (r"\n *listen \[::\].*", ""),
        (r"/etc/letsencrypt\S*/fullchain.pem", f"{home}/server.pem"),
        (r"/etc/letsencrypt\S*/privkey.pem", f"{home}/server.pem"),
        (r"127\.0\.0\.1:8000", f"127.0.0.1:{baton}"),
    ):
        example, count = re.subn(before, after, example)
        assert count, before
    temporary = "".join(
        f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    log = f"error_log {home}/nginx.log;"
    whole = f"pid {home}/nginx.pid; {log} events {{}} http {{ access_log off; {temporary} {example} }}"
    (home / "nginx.conf").write_text(whole)
    command = [program, "-c", str(home / "nginx.conf"), "-e", str(home / "nginx.log")]
    subprocess.run([*command, "-t"], check=True)
    process = subprocess.Popen([*command, "-g", "daemon off;"], start_new_session=True)
    yield Proxy(baton, secure, ssl.create_default_context(cadata=trusted))
    process.terminate()
    process.wait(timeout=20)


def page(proxy: Proxy, path: str) -> http.client.HTTPResponse:
    asking = http.client.HTTPSConnection("127.0.0.1", proxy.secure, context=proxy.trusts, timeout=20)
    asking.request("GET", path, headers={"Host": "baton.example.org"})
    return asking.getresponse()


@pytest.mark.slow
@pytest.mark.needs("nginx")
@pytest.mark.timeout(600)
def test_the_page_leads_to_a_healthy_baton_and_its_backup_back_to_one(home: Path, nginx: Proxy) -> None:
    port = nginx.baton
    install, *prepare, check, backup = commands()
    assert "--require-hashes" in install
    for block in prepare:
        run(block, home, port)
    process = start(home, port)
    try:
        said = home / "said.txt"
        wait_until(lambda: "ready: " in said.read_text() or process.poll() is not None, "it is ready", 240)
        assert "https://baton.example.org/first-administrator/" in said.read_text(), said.read_text()
        assert run(check, home, port) == "Baton answers.\n"
        answer = page(nginx, "/login/login/")
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"]
        run(backup, home, port)
        [made] = (home / "backups").iterdir()
        restore = check.replace("-m config.healthcheck", f"manage.py restore {made}")
        assert b"Baton is already running" in attempt(restore, home, port).stderr
    finally:
        end(process, home)
    (home / "data/baton.sqlite3").unlink()
    shutil.rmtree(home / "data/files")
    run(restore, home, port)
    process = start(home, port)
    try:
        wait_until(lambda: said.read_text().count("ready: ") == 2 or process.poll() is not None, "it is ready", 240)
        assert run(check, home, port) == "Baton answers.\n"
    finally:
        end(process, home)


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_units_and_finds_them_confined(unit: Path, tmp_path: Path) -> None:
    program = debian.require("systemd-analyze", unit.name)
    # The command of the unit must exist where it is verified.
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/baton", str(ROOT)))
    for check in (["verify", "--man=no", str(copy)], ["security", "--offline=true", "--threshold=20", str(copy)]):
        ran = subprocess.run([program, "--no-pager", *check], capture_output=True, check=False)
        assert ran.returncode == 0, ran.stdout.decode() + ran.stderr.decode()
        assert check[0] != "verify" or not ran.stderr, ran.stderr.decode()


def test_the_containers_have_every_role_once_and_share_what_hosts_share() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    roles = {
        name: one["environment"]["ROLES"] for name, one in services.items() if "ROLES" in one.get("environment", {})
    }
    assert sorted(roles.values()) == sorted(QUEUES)
    shared = ("keys:/var/lib/baton/keys", "journal:/var/lib/baton/journal", "files:/var/lib/baton/files")
    for name in (*roles, "migrate", "backup"):
        assert set(shared) <= set(services[name]["volumes"]), name
        assert services[name]["environment"]["BEHIND_TLS"] == "on"
        assert services[name]["env_file"] == [{"path": "settings.env", "required": False}]
    # A journal and a sign of life are named after the host: a new container must have the same name.
    for name in roles:
        assert services[name]["hostname"] == name
    # Nothing but the proxy can be reached from outside.
    assert [name for name, one in services.items() if "ports" in one] == ["proxy"]


def test_the_image_runs_the_command_of_the_unit_as_nobody_else() -> None:
    text = (ROOT / "Dockerfile").read_text()
    command = unit_of("baton.service")["ExecStart"]
    [shown] = re.findall(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert shlex.split(command)[1:] == yaml.safe_load(shown)[1:]
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert text.index("--require-hashes") < text.index("USER")
