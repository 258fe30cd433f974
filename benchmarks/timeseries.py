"""VictoriaMetrics and Prometheus on loopback, fed with the same values as the warehouse."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.fleet import device_of, server_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.fleet import Day

_READY_SECONDS = 60.0


class Server:
    """One of the two, which answers PromQL."""

    def __init__(self, port: int, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder

    def get(self, path: str, **parameters: str) -> str:
        asked = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(asked, timeout=300) as answer:
            return str(answer.read().decode())

    def post(self, path: str, body: bytes) -> None:
        request = urllib.request.Request(f"{self.url}{path}", data=body, method="POST")
        with urllib.request.urlopen(request, timeout=300) as answer:
            answer.read()

    def query(self, promql: str, at: int) -> int:
        """Ask, and return the number of series of the answer."""
        answer = json.loads(self.get("/api/v1/query", query=promql, time=str(at), nocache="1"))
        return len(answer["data"]["result"])

    def gauge(self, name: str, containing: str = "") -> float:
        lines = self.get("/metrics").splitlines()
        found = [line for line in lines if line.startswith(name) and containing in line]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    def wait(self, path: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError):
                self.get(path)
                return
            time.sleep(0.1)
        raise TimeoutError(self.url)


def _port() -> int:
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def _running(
    program: str, *arguments: str, port: int, folder: Path, ready: str
) -> Iterator[Server]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([program, *arguments], stdout=quiet, stderr=quiet, cwd=folder)
    try:
        server = Server(port, folder)
        server.wait(ready)
        yield server
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def victoria_metrics(days: Iterable[Day], metrics: Sequence[str]) -> Iterator[Server]:
    """VictoriaMetrics with the days in it, merged."""
    folder, port = Path(tempfile.mkdtemp(prefix="scms-vm-")), _port()
    options = [f"-storageDataPath={folder}", f"-httpListenAddr=127.0.0.1:{port}"]
    options += ["-retentionPeriod=100y", "-search.maxPointsPerTimeseries=1000000"]
    with _running(
        "victoria-metrics", *options, port=port, folder=folder, ready="/health"
    ) as server:
        for day in days:
            times = (day.times * 1000).tolist()
            for name in metrics:
                lines = (
                    json.dumps(
                        {
                            "metric": {
                                "__name__": name,
                                "server": server_of(gpu),
                                "device": device_of(gpu),
                            },
                            "values": day.metrics[name][gpu].tolist(),
                            "timestamps": times,
                        }
                    )
                    for gpu in range(day.gpus)
                )
                server.post("/api/v1/import", "\n".join(lines).encode())
        server.get("/internal/force_flush")
        server.get("/internal/force_merge")
        _settled(server)
        yield server


def _settled(server: Server) -> None:
    """Wait until merging has ended: two looks a second apart see the same."""
    before = -1.0
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        now = server.gauge("vm_data_size_bytes")
        if now == before and not server.gauge("vm_active_merges"):
            return
        before = now
        time.sleep(1)


@contextmanager
def prometheus(days: Iterable[Day], metrics: Sequence[str]) -> Iterator[Server]:
    """Prometheus with the days in it, as blocks that promtool makes."""
    folder, port = Path(tempfile.mkdtemp(prefix="scms-prom-")), _port()
    text = folder / "day.txt"
    for day in days:
        with text.open("w") as output:
            for name in metrics:
                output.write(f"# TYPE {name} gauge\n")
                for gpu in range(day.gpus):
                    head = f'{name}{{device="{device_of(gpu)}",server="{server_of(gpu)}"}} '
                    values = day.metrics[name][gpu].tolist()
                    output.writelines(
                        f"{head}{value!r} {at}\n"
                        for value, at in zip(values, day.times.tolist(), strict=True)
                    )
            output.write("# EOF\n")
        subprocess.run(
            ["promtool", "tsdb", "create-blocks-from", "openmetrics", text, folder / "data"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    text.unlink()
    (folder / "prometheus.yml").write_text("{}\n")
    options = [f"--storage.tsdb.path={folder}/data", "--storage.tsdb.retention.time=100y"]
    options += [f"--web.listen-address=127.0.0.1:{port}", "--query.max-samples=500000000"]
    with _running("prometheus", *options, port=port, folder=folder, ready="/-/ready") as server:
        yield server


def block_bytes(server: Server) -> tuple[int, int]:
    """Bytes of Prometheus' chunks, and of chunks and index together."""
    data = server.folder / "data"
    chunks = sum(path.stat().st_size for path in data.glob("*/chunks/*"))
    return chunks, chunks + sum(path.stat().st_size for path in data.glob("*/index"))
