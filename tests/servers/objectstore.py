"""An S3-compatible object store on loopback: moto's server in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from servers.databases import ADDRESS, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_READY_SECONDS = 60.0


@contextmanager
def object_store(folder: Path, *buckets: str) -> Iterator[dict[str, str]]:
    """Serve some buckets; the environment by which clients find them."""
    from pyarrow.fs import S3FileSystem

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", ADDRESS, "-p", str(port)]
    environment = {
        "AWS_ENDPOINT_URL": f"http://{ADDRESS}:{port}",
        "AWS_ACCESS_KEY_ID": "keeper",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    log = folder / "moto.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **environment}
        )
    try:
        files = S3FileSystem(
            endpoint_override=environment["AWS_ENDPOINT_URL"],
            access_key="keeper",
            secret_key="secret",
            region="us-east-1",
            allow_bucket_creation=True,
            connect_timeout=1,
        )
        deadline = time.monotonic() + _READY_SECONDS
        for bucket in buckets:
            while True:
                try:
                    files.create_dir(bucket)
                except OSError as error:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise AssertionError(log.read_text()) from error
                    time.sleep(0.1)
                else:
                    break
        yield environment
    finally:
        process.kill()
        process.wait(10)
