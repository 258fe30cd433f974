"""Reports made in a process of their own, which ends when nobody asks for a while.

In: questions of a page. Out: the plain content that `scms.widgets.reports.making` makes.
DuckDB, pandas and the warehouse take several times the memory of a kernel that watches; here they
take it while somebody reads reports, and give it back.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final

from scms.errors import ScmsError
from scms.widgets.reports.making import Maker

if TYPE_CHECKING:
    from scms.cluster import Cluster
    from scms.widgets.reports.making import Ask, Drawing, Head, Listing

#: The process ends after so long without a question.
IDLE_SECONDS: Final = 120.0
#: What may be asked.
_QUESTIONS: Final = frozenset({"head", "drawing", "listing", "evidence", "file"})


class Apart:
    """Answers as `scms.widgets.reports.making.Maker` does, from another process.

    Args:
        lab: The cluster; the process opens it anew.
        idle_seconds: After so long without a question the process ends; the next starts another.
    """

    def __init__(self, lab: Cluster, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._lab = lab
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process, while there is one."""
        return self._process

    def head(self, ask: Ask) -> Head:
        """What a report opens with."""
        head: Head = self._answer("head", ask)
        return head

    def drawing(self, ask: Ask, name: str) -> Drawing:
        """One picture of the report."""
        drawing: Drawing = self._answer("drawing", ask, name)
        return drawing

    def listing(self, ask: Ask) -> Listing:
        """A table of use with its chart."""
        listing: Listing = self._answer("listing", ask)
        return listing

    def evidence(self, ask: Ask, name: str) -> Listing:
        """One of the tables behind the findings."""
        listing: Listing = self._answer("evidence", ask, name)
        return listing

    def file(self, ask: Ask, form: str) -> tuple[str, bytes]:
        """The report as a file: name, contents."""
        written: tuple[str, bytes] = self._answer("file", ask, form)
        return written

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _answer(self, question: str, *values: Any) -> Any:
        with self._lock:
            self._wait_no_more()
            try:
                failed, answer = self._exchange((question, values))
            except (OSError, EOFError, pickle.UnpicklingError) as error:
                self._end()
                raise ScmsError(
                    "the process that makes reports has ended before it answered",
                    mend="ask again; where it is killed, this machine has too little memory",
                ) from error
            self._timer = threading.Timer(self._idle_seconds, self.close)
            self._timer.daemon = True
            self._timer.start()
        if failed:
            raise ScmsError(answer)
        return answer

    def _exchange(self, question: tuple[str, tuple[Any, ...]]) -> tuple[bool, Any]:
        if self._process is not None and self._process.poll() is not None:
            self._end()  # somebody killed it
        process = self._process
        if process is None:
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "scms.widgets.reports.apart"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            _write(process.stdin, self._lab)
        _write(process.stdin, question)
        assert process.stdout is not None
        answered: tuple[bool, Any] = pickle.load(process.stdout)  # noqa: S301  our own child
        return answered

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._wait_no_more()
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        process.terminate()
        process.wait()


def _write(pipe: IO[bytes] | None, value: Any) -> None:
    assert pipe is not None
    pickle.dump(value, pipe)
    pipe.flush()


def serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until there are no more questions: what the process does.

    Args:
        questions: A cluster first, then pairs of a question and its values, pickled.
        answers: Pairs: whether it failed, and the answer or the reason.
    """
    maker = Maker(pickle.load(questions))  # noqa: S301  from the kernel that started it
    while True:
        try:
            question, values = pickle.load(questions)  # noqa: S301  as above
        except EOFError:
            return
        assert question in _QUESTIONS
        try:
            answer = (False, getattr(maker, question)(*values))
        except ScmsError as error:
            answer = (True, str(error))
        _write(answers, answer)


def main() -> None:
    """Serve on standard input and output."""
    answers = sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints is no answer
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
