"""The CUDA compute capability of GPUs by their names, as NVIDIA lists them.

In: a name as the driver says it. Out: the capability, or None where the name is not known: the
request then says so instead of guessing. Sources, as of November 2026: the lists at
developer.nvidia.com/cuda-gpus and developer.nvidia.com/cuda-legacy-gpus; H20 from NVIDIA's MIG User
Guide. Variants which these leave out, as only some buyers get them, stand with their chip: A800,
H800, L2, L20, A10G, T4G, P6.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Words of names, the more telling ones first: "RTX A6000" is no "RTX 6000", "L40S" no "L4".
_KNOWN: Final[tuple[tuple[str, float], ...]] = (
    ("GB10", 12.1),
    ("GB300|B300", 10.3),
    ("GB200|B200", 10.0),
    ("GH200|H200|H100|H800|H20", 9.0),
    ("RTX PRO [2456][05]00 BLACKWELL|RTX 50[5-9]0", 12.0),
    ("RTX [2456][05]00 (?:SFF )?ADA|RTX 5880 ADA|L40S|L40|L20|L4|L2|RTX 40[5-9]0", 8.9),
    ("ORIN", 8.7),
    ("A100|A800|A30", 8.0),
    ("RTX A[2-6][05]00|A40|A16|A10G|A10|A2|RTX 30[5-9]0", 8.6),
    ("QUADRO RTX [34568]000|TITAN RTX|T4G|T4|RTX 20[678]0|GTX 16[56]0|T1000|T[46]00", 7.5),
    ("XAVIER", 7.2),
    ("TITAN V|V100S|V100|QUADRO GV100", 7.0),
    ("TX2", 6.2),
    ("GTX TITAN X", 5.2),
    ("TITAN XP|TITAN X|P40|P6|P4|GTX 10[5-8]0|QUADRO P[1-6][02]00|QUADRO P[456][02]0", 6.1),
    ("P100|QUADRO GP100", 6.0),
    ("M60|M40|QUADRO M[2456]000|GTX 9[5-8]0", 5.2),
    ("M10|GTX 750|QUADRO K2200|QUADRO K1200|QUADRO K620", 5.0),
    ("K80", 3.7),
    ("K40|K20", 3.5),
)
_PATTERNS: Final = tuple(
    (re.compile(rf"\b(?:{names})(?![0-9])", re.IGNORECASE), capability)
    for names, capability in _KNOWN
)


def compute_capability(device: Mapping[str, object]) -> float | None:
    """The capability of a device: as it says itself, else by its name; None where neither tells."""
    told = device.get("compute_capability")
    if isinstance(told, (int, float)):
        return float(told)
    # "Tesla V100-SXM2-32GB", "GeForce RTX 3090 Ti", "A100-SXM4-80GB": one form for all.
    name = re.sub(r"[-_(),]", " ", str(device.get("device_name") or ""))
    for pattern, capability in _PATTERNS:
        if pattern.search(name):
            return capability
    return None
