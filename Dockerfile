# syntax=docker/dockerfile:1
# Baton without its sandbox. See docs/deploy.md; compose.yaml starts it with everything it needs.

FROM python:3.11-slim-bookworm AS install
WORKDIR /opt/baton
COPY requirements.txt requirements-s3.txt ./
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt \
    && .venv/bin/pip install --no-cache-dir --require-hashes -r requirements-s3.txt

FROM python:3.11-slim-bookworm
# pg_dump and pg_restore, for backups of a PostgreSQL database. Debian keeps only the newest fix of a version.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/baton baton \
    # New volumes take over the owner and the mode of these folders.
    && install --directory --owner baton --group baton --mode 0700 \
        /var/lib/baton /var/lib/baton/keys /var/lib/baton/journal /var/lib/baton/files /var/backups/baton
WORKDIR /opt/baton
COPY --from=install /opt/baton/.venv .venv
COPY . .
ENV BIND=0.0.0.0 \
    DATA=/var/lib/baton \
    PATH=/opt/baton/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
# The first start of a large installation takes a while. Only the web server answers: a container without the role web
# has to disable this check.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s CMD ["python", "-m", "config.healthcheck"]
CMD ["python", "-m", "config.supervisor", "run"]
