"""Verbs that run until they are stopped: up, collect, dashboard."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scms.cli.context import of
from scms.inventory import DEFAULT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scms.inventory import Inventory

#: Where the simulated lab lives: apart from real data, so that it can be deleted with one command.
DEMO_DIRECTORY: Final = Path("scms-data") / "demo"

HostOption = Annotated[str | None, typer.Option("--host", help="Address to serve on.")]
PortOption = Annotated[
    int | None, typer.Option("--port", help="Port to serve on; 0 takes a free one.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command("up")(up)
    app.command("collect")(collect)
    app.command("dashboard")(dashboard)


def up(
    context: typer.Context,
    host: HostOption = None,
    port: PortOption = None,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Add a simulated lab.")] = False,
) -> None:
    """Collect and serve the dashboard until Ctrl-C."""
    inventory = _demo() if demo else of(context).cluster().inventory
    config = str(_demo_file()) if demo else of(context).config
    with ExitStack() as stack:
        stop = stack.enter_context(_stop_signals())
        stack.enter_context(_collecting(inventory, config))
        url = stack.enter_context(_serving(inventory, host, port))
        typer.echo(f"Dashboard: {url}   (Ctrl-C stops)")
        if demo:
            typer.echo(f"The lab is simulated. Ask it more: scms -c {_demo_file()} now")
            _fill(inventory, stop)
        stop.wait()
        typer.echo("Stopping: what is in flight goes to the warehouse ...")


def collect(context: typer.Context) -> None:
    """Collect until Ctrl-C: the service to run beside separate dashboards."""
    inventory = of(context).cluster().inventory
    with _stop_signals() as stop, _collecting(inventory, of(context).config):
        typer.echo(f"Collecting {len(inventory.servers)} servers into {inventory.directory}")
        stop.wait()


def dashboard(context: typer.Context, host: HostOption = None, port: PortOption = None) -> None:
    """Serve the dashboard until Ctrl-C."""
    inventory = of(context).cluster().inventory
    with _stop_signals() as stop, _serving(inventory, host, port) as url:
        typer.echo(f"Dashboard: {url}   (Ctrl-C stops)")
        stop.wait()


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; a second one ends the program at once."""
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _collecting(inventory: Inventory, config: str | None) -> Iterator[None]:
    """A collector that runs while the block does, and flushes at its end."""
    from scms.cluster import Cluster
    from scms.cluster.tending import Tending, learn_command
    from scms.service import Service

    service = Service(inventory)
    service.start()
    tending = Tending(Cluster(inventory), learn_command(config))
    tending.start()
    try:
        yield
    finally:
        tending.stop()
        service.stop()


@contextmanager
def _serving(inventory: Inventory, host: str | None, port: int | None) -> Iterator[str]:
    """A dashboard that is served while the block runs; gives its address once it answers."""
    from scms.serve import serve, wait_until_ready

    with serve(inventory, host=host, port=port) as served:
        wait_until_ready(served)
        yield served.url


def _demo_file() -> Path:
    return DEMO_DIRECTORY / DEFAULT_FILE


def _demo() -> Inventory:
    """The inventory of the simulated lab, with its last minutes in the hot store."""
    from scms.demo import demo_inventory, prefill
    from scms.hot import FILE_NAME, HotStore
    from scms.inventory import Inventory

    inventory = Inventory.from_file(demo_inventory(DEMO_DIRECTORY))
    hot = HotStore.create(inventory.directory / FILE_NAME)
    try:
        prefill(inventory, hot, now=datetime.now(UTC))
    finally:
        hot.close()
    return inventory


def _fill(inventory: Inventory, stop: threading.Event) -> None:
    """Write the past of the simulated lab, newest days first, while the page is already live."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from scms.demo import backfill
    from scms.hot import FILE_NAME, HotStore
    from scms.views import Views
    from scms.warehouse import Warehouse

    warehouse = Warehouse.open(inventory)
    columns = (TextColumn("Simulating 60 days"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("filling", total=1.0)

        def show(share: float) -> None:
            bar.update(task, completed=share)
            if stop.is_set():
                raise typer.Exit

        backfill(inventory, warehouse, now=datetime.now(UTC), progress=show)
    views = Views(inventory, HotStore.open(inventory.directory / FILE_NAME), warehouse)
    warehouse.rollup(views.arrow, now=datetime.now(UTC))
