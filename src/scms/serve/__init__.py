"""Serving the dashboard: Voila on our notebook and template, in a process of its own.

In: an inventory. Out: an address that a browser opens. No request leaves the machine.
"""

from __future__ import annotations

from scms.serve.process import Dashboard, serve, wait_until_ready

__all__ = ["Dashboard", "serve", "wait_until_ready"]
