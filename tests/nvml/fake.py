"""The fake NVIDIA driver: compiled once per test run, driven by a text file.

`build(folder, compiler)` compiles it; a `FakeDriver` writes its configuration and says which
environment makes a program use it. See ``fake_nvml.c`` for the keys.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("fake_nvml.c")
GIB = 1024**3


def build(folder: Path, compiler: str) -> Path:
    """Compile the driver into ``folder``; the folder is what LD_LIBRARY_PATH should name."""
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "libnvidia-ml.so.1"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wl,-soname,libnvidia-ml.so.1"]
    subprocess.run([*command, "-o", str(library), str(SOURCE)], check=True)
    return folder


@dataclass(frozen=True)
class FakeDriver:
    """One machine's GPUs: ``set`` writes them, programs that run see the change at once."""

    library_folder: Path
    config: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to load this driver."""
        return {
            "LD_LIBRARY_PATH": str(self.library_folder),
            "FAKE_NVML_CONFIG": str(self.config),
        }

    def set(self, *lines: str, gpus: int = 8, **values: Any) -> None:
        """Write the configuration: ``values`` are for all GPUs, ``lines`` stand as they are."""
        text = "\n".join([f"gpus={gpus}", *(f"{k}={v}" for k, v in values.items()), *lines, ""])
        beside = self.config.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        beside.replace(self.config)

    def set_jobs(self, *jobs: tuple[int, int, int], gpus: int = 8) -> None:
        """GPUs that idle but for ``jobs``: (index, pid, bytes of memory), working at 90 %."""
        lines = []
        for index, pid, memory in jobs:
            lines += [f"gpu.{index}.proc={pid}:{memory}", f"gpu.{index}.util=90"]
            lines += [f"gpu.{index}.used={memory}", f"gpu.{index}.power=350000"]
        self.set(*lines, gpus=gpus)


def uuid(index: int) -> str:
    """The UUID that the fake driver gives a GPU of its own accord."""
    return f"GPU-00000000-0000-0000-0000-{index:012d}"
