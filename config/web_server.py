"""What gunicorn calls in each of its processes: ``gunicorn --config python:config.web_server``."""


def post_worker_init(worker: object) -> None:
    """Check the installation in each process, so that none shares a connection to a storage with the others."""
    # gunicorn reads this file before Django is set up.
    from config.startup import verify_installation  # noqa: PLC0415

    verify_installation()
