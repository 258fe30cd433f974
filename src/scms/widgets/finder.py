"""The finder: what a job needs in, servers ranked with reasons out, and holds.

In: a cluster. Out: a widget. It asks ``lab.recommend`` in a thread and shows what that says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w
import traitlets

from scms.widgets.live import close_tree
from scms.widgets.part import Part, add_classes, asset, module
from scms.widgets.parts import Theme
from scms.widgets.work import Progress, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from scms.cluster import Cluster
    from scms.recommend.rank import Recommendation

Row = dict[str, Any]
_ANY: Final = "Any"


class Answer(Part):
    """The ranked servers, the rejected ones, and the holds that are active."""

    _esm = module("answer.js")
    _css = asset("answer.css")
    #: ``Recommendation.to_dict()`` with what a card says of the hardware; None before the first.
    answer = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    #: The active holds: ``hold_id, server, gpu, user, expires_at`` (milliseconds).
    holds = traitlets.List().tag(sync=True)
    zone = traitlets.Unicode("UTC").tag(sync=True)


class Finder(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """Which server to use for a job.

    Args:
        lab: The cluster, as `scms.open` returns it.
        worker: The thread to work in, where a page has one already.

    Attributes:
        fields: The controls of the form by the name of the need they set.
        recommendation: The last answer; None before the first.
    """

    def __init__(self, lab: Cluster, *, worker: Worker | None = None) -> None:
        self._lab = lab
        self._worker = Worker() if worker is None else worker
        self.recommendation: Recommendation | None = None
        self.fields = _fields(lab)
        self.button = add_classes(w.Button(description="Find servers"), "scms-primary")
        self.progress = Progress()
        self.answer = Answer(zone=lab.inventory.settings.timezone)
        self.button.on_click(lambda _button: self.find())
        self.answer.on_msg(self._on_message)
        title = add_classes(w.HTML("What does the job need?"), "scms-title")
        form = w.VBox([title, *self.fields.values(), self.button])
        result = w.VBox([self.progress, self.answer])
        columns = [
            add_classes(form, "scms-panel", "scms-form"),
            add_classes(result, "scms-stack", "scms-result"),
        ]
        super().__init__([Theme(), add_classes(w.HBox(columns), "scms-row", "scms-finder")])
        add_classes(self, "scms", "scms-stack")
        self._read_holds()

    def needs(self) -> Row:
        """What the form asks for: keywords of ``lab.recommend``."""
        values = {name: field.value for name, field in self.fields.items()}
        given = {n: v for n, v in values.items() if v not in {"", None, _ANY}}
        for name in ("gpu_memory", "memory"):
            if name in given:
                given[name] = _with_unit(given[name])
        if "cpu_cores" in given:
            given["cpu_cores"] = _number(given["cpu_cores"])
        return given

    def find(self) -> None:
        """Ask with what the form says; the answer appears when it is there."""
        self.button.disabled = True
        self.progress.start("Asking the live state and the past …")
        self._worker.run(self._ask, self._answered, self._failed)

    def data(self) -> pd.DataFrame:
        """The candidates that are shown, best first (see ``Recommendation.to_frame``)."""
        import pandas as pd

        if self.recommendation is None:
            return pd.DataFrame()
        return self.recommendation.to_frame()

    def hold(self, server: str, devices: list[str]) -> None:
        """Hold devices for the user of the form."""
        user = self.fields["user"].value.strip()
        if not user:
            self.progress.stop("Say who you are: a hold without a name helps nobody.")
            return
        self._change(lambda: self._lab.hold(server, devices, user=user))

    def release(self, hold_id: str, user: str) -> None:
        """Give a hold back."""
        self._change(lambda: self._lab.release(hold_id, user=user))

    def close(self) -> None:
        """Close every widget of the page."""
        self._worker.close()
        close_tree(self.children)
        super().close()

    def _ask(self) -> tuple[Recommendation, Row]:
        recommendation = self._lab.recommend(**self.needs())
        rows = {row["server"]: row for row in self._lab.snapshot().servers}
        answer = recommendation.to_dict() | {"said": str(recommendation.request)}
        for candidate in answer["candidates"]:
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
        frame = self._lab.holds()
        index = {row["device"]: row["device_index"] for row in self._lab.snapshot().devices}
        return [
            {
                "hold_id": row["hold_id"],
                "server": row["server"],
                "gpu": index.get(row["device"]),
                "device": row["device"],
                "user": row["user"],
                "expires_at": row["expires_at"].timestamp() * 1000,
            }
            for row in frame.to_dict("records")
        ]

    def _on_message(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        kind = content.get("kind")
        if kind == "hold":
            self.hold(str(content["server"]), [str(device) for device in content["devices"]])
        elif kind == "release":
            self.release(str(content["hold_id"]), str(content["user"]))
        elif kind == "holds":
            self._read_holds()


def _fields(lab: Cluster) -> dict[str, Any]:
    models = {row["device_name"] for row in lab.snapshot().devices if row["device_name"]}
    groups = {server.group for server in lab.inventory.servers if server.group is not None}
    return {
        "gpus": w.BoundedIntText(1, min=0, max=64, description="GPUs"),
        "gpu_memory": w.Text(placeholder="any", description="Memory per GPU (GiB)"),
        "hours": w.Text("8", description="Hours"),
        "gpu_model": w.Dropdown(options=[_ANY, *sorted(models)], description="GPU model"),
        "cpu_cores": w.Text(placeholder="any", description="CPU cores"),
        "memory": w.Text(placeholder="any", description="RAM (GiB)"),
        "group": w.Dropdown(options=[_ANY, *sorted(groups)], description="Group"),
        "user": w.Text(placeholder="for holds", description="Your name"),
    }


def _with_unit(text: str) -> str:
    return f"{text} GiB" if text.strip().replace(".", "", 1).isdigit() else text


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text  # the request says what it expected
