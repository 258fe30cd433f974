"""How fast a GPU model is, to compare cards with each other: a name in, a speed out.

Dense half-precision tensor throughput (FP16 with FP32 accumulation where it differs) of the data
sheets of NVIDIA, in TFLOPS. It says nothing of one's own program; it tells a card of 2017 from one
of 2023.
"""

from __future__ import annotations

from typing import Final

#: From the more special name to the more general: the first that is contained is meant.
_TENSOR_TFLOPS: Final = (
    ("B200", 2250.0),
    ("H200", 989.0),
    ("H100 PCIe", 756.0),
    ("H100", 989.0),
    ("GH200", 989.0),
    ("A100", 312.0),
    ("A800", 312.0),
    ("A40", 150.0),
    ("A30", 165.0),
    ("A10", 125.0),
    ("L40S", 362.0),
    ("L40", 181.0),
    ("L4", 121.0),
    ("RTX 6000 Ada", 364.0),
    ("RTX 5090", 210.0),
    ("RTX 4090", 165.0),
    ("RTX 4080", 97.0),
    ("RTX A6000", 155.0),
    ("RTX A5000", 111.0),
    ("RTX 3090", 71.0),
    ("RTX 3080", 60.0),
    ("RTX 2080 Ti", 54.0),
    ("TITAN RTX", 130.0),
    ("Quadro RTX 8000", 130.0),
    ("Quadro RTX 6000", 130.0),
    ("T4", 65.0),
    ("V100", 125.0),
    ("P100", 18.7),
    ("GTX 1080 Ti", 11.3),
)


def tensor_tflops(model: str | None) -> float | None:
    """The throughput of a GPU model; None for one that is not listed.

    >>> tensor_tflops("NVIDIA A100-SXM4-80GB"), tensor_tflops("NVIDIA NoName")
    (312.0, None)
    """
    if model is None:
        return None
    plain = f" {model.replace('-', ' ')} "
    return next((speed for name, speed in _TENSOR_TFLOPS if f" {name} " in plain), None)
