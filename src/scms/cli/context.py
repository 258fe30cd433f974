"""What the options before the verb say, and the cluster they name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import typer

    from scms.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Context:
    """The options before the verb."""

    config: str | None
    debug: bool

    def cluster(self, **settings: Any) -> Cluster:
        """Open the cluster that was named; settings given as None are left to the file."""
        from scms.cluster import open as open_cluster

        return open_cluster(self.config, **{k: v for k, v in settings.items() if v is not None})


def of(context: typer.Context) -> Context:
    """The options before the verb, from inside a verb."""
    return cast("Context", context.obj)
