"""Write a small warehouse, its hot store and what they say, with the code of a released version.

    cd a checkout of that version
    PYTHONPATH=src:tests python …/tests/recorded/warehouse_0_1.py warehouse_0_1.tar.xz

Paths are in Iceberg's metadata for good. So the warehouse is written below a path of known length,
with manifests that are not compressed: a test puts a path of the same length in its place.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tarfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from scms.warehouse import schema
from warehouse.made import DAY, Place, every, record

if TYPE_CHECKING:
    from scms.collect.record import Record

#: Long enough for any directory of a test.
BASE = Path("/var/tmp/scms_0_1".ljust(200, "_"))
NEXT = DAY + timedelta(days=1)
TABLES = ("server_sample", "device_sample", "process_sample", "event")
QUERIES = (
    "SELECT " + ", ".join(f"(SELECT count(*) FROM {name}) AS {name}" for name in TABLES),
    "SELECT server, starts_at, observed_seconds, cpu_count FROM server_usage_15m ORDER BY ALL",
    "SELECT device, starts_at, busy_seconds, energy_joules FROM device_usage_15m ORDER BY ALL",
    'SELECT server, "user", starts_at, gpu_busy_seconds FROM user_usage_15m ORDER BY ALL',
    "SELECT server, starts_at, gpu_hours_used, energy_kwh FROM usage_daily ORDER BY ALL",
)


def fill(place: Place) -> None:
    """A day that is rolled up, one that is not, and an hour that is still hot."""
    rng = random.Random(1)
    for at in every(60, DAY, NEXT + timedelta(hours=3)):
        if at == NEXT + timedelta(hours=2):
            place.rollup(NEXT)
        for server in ("gpu01", "gpu02"):
            place.hot.append([ticked(rng, at, server)])


def ticked(rng: random.Random, at: datetime, server: str) -> Record:
    busy = rng.random() < 0.5
    device = {
        "device": f"GPU-{server}",
        "device_index": 0,
        "device_name": "A100",
        "state": "busy" if busy else "free",
        "gpu_utilization_ratio": rng.random() if busy else 0.0,
        "memory_total_bytes": 80 * 2**30,
        "memory_used_bytes": rng.randrange(2**36),
        "power_watts": 300.0 if busy else 60.0,
        "observed_seconds": 60.0,
    }
    process = {"user": "ada", "pid": 7, "device": device["device"], "device_state": "busy"}
    return record(
        at,
        server,
        observed_seconds=60.0,
        cpu_count=64,
        cpu_utilization_ratio=rng.random(),
        memory_total_bytes=2**38,
        memory_used_bytes=rng.randrange(2**38),
        gpu_count=1,
        devices=[device],
        processes=[process | {"device_share_ratio": 1.0, "observed_seconds": 60.0}] if busy else [],
        events=[{"detail": "it began"}] if at == DAY else [],
    )


def answer(place: Place, query: str) -> object:
    """The rows of a query, as JSON has them."""
    return json.loads(place.views.frame(query).to_json(orient="records", date_format="iso"))


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member that tells nothing of who made it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def main() -> None:
    schema.PROPERTIES["write.avro.compression-codec"] = "null"
    shutil.rmtree(BASE, ignore_errors=True)
    try:
        place = Place(BASE)
        fill(place)
        answers = {query: answer(place, query) for query in QUERIES}
        (BASE / "answers.json").write_text(json.dumps(answers))
        place.warehouse.close()
        place.hot.close()
        with tarfile.open(sys.argv[1], "w:xz") as tar:
            tar.add(BASE, arcname=".", filter=anonymous)
    finally:
        shutil.rmtree(BASE, ignore_errors=True)


if __name__ == "__main__":
    main()
