"""Reports from a process of their own: the same answers, and the memory is given back."""

from __future__ import annotations

import pickle
import shutil
import sys
import time
from typing import TYPE_CHECKING

import pytest

from scms.errors import ScmsError
from scms.widgets.reports.apart import Apart
from scms.widgets.reports.making import Ask, Maker
from widgets.light import heavy_imports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scms.cluster import Cluster

TODAY = Ask("today", by="group")


@pytest.fixture
def apart(lab: Cluster) -> Iterator[Apart]:
    made = Apart(lab)
    yield made
    made.close()


def test_a_cluster_opens_anew_elsewhere(lab: Cluster) -> None:
    other = pickle.loads(pickle.dumps(lab))
    assert other.inventory.directory == lab.inventory.directory
    assert list(other.now()["server"]) == list(lab.now()["server"])


def test_the_answers_are_those_of_this_process(apart: Apart, lab: Cluster) -> None:
    here, there = Maker(lab).listing(TODAY), apart.listing(TODAY)
    assert there.columns == here.columns
    assert [row["texts"][:4] for row in there.rows] == [row["texts"][:4] for row in here.rows]
    assert there.frame()["gpu_hours_used"].equals(here.frame()["gpu_hours_used"])


def test_what_cannot_be_read_is_said_and_the_process_goes_on(apart: Apart) -> None:
    with pytest.raises(ScmsError, match="last fortnight"):
        apart.head(Ask("last fortnight"))
    process = apart.process
    assert apart.head(TODAY).evidence
    assert apart.process is process


def test_after_a_process_that_was_killed_comes_another(apart: Apart) -> None:
    apart.listing(TODAY)
    assert apart.process is not None
    apart.process.kill()
    apart.process.wait()
    assert apart.listing(TODAY).rows


def test_a_process_that_is_killed_at_work_is_said(
    apart: Apart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("true"))
    with pytest.raises(ScmsError, match="ended before it answered"):
        apart.listing(TODAY)
    assert apart.process is None


def test_the_process_ends_when_nobody_asks(lab: Cluster) -> None:
    apart = Apart(lab, idle_seconds=0.05)
    apart.listing(TODAY)
    deadline = time.monotonic() + 20
    while apart.process is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert apart.listing(TODAY).rows
    apart.close()


def test_a_page_of_reports_leaves_its_kernel_without_pandas(lab: Cluster, tmp_path: Path) -> None:
    script = (
        "from scms.widgets.reports.apart import Apart;"
        "view = scms.ReportsView(lab, maker=Apart(lab)); assert view.head.tiles;"
        "assert view.usage.table.rows; view.close()"
    )
    assert heavy_imports(lab, tmp_path, script, "pandas", "pyarrow") == set()
