"""The widgets in a real JupyterLab 4: a notebook with each of them is run from top to bottom."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from browser.browsing import PATIENCE_MS, visit, wait_until
from browser.test_proxy import answers, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]
#: What a notebook says, and what is there once it is drawn.
CELLS = {
    "import scms\nlab = scms.open()\nlab": "text=Europe/Berlin",
    "live = scms.LiveView(lab)\nlive": ".scms-card .scms-meter-value",
    "scms.DeviceMap(lab)": ".scms-figure canvas",
    "scms.UsageView(lab, period='7d', by='server')": ".scms-table tbody tr",
    "scms.OutlookView(lab)": ".scms-outlook .scms-chance-cell",
    "scms.Finder(lab)": ".scms-form",
    "scms.ServerView(lab, 'gpu-a01')": ".scms-server-line h2",
    "lab.recommend(gpus=1, hours=2)": "text=ssh ",
    "len(live.data())": "text=/^\\d+$/",
}


@contextmanager
def jupyterlab(folder: Path, config: Path) -> Iterator[str]:
    """A JupyterLab that serves a folder, with nobody's settings; yields its address."""
    port = free_port()
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"),
        *("--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"),
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    environment = os.environ | own | {"SCMS_CONFIG": str(config)}
    log = folder / "jupyterlab.log"
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command, env=environment, stdout=said, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/api"), seconds=90)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def test_every_widget_draws_in_jupyterlab(browser: Browser, running_lab: Path, tmp_path: Path):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [new_code_cell(source) for source in CELLS]
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": kernel}), tmp_path / "all.ipynb"
    )
    # So high that no cell is out of sight: JupyterLab draws only those that can be seen.
    with (
        jupyterlab(tmp_path, running_lab) as url,
        visit(browser, f"{url}lab/tree/all.ipynb", size=(1500, 9000)) as seen,
    ):
        page = seen.page
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=PATIENCE_MS)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        for number, drawn in enumerate(CELLS.values()):
            output = page.locator(".jp-CodeCell").nth(number).locator(".jp-OutputArea-output")
            output.locator(drawn).first.wait_for(timeout=PATIENCE_MS)
        for kind in ("error", "stderr"):
            said = page.locator(f"[data-mime-type='application/vnd.jupyter.{kind}']")
            assert said.all_inner_texts() == []
        assert seen.foreign == []
