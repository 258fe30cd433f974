"""Makes the pictures of the pages: ``make screenshots``, with ``make demo`` running beside it.

Dark and light at 1440 pixels, and a phone at 390.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from browser.browsing import PATIENCE_MS, Visit, chromium, visit
from scms.inventory import Inventory
from scms.serve import serve, wait_until_ready

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def show_live(seen: Visit) -> None:
    """The live page with its past drawn."""
    seen.wait_drawn()


def show_reports(seen: Visit) -> None:
    """The reports page with a report."""
    seen.wait_drawn()
    seen.open("reports")
    seen.page.wait_for_selector(".scms-reports [data-drawn]", timeout=PATIENCE_MS)
    seen.wait("document.querySelector('.scms-progress').dataset.state === 'idle'")


def show_find(seen: Visit) -> None:
    """The finder with an answer."""
    seen.wait_drawn()
    seen.open("find")
    seen.page.get_by_label("GPUs", exact=True).fill("2")
    seen.page.get_by_label("Memory per GPU (GiB)").fill("40")
    seen.page.get_by_label("Hours", exact=True).fill("12")
    seen.page.locator(".scms-form").get_by_label("Your name").fill("ada")
    seen.page.get_by_role("button", name="Find servers").click()
    seen.page.wait_for_selector(".scms-candidate", timeout=PATIENCE_MS)


PAGES = {"live": show_live, "reports": show_reports, "find": show_find}
SIZES = {"dark": (1440, 1000), "light": (1440, 1000), "phone": (390, 844)}


def take(browser: Browser, url: str, folder: Path) -> list[Path]:
    """Take every picture; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = []
    for look, size in SIZES.items():
        scheme = "light" if look == "light" else "dark"
        scale = 2 if look == "phone" else 1
        with visit(browser, url, size=size, color_scheme=scheme, device_scale_factor=scale) as seen:
            for name, show in PAGES.items():
                seen.open("live") if name != "live" else None
                show(seen)
                path = folder / f"{name}-{look}.png"
                seen.page.screenshot(path=path)
                taken.append(path)
    return taken


def main() -> None:
    """Serve a cluster and take its pictures."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("cluster", help="a cluster.toml; its collector should be running")
    options.add_argument("folder", nargs="?", default="screenshots", type=Path)
    given = options.parse_args()
    inventory = Inventory.from_file(given.cluster)
    program = shutil.which("chromium")
    if program is None:
        sys.exit("chromium is not installed")
    with serve(inventory, port=0) as dashboard, chromium(program) as browser:
        wait_until_ready(dashboard)
        for path in take(browser, dashboard.url, given.folder):
            print(path)  # noqa: T201  a command


if __name__ == "__main__":
    main()
