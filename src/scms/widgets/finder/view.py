"""The finder: what a job needs in, servers ranked with reasons out, and holds.

In: a cluster. Out: a widget. It asks ``lab.recommend`` in a thread and shows what that says. Where
nothing fits it can watch until something does, while the page is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w
import traitlets

from scms.widgets.base.address import Address
from scms.widgets.base.part import Part, add_classes, asset, close_tree, module
from scms.widgets.base.work import Progress, Worker
from scms.widgets.feed.parts import Theme
from scms.widgets.finder.needs import FIRST, fields, needs_of, watch_line
from scms.widgets.finder.watching import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from scms.cluster import Cluster
    from scms.recommend.rank import Recommendation

Row = dict[str, Any]
#: Who watches looks no more often than this, however short the interval of samples is.
_LOOK_SECONDS: Final = 5.0
_OFF: Final = {"state": "off"}


class Answer(Part):
    """The ranked servers, the rejected ones, the watch, and the holds that are active."""

    _esm = module("answer.js")
    _css = asset("answer.css")
    #: ``Recommendation.to_dict()`` with what a card says of the hardware; None before the first.
    answer = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    #: The active holds: ``hold_id, server, gpu, device, user, purpose, expires_at`` (milliseconds).
    holds = traitlets.List().tag(sync=True)
    #: ``state`` (off, watching, met, failed), ``said, command``, and ``servers`` or ``problem``.
    watch = traitlets.Dict(_OFF).tag(sync=True)
    zone = traitlets.Unicode("UTC").tag(sync=True)


class Finder(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """Which server to use for a job.

    Args:
        lab: The cluster, as `scms.open` returns it.
        worker: The thread to work in, where a page has one already.

    Attributes:
        fields: The controls of the form by the name of the need they set.
        address: What the form says, as it stands in the address of the page; but for the name of
            who asks, for a link is sent to others.
        recommendation: The last answer; None before the first.
    """

    _watch: Watch | None = None

    def __init__(self, lab: Cluster, *, worker: Worker | None = None) -> None:
        self._lab = lab
        self._worker = Worker() if worker is None else worker
        self.recommendation: Recommendation | None = None
        self.fields = fields(lab)
        self.address = Address(
            **{name: (field, "value") for name, field in self.fields.items() if name != "user"}
        )
        self.button = add_classes(w.Button(description="Find servers"), "scms-primary")
        self.more = w.ToggleButton(description="More needs")
        self.progress = Progress()
        self.answer = Answer(zone=lab.inventory.settings.timezone)
        self.button.on_click(lambda _button: self.find())
        self.answer.on_msg(self._on_message)
        super().__init__([Theme(), self._columns()])
        add_classes(self, "scms", "scms-stack")
        self.address.on_change(self._open_more)
        self._read_holds()

    def needs(self) -> Row:
        """What the form asks for: keywords of ``lab.recommend``."""
        return needs_of(self.fields)

    def find(self) -> None:
        """Ask with what the form says; the answer appears when it is there."""
        self.button.disabled = True
        self.progress.start("Asking the live state and the past …")
        self._worker.run(self._ask, self._answered, self._failed)

    def watch(self) -> None:
        """Wait, while the page is open, until something fits what the form says; then find it."""
        self.unwatch()
        needs = self.needs()
        line = {"command": watch_line(needs)}

        def found(answer: Recommendation) -> None:
            said = line | {"said": str(answer.request)}
            if answer.first:
                servers = [one.server for one in answer.first]
                self.answer.watch = said | {"state": "met", "servers": servers}
                self.find()
            else:
                self.answer.watch = said | {"state": "failed", "problem": answer.impossible}

        def failed(problem: str) -> None:
            self.answer.watch = line | {"state": "failed", "problem": problem}

        self.answer.watch = line | {"state": "watching"}
        pause = max(_LOOK_SECONDS, self._lab.inventory.settings.interval)
        self._watch = Watch(
            lambda: self._lab.fitting_now(**needs), found, failed, pause_seconds=pause
        )
        self._watch.start()

    def unwatch(self) -> None:
        """Wait no more."""
        if self._watch is not None:
            self._watch.stop()
        self.answer.watch = _OFF

    def data(self) -> pd.DataFrame:
        """The candidates that are shown, best first (see ``Recommendation.to_frame``)."""
        import pandas as pd

        if self.recommendation is None:
            return pd.DataFrame()
        return self.recommendation.to_frame()

    def hold(self, server: str, devices: Sequence[str], user: str | None = None) -> None:
        """Hold devices of a server: for who is named, else for the user of the form."""
        self.hold_all({server: devices}, user)

    def hold_all(self, places: Mapping[str, Sequence[str]], user: str | None = None) -> None:
        """Hold devices of several servers, all or none, by the name of their server."""
        holder = self.fields["user"].value.strip() if user is None else user
        if not holder:
            self.progress.stop("Say who you are: a hold without a name helps nobody.")
            return
        kept_as = self._kept_as(places)
        self._change(lambda: self._lab.hold_all(places, user=holder, recommendation_id=kept_as))

    def release(self, hold_id: str, user: str) -> None:
        """Give a hold back."""
        self._change(lambda: self._lab.release(hold_id, user=user))

    def close(self) -> None:
        """Watch no more, and close every widget of the page."""
        if self._watch is not None:
            self._watch.stop()
        self._worker.close()
        close_tree(self.children)
        super().close()

    def _columns(self) -> Any:
        title = add_classes(w.HTML("What does the job need?"), "scms-title")
        first = [field for name, field in self.fields.items() if name in FIRST]
        others = [field for name, field in self.fields.items() if name not in FIRST]
        self._others = add_classes(w.VBox(others), "scms-others", "scms-closed")
        self.more.observe(self._on_more, names="value")
        form = w.VBox([title, *first, self.more, self._others, self.button])
        result = w.VBox([self.progress, self.answer])
        columns = [
            add_classes(form, "scms-panel", "scms-form"),
            add_classes(result, "scms-stack", "scms-result"),
        ]
        return add_classes(w.HBox(columns), "scms-row", "scms-finder")

    def _on_more(self, change: Any) -> None:
        opened = change["new"]
        self.more.description = "Fewer needs" if opened else "More needs"
        (self._others.remove_class if opened else self._others.add_class)("scms-closed")

    def _open_more(self) -> None:
        """A link may ask for what is behind the button: it is not to be overlooked."""
        if any(name not in FIRST for name in self.address.state()):
            self.more.value = True

    def _ask(self) -> tuple[Recommendation, Row]:
        recommendation = self._lab.recommend(**self.needs())
        rows = {row["server"]: row for row in self._lab.snapshot().servers}
        answer = recommendation.to_dict() | {"said": str(recommendation.request)}
        parts = [part for plan in answer["plans"] for part in plan["parts"]]
        for candidate in [*answer["candidates"], *parts]:
            row = rows[candidate["server"]]
            candidate |= {"group": row["group"], "memory_total_bytes": row["memory_total_bytes"]}
        return recommendation, answer

    def _answered(self, found: tuple[Recommendation, Row]) -> None:
        self.recommendation, self.answer.answer = found
        self.progress.stop()
        self.button.disabled = False

    def _failed(self, problem: str) -> None:
        self.progress.stop(problem)
        self.button.disabled = False

    def _kept_as(self, places: Mapping[str, Sequence[str]]) -> str | None:
        """Under which the answer was kept that recommended these devices, if one did."""
        answer = self.recommendation
        if answer is None:
            return None
        choices = [(one,) for one in answer.candidates] + [plan.parts for plan in answer.plans]
        told = [{one.server: set(one.devices) for one in choice} for choice in choices]
        wanted = {server: set(devices) for server, devices in places.items()}
        return answer.recommendation_id if wanted in told else None

    def _change(self, job: Any) -> None:
        def done(_result: Any) -> None:
            self.progress.stop()
            self._read_holds()

        self._worker.run(job, done, self.progress.stop)

    def _read_holds(self) -> None:
        def done(rows: list[Row]) -> None:
            self.answer.holds = rows

        self._worker.run(self._holds, done, self.progress.stop)

    def _holds(self) -> list[Row]:
        holds = self._lab.active_holds()
        devices = self._lab.snapshot().devices if holds else []
        index = {row["device"]: row["device_index"] for row in devices}
        return [
            {
                "hold_id": row["hold_id"],
                "server": row["server"],
                "gpu": index.get(row["device"]),
                "device": row["device"],
                "user": row["user"],
                "purpose": row["purpose"],
                "expires_at": row["expires_at"].timestamp() * 1000,
            }
            for row in holds
        ]

    def _on_message(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        kind = content.get("kind")
        if kind == "hold":
            self.hold_all(
                {str(one["server"]): list(map(str, one["devices"])) for one in content["places"]}
            )
        elif kind == "renew":
            self.hold(str(content["server"]), [str(content["device"])], str(content["user"]))
        elif kind == "release":
            self.release(str(content["hold_id"]), str(content["user"]))
        elif kind == "holds":
            self._read_holds()
        elif kind == "watch":
            self.watch()
        elif kind == "unwatch":
            self.unwatch()
