from __future__ import annotations

import asyncio
from typing import Any

import pytest
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from scms.serve.application import Kernels

KERNEL = "56344a70-57b3-4e0e-95a5-586434b58459"


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A kernel manager with a clock of its own that remembers what it was asked to end."""
    made: Any = Kernels()
    made.clock, made.ended = 1000.0, []
    made._kernels[KERNEL] = object()

    async def end(_self: Any, kernel_id: str) -> None:
        made.ended.append(kernel_id)

    monkeypatch.setattr(AsyncMappingKernelManager, "cull_kernel_if_idle", end)
    monkeypatch.setattr("scms.serve.application.time.monotonic", lambda: made.clock)
    return made


def look(manager: Any, *, after: float) -> list[str]:
    manager.clock += after
    asyncio.run(manager.cull_kernel_if_idle(KERNEL))
    return list(manager.ended)


def test_a_kernel_from_the_pool_has_time_to_meet_its_page(manager: Any):
    assert look(manager, after=3600) == []
    assert look(manager, after=40) == []


def test_a_kernel_without_a_page_is_ended_after_a_minute(manager: Any):
    look(manager, after=0)
    assert look(manager, after=61) == [KERNEL]


def test_a_page_that_came_back_starts_the_time_anew(manager: Any):
    look(manager, after=0)
    manager._kernel_connections[KERNEL] = 1
    look(manager, after=40)
    manager._kernel_connections[KERNEL] = 0
    assert look(manager, after=40) == []
