"""What the kernel of a simulated server says beyond load and memory: pressure, clocks, sensors.

In: what its jobs use at given times. Out: per time the fields of the protocol, all functions of
what is known already, so that they agree with it and cost little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from scms.demo.noise import Floats
    from scms.demo.roster import ServerSpec

_READ_BYTES: Final = 128 * 1024
_WRITE_BYTES: Final = 64 * 1024
_BASE_HERTZ: Final = 2.3e9
_TURBO_HERTZ: Final = 1.1e9


def kernel_facts(
    spec: ServerSpec, cores: Floats, flows: Floats, waves: Floats, available: Floats
) -> list[dict[str, object]]:
    """For each time the fields that are read at every tick.

    Args:
        spec: The server.
        cores: Cores in use by jobs.
        flows: Bytes read, written, received and sent since boot, a row per time.
        waves: Noise in [-1, 1], a row per time with at least two columns.
        available: Bytes of memory that new work could take.
    """
    share = np.clip(cores / spec.cpus, 0.0, 1.0)
    calm, rough = 0.5 + 0.5 * waves[:, 0], 0.5 + 0.5 * waves[:, 1]
    crowded = np.clip(1 - available / (0.15 * spec.memory_bytes), 0.0, 1.0)
    pressure = np.stack(
        [
            np.clip(share - 0.35, 0.0, 0.9) + 0.004 * calm,
            0.2 * crowded,
            0.1 * crowded,
            0.06 * share * rough,
            0.02 * share * rough,
        ],
        axis=1,
    )
    operations = np.stack([flows[:, 0] // _READ_BYTES, flows[:, 1] // _WRITE_BYTES], axis=1)
    # Cores are slower when many are in use, and warmer.
    hertz = np.round((_BASE_HERTZ + _TURBO_HERTZ * (1 - 0.7 * share) * (0.7 + 0.3 * calm)) / 1e6)
    celsius = np.round(np.stack([36 + 34 * share + 3 * calm, 33 + 9 * rough], axis=1))
    cached = (0.35 * available).astype(np.int64)
    chip = "k10temp" if "AMD" in spec.cpu_model else "coretemp"
    blocked = np.floor(2.4 * share * rough).astype(np.int64)
    columns = zip(
        np.round(pressure, 4).tolist(),
        operations.astype(np.int64).tolist(),
        (hertz * 1e6).tolist(),
        celsius.tolist(),
        cached.tolist(),
        blocked.tolist(),
        strict=True,
    )
    return [
        {
            "pressure": said,
            "swap": [0, 0],
            "disk_operations": done,
            "network_errors": 0,
            "cpu_frequency": clock,
            "temperatures": [[chip, warm], ["nvme", disk]],
            "cached": held,
            "process_states": [0, waiting],
        }
        for said, done, clock, (warm, disk), held, waiting in columns
    ]


def scanned(flows: list[int], operations: list[int]) -> dict[str, object]:
    """What comes with a process scan: the one disk and the one interface of a server."""
    read, written, received, sent = flows
    waited = 2 * operations[0] + operations[1]
    busy = operations[0] // 4 + operations[1] // 5
    return {
        "disks": [["nvme0n1", read, written, *operations, waited, busy]],
        "interfaces": [["eno1", received, sent, 0, 0]],
    }
