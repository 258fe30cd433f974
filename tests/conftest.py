"""What every test may use, and the rule for programs that are not on the machine."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servers.sshd import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def require_program(name: str, package: str) -> str:
    """The path of a program; a test that needs it skips on a laptop and fails in CI."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is not None:
        return found
    reason = f"{name} is not installed (Debian package {package})"
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def sshd_program() -> str:
    return require_program("sshd", "openssh-server")


@pytest.fixture(scope="session")
def chromium_program() -> str:
    return require_program("chromium", "chromium")


@pytest.fixture(scope="session")
def nginx_program() -> str:
    return require_program("nginx", "nginx-light")


@pytest.fixture(scope="session")
def compiler() -> str:
    return require_program("cc", "gcc")


@pytest.fixture(scope="session")
def postgresql_programs() -> Path:
    """The folder of initdb and postgres: Debian puts it on nobody's PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return (
        installed[0].parent if installed else Path(require_program("initdb", "postgresql")).parent
    )


@pytest.fixture(scope="session")
def mariadb_programs() -> tuple[str, str]:
    """mariadb-install-db and mariadbd."""
    package = "mariadb-server"
    return require_program("mariadb-install-db", package), require_program("mariadbd", package)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def running_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cluster.toml of a simulated lab with a week of history and a collector that runs."""
    from scms.demo import backfill, demo_inventory, prefill
    from scms.hot import FILE_NAME, HotStore
    from scms.inventory import Inventory
    from scms.service import Service
    from scms.warehouse import Warehouse

    path = demo_inventory(tmp_path_factory.mktemp("lab"))
    inventory = Inventory.from_file(path)
    hot = HotStore.create(inventory.directory / FILE_NAME)
    prefill(inventory, hot, now=datetime.now(UTC))
    hot.close()
    warehouse = Warehouse.open(inventory)
    warehouse.ensure_tables()
    backfill(inventory, warehouse, now=datetime.now(UTC), days=8)
    service = Service(inventory)
    service.start()
    try:
        from scms.cluster import Cluster

        lab = Cluster(inventory)
        simulated = sum(server.simulated for server in inventory.servers)
        wait_until(
            lambda: sum(row["state"] != "unknown" for row in lab.snapshot().servers) > simulated,
            60,
            lambda: "a sample of every server",
        )
        yield path
    finally:
        service.stop()
