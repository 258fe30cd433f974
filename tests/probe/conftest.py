"""The fake driver, for tests of the probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from nvml.fake import FakeDriver, build

if TYPE_CHECKING:
    from pathlib import Path

# A property does not fail because the machine is busy.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory: pytest.TempPathFactory, compiler: str) -> Path:
    return build(tmp_path_factory.mktemp("nvml"), compiler)


@pytest.fixture
def driver(fake_library: Path, tmp_path: Path) -> FakeDriver:
    """A machine with 8 idle GPUs."""
    driver = FakeDriver(fake_library, tmp_path / "nvml.conf")
    driver.set()
    return driver
