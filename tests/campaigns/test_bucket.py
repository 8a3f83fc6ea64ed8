"""With a bucket as the storage, nothing needs a file on this host: import, hand-over, evidence and export."""

import secrets
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from moto.server import ThreadedMotoServer
from pytest_django import Settings

from campaigns import exporting
from campaigns.models import Export
from contacts import importing
from contacts.models import ContactList
from providers import identity
from tests.campaigns.life import JOHANNESBURG, MONDAY, Begin, begin

__all__ = ["begin"]
KEY = "test-key"


@pytest.fixture
def bucket(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of an S3-compatible store; the default storage is a bucket of it, under a prefix."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, KEY if "KEY" in name else "eu-west-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=url)
    # The servers of one process share their buckets.
    name = f"baton-{secrets.token_hex(4)}"
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    options = {"bucket_name": name, "location": "one", "endpoint_url": url, "region_name": "eu-west-1"}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "config.bucket.BucketStorage", "OPTIONS": options},
    }
    settings.S3_BUCKET = name
    # Whatever is still written to the folder fails.
    settings.MEDIA_ROOT = tmp_path / "no-folder"
    (tmp_path / "no-folder").touch()
    yield url
    server.stop()


def test_a_campaign_from_sheet_to_export(bucket: str, begin: Begin, operator: User, settings: Settings) -> None:
    identity.verify()
    chosen = ContactList.objects.create(name="Bucket", country="ZA")
    made = importing.upload(chosen, ContentFile(b"Phone\n0825550100\n0825550101\n082\n"), "people.csv", operator)
    importing.confirm(made, {0: "phone"})
    importing.check_rows(made.pk)
    made.refresh_from_db()
    importing.begin_apply(made)
    importing.apply(made.pk)
    assert chosen.contacts.count() == 2

    life = begin({JOHANNESBURG: 1_200})
    life.until(MONDAY + timedelta(hours=3))
    assert life.campaign.status == "closed"
    assert Counter(life.texted().values()) == {1: 1_200}

    export = Export.objects.create(
        campaign=life.campaign, format="csv", created_by=operator, created_at=life.now(), name="all.csv"
    )
    exporting.write(export.pk, life.now)
    export.refresh_from_db()
    assert export.file.read().count(b"\r\n") == 1_201

    client = boto3.client("s3", endpoint_url=bucket)
    stored = [entry["Key"] for entry in client.list_objects_v2(Bucket=settings.S3_BUCKET)["Contents"]]
    assert {name.split("/")[0] for name in stored} == {"one"}
    assert {name.split("/")[1] for name in stored} >= {"installation-id", "imports", "payloads", "exports", "versions"}


def test_no_object_is_overwritten_and_a_missing_one_is_a_missing_file(bucket: str) -> None:
    default_storage.save("payloads/a", ContentFile(b"first"))
    with pytest.raises(FileExistsError):
        default_storage.save("payloads/a", ContentFile(b"second"))
    with default_storage.open("payloads/a") as handle:
        assert handle.read() == b"first"
    with pytest.raises(FileNotFoundError):
        default_storage.open("payloads/b").read()
    default_storage.delete("payloads/b")
