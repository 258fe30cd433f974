from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import KernelProvisionerFactory

from scms.serve.forked import Forked, ForkingFactory, Nursery, NurseryError, fork_kernels
from scms.serve.nursery import PRELOADED

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK = """
import json, os, sys
answer = {"modules": [n for n in %r if n not in sys.modules], "parent": os.getppid(),
          "targets": sorted(get_ipython().kernel.comm_manager.targets),
          "word": os.environ.get("SCMS_WORD"), "folder": os.getcwd(), "pid": os.getpid()}
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("only Linux has pidfd_open")
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def forked(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every kernel of the test comes from the nursery."""
    KernelProvisionerFactory.clear_instance()
    factory = ForkingFactory.instance()
    factory.nursery = nursery
    yield
    ForkingFactory.clear_instance()


async def started(folder: Path) -> AsyncKernelManager:
    manager = AsyncKernelManager(kernel_name="python3")
    await manager.start_kernel(cwd=str(folder), env=os.environ | {"SCMS_WORD": "here"})
    return manager


async def said(manager: AsyncKernelManager, code: str) -> Any:
    """What the code prints, as JSON."""
    client = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)
        client.execute(code)
        while True:
            message = await client.get_iopub_msg(timeout=60)
            if message["msg_type"] == "stream":
                return json.loads(message["content"]["text"])
    finally:
        client.stop_channels()


@pytest.mark.usefixtures("forked")
def test_a_forked_kernel_is_a_kernel_with_everything_imported(tmp_path: Path):
    async def scenario() -> int:
        manager = await started(tmp_path)
        assert isinstance(manager.provisioner.process, Forked)
        answer = await said(manager, LOOK % (PRELOADED,))
        assert answer["modules"] == []
        assert answer["targets"] == ["jupyter.widget", "jupyter.widget.control"]
        assert answer["word"] == "here"
        assert answer["folder"] == str(tmp_path)
        assert answer["pid"] == manager.provisioner.pid
        await manager.shutdown_kernel()
        return int(answer["pid"])

    assert not Path("/proc", str(asyncio.run(scenario()))).exists()


@pytest.mark.usefixtures("forked")
def test_a_forked_kernel_can_be_killed_and_that_is_seen(tmp_path: Path):
    async def scenario() -> None:
        manager = await started(tmp_path)
        assert await manager.is_alive()
        os.kill(manager.provisioner.pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while await manager.is_alive():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        await manager.shutdown_kernel(now=True)

    asyncio.run(scenario())


@pytest.mark.usefixtures("forked")
def test_without_a_nursery_kernels_start_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> Forked:
        raise NurseryError("gone")

    monkeypatch.setattr(Nursery, "start", fail)

    async def scenario() -> None:
        manager = await started(tmp_path)
        assert not isinstance(manager.provisioner.process, Forked)
        assert (await said(manager, LOOK % ((),)))["word"] == "here"
        await manager.shutdown_kernel(now=True)

    asyncio.run(scenario())


def test_a_lost_nursery_is_replaced_and_takes_its_kernels_along(nursery: Nursery, tmp_path: Path):
    first = nursery.start(["-f", str(tmp_path / "one.json")], dict(os.environ), str(tmp_path))
    assert nursery._process is not None
    nursery._process.kill()
    nursery._process.wait()
    deadline = time.monotonic() + 30
    while first.poll() is None:  # it looks after its parent once a second
        assert time.monotonic() < deadline
        time.sleep(0.05)
    second = nursery.start(["-f", str(tmp_path / "two.json")], dict(os.environ), str(tmp_path))
    assert second.poll() is None
    second.kill()
    assert second.wait() == 0


def test_a_nursery_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("scms.serve.forked.sys.executable", "/bin/false")
    with pytest.raises(NurseryError, match="ended"):
        Nursery().start([], {}, str(tmp_path))


def test_where_there_is_no_pidfd_nothing_changes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert fork_kernels() is None
