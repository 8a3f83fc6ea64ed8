"""The stages, by the name that ``ONLY=`` takes. A module has ``measure(bench, *arguments)``, which yields results."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """``uses_database``: it is measured on each database; a stage that uses none is measured once.

    ``is_asked_for``: it runs only if ``ONLY=`` names it.
    """

    module: str
    arguments: tuple[str, ...] = ()
    uses_database: bool = True
    is_asked_for: bool = False


def _stage(module: str, *arguments: str, uses_database: bool = True, is_asked_for: bool = False) -> Stage:
    return Stage(f"benchmarks.stages.{module}", arguments, uses_database, is_asked_for)


#: In the order in which a campaign goes through them.
STAGES = {
    "read-xlsx": _stage("reading", "xlsx", uses_database=False),
    "read-csv": _stage("reading", "csv", uses_database=False),
    "numbers": _stage("numbers", uses_database=False),
    "import-csv": _stage("imports", "csv"),
    "import-xlsx": _stage("imports", "xlsx"),
    "import-half": _stage("imports", "csv", "half"),
    "import-half-xlsx": _stage("imports", "xlsx", "half"),
    "undo": _stage("undo"),
    "parts": _stage("parts", uses_database=False),
    "freeze": _stage("freezing"),
    "batches-smsportal": _stage("batches", "smsportal"),
    "batches-gatewayapi": _stage("batches", "gatewayapi"),
    "batches-clickatell": _stage("batches", "clickatell"),
    "batches-bulksms": _stage("batches", "bulksms"),
    "sftp": _stage("uploads", "sftp", uses_database=False),
    "sftp-100": _stage("many_files"),
    "ftp": _stage("uploads", "ftp", uses_database=False),
    "poll": _stage("polling"),
    "export": _stage("exports"),
    "pages": _stage("pages"),
    "chain": _stage("chain"),
    "load": _stage("load", is_asked_for=True),
}
