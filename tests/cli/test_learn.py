"""Verbs over recordings: replay and backtest, as people and programs read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cli.running import scms
from forecast.synthetic import START, markov
from reports.sinks import smtp_sink, webhook
from scms.cli import app
from scms.errors import ForecastError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten days of nine servers of one GPU, half of them restless."""
    steps = 10 * 96
    free = np.vstack(
        [markov(1, steps, end=e, begin=0.05, seed=n) for n, e in enumerate([0.004, 0.05, 0.02] * 3)]
    )
    rows = pd.DataFrame(
        {
            "server": np.repeat([f"s{n}" for n in range(9)], steps),
            "time": np.tile(pd.date_range(START, periods=steps, freq="15min"), 9),
            "busy": 1.0 - free.ravel(),
            "total": 1,
        }
    )
    path = tmp_path_factory.mktemp("recording") / "trace.parquet"
    rows.to_parquet(path)
    return path


def ask(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_replay_tells_pools_and_the_crowd(recording: Path) -> None:
    text = ask("replay", str(recording), "--hours", "4h", "--policy", "longest-free")
    assert "Each alone, in pools of 8 servers" in text
    assert "longest-free + hold" in text


def test_replay_answers_programs_with_one_table(recording: Path) -> None:
    rows = json.loads(ask("replay", str(recording), "--hours", "2", "--json"))
    assert {row["policy"] for row in rows} >= {"scms", "oracle", "scms + hold"}


def test_backtest_judges_a_recording(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "cluster.toml").write_text("[[servers]]\nname = 'a'\n", encoding="utf-8")
    config = str(tmp_path / "cluster.toml")
    text = ask("-c", config, "backtest", "--trace", str(recording), "--hours", "4")
    assert "Load, 1 to 24 hours ahead" in text
    assert "blend" in text
    assert "Promised and kept" in text


def test_servers_that_are_hardly_used_can_be_left_out(recording: Path) -> None:
    with pytest.raises(ForecastError, match="no server of the trace is used for 99%"):
        ask("replay", str(recording), "--minimum-load", "0.99")


def test_a_number_of_gpus_that_is_none_is_refused(recording: Path) -> None:
    with pytest.raises(ForecastError, match="--gpus is 'some'"):
        ask("replay", str(recording), "--gpus", "some")


def test_watch_names_a_server_at_once_where_one_is_free(running_lab: Path) -> None:
    done = scms("watch", "--gpus", "1", "--for", "1m", config=running_lab)
    assert done.returncode == 0, done.stderr
    assert "CUDA_VISIBLE_DEVICES=GPU-" in done.stdout


def test_watch_tells_by_mail_and_webhook(running_lab: Path, monkeypatch) -> None:
    with smtp_sink() as box, webhook() as hook:
        monkeypatch.setenv("SCMS_MAIL__HOST", "127.0.0.1")
        monkeypatch.setenv("SCMS_MAIL__PORT", str(box.port))
        monkeypatch.setenv("SCMS_MAIL__SECURITY", "none")
        monkeypatch.setenv("SCMS_MAIL__SENDER", "scms@lab.example")
        monkeypatch.setenv("SCMS_WEBHOOK__URL", hook.url)
        done = scms("watch", "--mail", "ann@lab.example", "--webhook", config=running_lab)
    assert done.returncode == 0, done.stderr
    assert "CUDA_VISIBLE_DEVICES=GPU-" in box.mails[0].get_content()
    assert hook.posts[0][1]["candidates"][0]["server"] in done.stdout


def test_watch_tries_again_where_the_news_are_not_taken(running_lab: Path, monkeypatch) -> None:
    with webhook(503) as hook:
        monkeypatch.setenv("SCMS_WEBHOOK__URL", hook.url)
        done = scms("watch", "--webhook", "--every", "1s", "--for", "3s", config=running_lab)
    assert done.returncode == 1
    assert done.stderr.count("does not take the news: 503") == 2  # at first, and at the end
    assert len(hook.posts) >= 2


def test_watch_does_not_begin_where_it_could_not_tell(running_lab: Path) -> None:
    done = scms("watch", "--mail", "ann@lab.example", config=running_lab)
    assert done.returncode == 1
    assert "[mail] does not say by which server" in done.stderr


def test_watch_does_not_wait_for_what_can_never_be(running_lab: Path) -> None:
    # A tag is the inventory's word: it is known of the servers that are down as well.
    done = scms("watch", "--tag", "abacus", config=running_lab)
    assert done.returncode == 1
    assert "No server can ever take this" in done.stdout


def test_learn_says_what_it_did(running_lab: Path) -> None:
    done = scms("learn", config=running_lab)
    assert done.returncode == 0, done.stderr
    assert "kept an outlook of" in done.stdout


def test_the_scorecard_has_its_titles(running_lab: Path) -> None:
    done = scms("scorecard", "today", config=running_lab)
    assert done.returncode == 0, done.stderr
    assert "Recommendations: promised and kept" in done.stdout
