"""A server whose probe lies: what sshd runs instead of what the collector asked for.

    server.extra = liar("endless")      # and restart it

It greets as a probe would, with the nonce of the session, and then does what its mode says.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

MODES = ("endless", "noise", "silent", "bytes", "text", "flood", "drip", "shut")


def liar(mode: str) -> str:
    """The line of sshd_config that makes a server lie."""
    return f"ForceCommand exec {sys.executable} -I {Path(__file__).resolve()} {mode}\n"


def _say(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def _wait() -> None:
    """Until the input ends."""
    while os.read(0, 65536):
        pass


def main(mode: str) -> None:
    """Greet, then lie until nobody reads any more."""
    found = re.search(r" (\w+) READY", os.environ["SSH_ORIGINAL_COMMAND"])
    assert found is not None
    mark = found[1].encode() + b" "
    if mode == "shut":
        return
    if mode == "noise":
        while True:
            _say(b"\x1b[2Jlook at me\n" * 1000)
    _say(mark + b"READY\n")
    if mode == "silent":
        _wait()
    hello = {"type": "hello", "protocol": 1, "hostname": "liar", "boot_id": "b"}
    _say(mark + json.dumps(hello).encode() + b"\n")
    if mode == "endless":
        _say(mark + b'{"type":"sample","x":"')
        for _ in range(1024):
            _say(b"x" * 2**20)
    elif mode == "bytes":
        _say(mark + b'{"type":"sample","x":"\xff\xfe\xc3"}\n')
    elif mode == "text":
        _say(mark + b'{"type":"sample",,}\n')
    elif mode == "drip":
        while True:
            _say(b"x")
            time.sleep(0.01)
    else:
        for n in range(10**9):
            sample = {"type": "sample", "sequence": n, "monotonic": n}
            _say(mark + json.dumps(sample).encode() + b"\n")
    _wait()


if __name__ == "__main__":
    main(sys.argv[1])
