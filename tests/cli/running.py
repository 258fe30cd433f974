"""Runs the command line as its users do: in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def scms(
    *words: str, config: str | Path | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``scms [-c config] words``."""
    options = [] if config is None else ["-c", str(config)]
    command = [sys.executable, "-c", "from scms.cli import main; main()", *options, *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=cwd, check=False
    )


def records(*words: str, config: str | Path) -> Any:
    """What ``scms words --json`` prints, read."""
    done = scms(*words, "--json", config=config)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
