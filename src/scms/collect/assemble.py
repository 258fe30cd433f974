"""The ticks and failures of one server become records, with the events between them.

An `Assembler` outlives the sessions of its server: it remembers the tick before, since when a
device has done nothing, and what was last said, so that a change becomes an event. Time is passed
in, so that the past (`scms.demo`) is assembled by the same code as the present.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.collect import rows
from scms.collect.record import Record, Row, complete
from scms.collect.standing import Standing
from scms.states import HELD_MEMORY_BYTES, WORKING_UTILIZATION_RATIO, DeviceState, ServerState
from scms.tables import DEVICE_SAMPLE, EVENT, PROCESS_SAMPLE, SERVER_SAMPLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scms.collect.channel import SessionKind
    from scms.collect.message import Device, Hello, Tick

#: From this offset of its clock on, a server is degraded.
SKEW_SECONDS: Final = 60.0
#: The longest time one failed try may stand for: the collector itself may have slept.
MAX_DOWN_SECONDS: Final = 120.0
#: After a longer gap, or more than `rows.MAX_INTERVALS`, nobody knows what a device has done.
UNSEEN_SECONDS: Final = 600.0
#: What mends a problem of the driver that begins so.
MENDS: Final = {
    "no driver": "install the NVIDIA driver there",
    "driver not loaded": "run there: sudo modprobe nvidia",
    "driver/library mismatch": "run there: sudo reboot",
}
Problem = tuple[str, str]
NO_PYTHON: Final = (
    "no Python 3 there, so its shell watches it and tells less; "
    "install Python 3.6 or later there, such as: sudo apt install python3"
)


class Assembler:
    """Makes the records of one server. Not thread-safe: one session at a time.

    ``begin`` at each hello, then ``tick`` per sample, and ``failure`` per try that failed. The
    times given must not decrease; two records of the same millisecond are set one apart.
    """

    def __init__(self, watch: rows.Watch) -> None:
        self.watch = watch
        self._hello: Hello | None = None
        self._kind: SessionKind = "ssh"
        self._previous: Tick | None = None
        self._standing = Standing()
        self._said: tuple[str, tuple[str, ...]] | None = None
        self._boot_id: str | None = None
        self._pending: list[tuple[str, str | None, str]] = []
        self._idle_since: dict[str, int] = {}
        self._faults: dict[str, str | None] = {}
        self._last_at = 0
        self._down_at: int | None = None
        self._seen_at: int | None = None

    def remember(self, idle_since: Mapping[str, int]) -> None:
        """Take over since when devices do nothing, by UUID, from an earlier collector."""
        self._idle_since.update(idle_since)

    def begin(self, hello: Hello, kind: SessionKind) -> None:
        """A session begins: its first tick has no tick before it."""
        self._hello, self._kind = hello, kind
        self._previous, self._standing = None, Standing()
        if hello.boot_id is not None:
            if self._boot_id not in {None, hello.boot_id}:
                self._pending.append(("reboot", None, "the server was restarted"))
            self._boot_id = hello.boot_id

    def tick(self, tick: Tick, received_at_ms: int) -> Record:
        """The record of a sample."""
        at = self._moment(received_at_ms)
        unseen = max(UNSEEN_SECONDS, rows.MAX_INTERVALS * self.watch.interval_seconds)
        if self._seen_at is not None and at - self._seen_at > 1000 * unseen:
            self._idle_since.clear()
        self._seen_at = at
        self._standing.take(tick)
        readings = rows.read_devices(tick, self._idle(tick, at))
        offset = None if tick.time is None else tick.time - at / 1000
        problems = _problems(tick, readings, offset, self._standing)
        if self._hello is not None and self._hello.shell:
            problems.append(("python", NO_PYTHON))
        state = ServerState.DEGRADED if problems else ServerState.UP
        reason = "; ".join(said for _, said in problems) or None
        observed = rows.observed_seconds(self._previous, tick, self.watch.interval_seconds)
        self._note(state, tuple(key for key, _ in problems), reason)
        self._note_devices(tick, readings)
        sample = rows.server_row(
            self.watch,
            at,
            tick,
            self._previous,
            filesystems=self._standing.filesystems,
            state=str(state),
            reason=reason,
            boot_id=None if self._hello is None else self._hello.boot_id,
            numa_node_count=None if self._hello is None else self._hello.numa_node_count,
            clock_offset_seconds=offset,
            **self._standing.columns(),
        )
        processes = rows.cpu_process_rows(self.watch, at, tick)
        for reading in readings:
            processes += rows.gpu_process_rows(self.watch, at, observed, reading)
        self._previous, self._down_at = tick, None
        facts = self._standing.device_facts
        tables = {
            SERVER_SAMPLE.name: [sample],
            DEVICE_SAMPLE.name: [
                rows.device_row(self.watch, at, observed, r, facts.get(r.device.uuid))
                for r in readings
            ],
            PROCESS_SAMPLE.name: processes,
            EVENT.name: self._events(at),
        }
        return Record(self.watch.server, at, tables, self._detail(tick))

    def failure(self, reason: str, received_at_ms: int) -> Record:
        """The record of a try that failed, or of the wait for the next one."""
        at = self._moment(received_at_ms)
        since = 0.0 if self._down_at is None else (at - self._down_at) / 1000
        self._down_at = at
        self._previous = None
        self._note(ServerState.DOWN, (), reason)
        row = rows.down_row(self.watch, at, min(since, MAX_DOWN_SECONDS), reason)
        tables = {
            SERVER_SAMPLE.name: [row],
            DEVICE_SAMPLE.name: [],
            PROCESS_SAMPLE.name: [],
            EVENT.name: self._events(at),
        }
        return Record(self.watch.server, at, tables, self._detail(None))

    def _moment(self, received_at_ms: int) -> int:
        self._last_at = max(self._last_at + 1, received_at_ms)
        return self._last_at

    def _idle(self, tick: Tick, at: int) -> dict[str, float | None]:
        """For how long each device has been held without work; None where that cannot be told."""
        idle: dict[str, float | None] = {}
        for device in tick.devices or ():
            if device.utilization_ratio is None:
                idle[device.uuid] = None
                continue
            if device.utilization_ratio >= WORKING_UTILIZATION_RATIO or not _held(device):
                self._idle_since[device.uuid] = at
            since = self._idle_since.setdefault(device.uuid, at)
            idle[device.uuid] = (at - since) / 1000
        return idle

    def _note(self, state: ServerState, keys: tuple[str, ...], reason: str | None) -> None:
        said = (str(state), keys)
        if said != self._said:
            words = {ServerState.UP: "answers", ServerState.DOWN: "does not answer"}
            self._pending.append((str(state), None, reason or words.get(state, str(state))))
        skewed = "clock" in keys
        if skewed != (self._said is not None and "clock" in self._said[1]):
            detail = "the clock is off" if skewed else "the clock is right again"
            if state is not ServerState.DOWN:
                self._pending.append(("clock", None, detail))
        self._said = said

    def _note_devices(self, tick: Tick, readings: Sequence[rows.Reading]) -> None:
        for reading in readings:
            uuid, faulty = reading.device.uuid, reading.state is DeviceState.FAULTY
            fault = reading.reason if faulty else None
            name = f"GPU {reading.device.index} ({reading.device.name or 'model unknown'})"
            if faulty and self._faults.get(uuid) is None:
                self._pending.append(("device", uuid, f"{name} is faulty: {fault}"))
            elif not faulty and self._faults.get(uuid) is not None:
                self._pending.append(("device", uuid, f"{name} works again"))
            self._faults[uuid] = fault
        if tick.devices is not None:
            for uuid in self._faults.keys() - {device.uuid for device in tick.devices}:
                self._pending.append(("device", uuid, "the GPU is gone from the server"))
                del self._faults[uuid]

    def _events(self, at: int) -> list[Row]:
        found = [
            complete(
                EVENT,
                server=self.watch.server,
                sampled_at=at,
                kind=kind,
                device=device,
                detail=detail,
                collector=self.watch.collector,
            )
            for kind, device, detail in self._pending
        ]
        self._pending.clear()
        return found

    def _detail(self, tick: Tick | None) -> Row:
        hello = self._hello
        if hello is None:
            return {"session": None}
        return {
            "hostname": hello.hostname,
            "os": hello.os,
            "kernel": hello.kernel,
            "machine_id": hello.machine_id,
            "cpu_model": hello.cpu_model,
            "python": hello.python,
            **self._standing.detail(),
            "session": self._kind,
            "gpu_age_seconds": None if tick is None else tick.gpu_age_seconds,
        }


def _held(device: Device) -> bool:
    memory = device.memory_used_bytes
    return bool(device.processes) or (memory is not None and memory > HELD_MEMORY_BYTES)


def _problems(
    tick: Tick, readings: Sequence[rows.Reading], offset: float | None, standing: Standing
) -> list[Problem]:
    """What is wrong with a server that answers: what kind, and the words with the mend."""
    found: list[Problem] = []
    if tick.gpu_problem is not None:
        mends = [m for start, m in MENDS.items() if tick.gpu_problem.startswith(start)]
        found.append((tick.gpu_problem, "; ".join([tick.gpu_problem, *mends])))
    for reading in readings:
        if reading.state is DeviceState.FAULTY and reading.reason != tick.gpu_problem:
            said = f"GPU {reading.device.index}: {reading.reason}"
            found.append((reading.device.uuid, said))
    for mount, why in standing.hung():
        found.append((f"mount {mount}", f"{mount}: {why}; see its file server"))
    if offset is not None and abs(offset) > SKEW_SECONDS:
        way = "ahead" if offset > 0 else "behind"
        said = f"its clock is {abs(offset):.0f} s {way}; run there: sudo timedatectl set-ntp true"
        found.append(("clock", said))
    return found
