"""Payloads, evidence and uploads in a bucket of an S3-compatible store, which all hosts share."""

from typing import Any

from botocore.config import Config
from storages.backends.s3 import S3Storage

from config import timing

#: What is read beyond so many bytes of a file goes to a temporary file instead of memory.
IN_MEMORY_BYTES = 8 * 1024 * 1024


class BucketStorage(S3Storage):
    """Objects that are durable when ``save`` returns, none ever overwritten.

    The credentials are those that boto3 finds: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the machine's role.
    """

    def __init__(self, **options: Any) -> None:
        # Stores other than Amazon's seldom have a host name for each bucket, and some refuse its newer checksums.
        elsewhere: dict[str, Any] = {}
        if options.get("endpoint_url"):
            elsewhere = {
                "s3": {"addressing_style": "path"},
                "request_checksum_calculation": "when_required",
                "response_checksum_validation": "when_required",
            }
        config = Config(
            connect_timeout=timing.BUCKET_CONNECT,
            read_timeout=timing.BUCKET_ANSWER,
            retries={"total_max_attempts": timing.BUCKET_TRIES, "mode": "standard"},
            signature_version="s3v4",
            **elsewhere,
        )
        super().__init__(
            file_overwrite=False, default_acl=None, max_memory_size=IN_MEMORY_BYTES, client_config=config, **options
        )

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Refuse a name that is taken: a payload's name is derived, so another file there is a mistake."""
        if self.exists(name):
            raise FileExistsError(f"{name} is there already")
        return name
