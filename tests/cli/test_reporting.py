"""`scms report` and `scms import`, as cron runs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from cli.running import scms
from reports.sinks import webhook
from reports.written_lab import first_day, written_lab

if TYPE_CHECKING:
    from pathlib import Path

DAY = f"{first_day():%Y-%m-%d}"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab of which 73 % of the day was observed, less than the 80 % that are wanted."""
    return written_lab(tmp_path_factory.mktemp("lab"))


def test_groups_and_forms_go_to_a_folder_and_little_coverage_is_exit_code_3(
    config: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "reports"
    words = ("report", DAY, "--all-groups", "-o", f"{folder}/", "--format", "csv,json")
    done = scms(*words, config=config)
    assert done.returncode == 3
    names = {path.name for path in folder.iterdir()}
    assert names == {
        f"example-lab-{DAY}{group}.{form}"
        for group in ("", "-vision", "-speech")
        for form in ("csv", "json")
    }
    assert done.stdout.count(f"{DAY}: {folder}/") == 6
    # The group vision was observed all the time.
    assert [line.split(" is made")[0] for line in done.stderr.splitlines()] == [
        "scms: the report",
        "scms: the report of speech",
    ]


def test_enough_coverage_is_exit_code_0_and_quiet(config: Path, tmp_path: Path) -> None:
    words = ("report", DAY, "-o", str(tmp_path / "r.json"), "--min-coverage", "0.7")
    done = scms(*words, config=config)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["cluster"]


def test_the_terminal_gets_markdown_or_the_form_that_is_asked_for(config: Path) -> None:
    words = ("report", DAY, "--group", "vision", "--audience", "public", "--format", "json")
    done = scms(*words, config=config)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["tables"]["user"] == []
    assert {row["server"] for row in document["tables"]["server"]} == {"atlas", "borg"}


def test_a_summary_is_posted(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as hook:
        monkeypatch.setenv("SCMS_WEBHOOK__URL", hook.url)
        words = ("report", DAY, "-o", f"{tmp_path}/", "--format", "csv", "--webhook")
        done = scms(*words, "--min-coverage", "0", config=config)
    assert (done.returncode, done.stderr) == (0, "")
    assert [body["files"] for _, body in hook.posts] == [[f"example-lab-{DAY}.csv"]]


def test_what_is_not_delivered_is_exit_code_1(config: Path, tmp_path: Path) -> None:
    done = scms("report", DAY, "-o", str(tmp_path / "r.csv"), "--mail", config=config)
    assert done.returncode == 1
    assert "[mail] does not say from whom" in done.stderr
    assert (tmp_path / "r.csv").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--all-groups",),
        ("--format", "html,pdf"),
        ("--mail",),
        ("-o", "one.pdf", "--all-groups"),
        ("-o", "folder/", "--group", "vision", "--all-groups"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    config: Path, words: tuple[str, ...], tmp_path: Path
) -> None:
    assert scms("report", DAY, *words, config=config, cwd=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_history_is_imported_once(tmp_path: Path) -> None:
    (tmp_path / "cluster.toml").write_text('name = "elsewhere"\n', encoding="utf-8")
    times = pd.date_range("2025-03-01", periods=144, freq="10min", tz="UTC")
    rows = {"server": "m1", "time": times, "busy": 1.5, "total": 2}
    pd.DataFrame(rows).to_csv(tmp_path / "trace.csv", index=False)
    words = ("import", str(tmp_path / "trace.csv"))
    first, second = (scms(*words, config=tmp_path / "cluster.toml") for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert "1 server, 2025-03-01 to 2025-03-02, 36 of 48 GPU-hours used" in first.stdout
    assert second.stdout.endswith("it is there already.\n")
