"""``python -m scms.serve``: the dashboard's own process (see `scms.serve.serve`)."""

from __future__ import annotations

from scms.serve.application import main

main()
