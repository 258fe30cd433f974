"""What goes on beside collection: holds are renewed every minute, and something is learnt hourly.

In: a cluster and how to start ``scms learn``. Out: a thread. Learning happens in a process of its
own, at low priority: it takes statsmodels and seconds of arithmetic, which would make samples late.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Final

from scms.errors import ScmsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scms.cluster import Cluster

TEND_SECONDS: Final = 60.0
LEARN_SECONDS: Final = 3600.0
#: Learning begins a while after the start, when the first rows are there.
_FIRST_LEARN_SECONDS: Final = 300.0
#: Learning that takes longer has gone wrong.
_LEARN_TIMEOUT_SECONDS: Final = 1800.0
_NICE: Final = 10
_logger = logging.getLogger(__name__)


def learn_command(config: str | None) -> list[str]:
    """What to run for ``scms learn``, of the same installation."""
    options = [] if config is None else ["-c", str(config)]
    return [sys.executable, "-c", "from scms.cli import main; main()", *options, "learn"]


class Tending(threading.Thread):
    """Tends holds and learns, until it is stopped.

    Args:
        lab: The cluster.
        command: What to run every hour.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        lab: Cluster,
        command: Sequence[str],
        *,
        tend_seconds: float = TEND_SECONDS,
        first_learn_seconds: float = _FIRST_LEARN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="tending", daemon=True)
        self._lab = lab
        self._command = list(command)
        self._tend_seconds = tend_seconds
        self._clock = clock
        self._learn_at = clock() + first_learn_seconds
        self._learning: subprocess.Popen[bytes] | None = None
        self._stop_at = 0.0
        self._said: set[str] = set()
        self._ending = threading.Event()

    def stop(self, timeout: float = 10.0) -> None:
        """End; learning under way is ended too, for it starts anew at no loss."""
        self._ending.set()
        self.join(timeout)

    def run(self) -> None:
        """Tend now and then; what goes wrong is said once and never ends the thread."""
        while not self._ending.wait(self._tend_seconds):
            try:
                self._lab.tend_holds()
            except ScmsError as error:
                self._say_once(f"holds are not tended: {error}")
            self._learn()
        if self._learning is not None:
            self._learning.terminate()
            self._learning.communicate()

    def _learn(self) -> None:
        """Start learning when it is due, and see what became of it."""
        if self._learning is not None:
            self._watch(self._learning)
        elif self._clock() >= self._learn_at:
            self._learn_at = self._clock() + LEARN_SECONDS
            self._stop_at = self._clock() + _LEARN_TIMEOUT_SECONDS
            try:
                self._learning = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env=os.environ | {"SCMS_NICE": str(_NICE)},
                )
            except OSError as error:
                self._say_once(f"scms learn cannot be started: {error}")

    def _watch(self, learning: subprocess.Popen[bytes]) -> None:
        if learning.poll() is None:
            if self._clock() >= self._stop_at:
                learning.kill()
            return
        self._learning = None
        _, said = learning.communicate()
        if learning.returncode:
            self._say_once(f"nothing was learnt: {said.decode(errors='replace').strip()[-500:]}")

    def _say_once(self, problem: str) -> None:
        if problem not in self._said:
            _logger.warning("%s", problem)
            self._said.add(problem)
