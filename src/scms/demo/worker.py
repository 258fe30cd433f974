"""A process that makes some servers' past: ``python -m scms.demo.worker``, one job on its input.

In: a JSON object on standard input (see `Order`). Out: per stretch and table a file in the Arrow
format, and a line with the number of the stretch on standard output once its files are complete.
"""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from scms.demo.lab import Lab
from scms.demo.past import Stretch, facts, watches_of


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to make; ``stretches`` are (start, end) in epoch seconds."""

    number: int
    directory: str
    seed: int
    servers: tuple[str, ...]
    lab_servers: int
    collector: str
    commands: bool
    stretches: tuple[tuple[float, float], ...]

    def to_json(self) -> str:
        """The order as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """The order that `to_json` wrote."""
        values = json.loads(text)
        values["servers"] = tuple(values["servers"])
        values["stretches"] = tuple((start, end) for start, end in values["stretches"])
        return cls(**values)


def part_file(directory: str | Path, stretch: int, worker: int, table: str) -> Path:
    """Where a worker puts the rows of a table."""
    return Path(directory) / f"{stretch}-{worker}-{table}.arrow"


def work(order: Order) -> None:
    """Make the files of all stretches, in their order."""
    from pyarrow import feather

    lab = Lab(order.seed, servers=order.lab_servers)
    watches = watches_of(order.servers, collector=order.collector, commands=order.commands)
    for number, (start, end) in enumerate(order.stretches):
        for name, table in facts(lab, watches, Stretch(start, end)).items():
            target = part_file(order.directory, number, order.number, name)
            feather.write_feather(table, target, compression="uncompressed")
        print(number, flush=True)  # noqa: T201  the signal that the stretch is complete


def main() -> None:
    """Read one order and do it, without looking for garbage: there is none until the end."""
    gc.disable()
    work(Order.from_json(sys.stdin.read()))


if __name__ == "__main__":
    main()
