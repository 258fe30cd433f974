"""Reports that are written by themselves: a report and a folder in, files under agreed names out.

The same report has the same names, and each file is replaced whole: running twice changes nothing
but the time at which it was made.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.errors import ReportError
from scms.reports import present
from scms.reports.document import WRITERS
from scms.reports.files import write_whole
from scms.reports.plain import plain_value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from scms.reports.document import Report

_NOT_IN_FILE_NAMES: Final = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, eq=False)
class Made:
    """One report that was made.

    Attributes:
        report: The report.
        group: Whose it is; None for one of all servers.
        paths: The files it was written to.
    """

    report: Report
    group: str | None
    paths: tuple[Path, ...]

    @property
    def coverage_ratio(self) -> float | None:
        """How much of its time was observed; None where nothing could have been."""
        value = self.report.totals["coverage_ratio"].item()
        return None if present.unknown(value) else float(value)

    def covered(self, least: float) -> bool:
        """Whether enough was observed; what is not known is not enough."""
        return least <= 0 or (self.coverage_ratio or 0.0) >= least


def suffixes_of(forms: str) -> tuple[str, ...]:
    """The suffixes that a list of forms means, such as ``"html,pdf"``.

    Raises:
        ReportError: One of them is none.
    """
    suffixes = []
    for form in forms.split(","):
        suffix = f".{form.strip().lower().removeprefix('.')}"
        if suffix not in WRITERS:
            raise ReportError(
                f"no report is written as {form.strip()!r}",
                expected=f"some of {', '.join(known[1:] for known in WRITERS)}",
            )
        suffixes.append(suffix)
    return tuple(dict.fromkeys(suffixes))


def file_name(cluster: str, label: str, suffix: str, *, group: str | None = None) -> str:
    """The name of a file: cluster, period and group, in signs that every system takes.

    >>> file_name("Our lab", "2026-10", ".pdf", group="vision")
    'our-lab-2026-10-vision.pdf'
    """
    parts = [_plain(cluster), label] if group is None else [_plain(cluster), label, _own(group)]
    return "-".join(parts) + suffix


def write(
    report: Report, folder: Path, suffixes: Iterable[str], *, cluster: str, group: str | None
) -> Made:
    """Write a report into a folder, in each form.

    Raises:
        ReportError: The folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(
            f"{folder} cannot be made: {error.strerror}", expected="a folder to write in"
        ) from error
    label = report.period.label
    paths = tuple(
        write_whole(
            folder / file_name(cluster, label, suffix, group=group), report.to_bytes(suffix)
        )
        for suffix in suffixes
    )
    return Made(report, group, paths)


def summary(made: Made) -> dict[str, Any]:
    """A report in brief, as a webhook gets it: plain values, unknown as null.

    ``text`` says it in a few lines of Markdown, which is what chat systems show.
    """
    report = made.report
    return {
        "text": brief(report),
        "cluster": report.name,
        "group": made.group,
        "period": {
            "label": report.period.label,
            "start": plain_value(report.period.start),
            "end": plain_value(report.period.end),
            "zone": str(report.period.zone),
        },
        "made_at": plain_value(report.made_at),
        "coverage_ratio": plain_value(made.coverage_ratio),
        "totals": {
            name: plain_value(value) for name, value in present.rows_of(report.totals)[0].items()
        },
        "findings": [
            {"kind": f.kind, "sentence": f.sentence, "gpu_hours": plain_value(f.gpu_hours)}
            for f in report.findings
        ],
        "files": [path.name for path in made.paths],
    }


def brief(report: Report) -> str:
    """Title, headline figures and findings, a line each."""
    lines = [f"{report.name}: {report.period.title}"]
    if report.simulated:
        lines.append(report.simulated)
    lines += [f"- {line.label}: {line.value} {line.detail}" for line in report.headlines]
    lines += [f"- {found.sentence}" for found in report.findings]
    return "\n".join(lines)


def _plain(name: str) -> str:
    return _NOT_IN_FILE_NAMES.sub("-", name.strip().lower()).strip("-.") or "cluster"


def _own(group: str) -> str:
    """A group in a file name; two that would look alike are told apart by a hash."""
    plain = _plain(group)
    if plain == group:
        return plain
    return f"{plain}-{hashlib.blake2b(group.encode(), digest_size=3).hexdigest()}"
