"""One dashboard over the simulated lab with history, and one browser, for all pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.browsing import chromium
from scms.inventory import Inventory
from scms.serve import Dashboard, serve, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser(chromium_program: str) -> Iterator[Browser]:
    # Not for the session: while it lasts, an event loop runs in this thread, and tests of other
    # files could start none of their own.
    with chromium(chromium_program) as started:
        yield started


@pytest.fixture(scope="session")
def inventory(running_lab: Path) -> Inventory:
    return Inventory.from_file(running_lab)


@pytest.fixture(scope="session")
def dashboard(inventory: Inventory) -> Iterator[Dashboard]:
    with serve(inventory, port=0) as started:
        wait_until_ready(started, timeout=60)
        yield started
