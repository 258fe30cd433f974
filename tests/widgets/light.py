"""What a kernel of its own has imported once it shows a view."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from scms.serve.process import as_toml

if TYPE_CHECKING:
    from pathlib import Path

    from scms.cluster import Cluster

#: What no page needs that only watches.
HEAVY = {"statsmodels", "fabric", "paramiko", "pyiceberg", "duckdb", "scipy"}


def heavy_imports(lab: Cluster, folder: Path, script: str, *more: str) -> set[str]:
    """Which of `HEAVY` and of more a script about ``lab`` has imported in the end."""
    path = folder / "cluster.toml"
    path.write_text(as_toml(lab.inventory))
    whole = (
        f"import json, sys, scms; lab = scms.open(sys.argv[1]); {script};"
        "print(json.dumps([*sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", whole, str(path)], capture_output=True, text=True, check=True
    )
    return (HEAVY | {*more}) & {*json.loads(done.stdout)}
