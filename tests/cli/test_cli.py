from __future__ import annotations

import pytest

from cli.running import records, scms
from scms.cli.reference import reference


def test_now_names_every_server_and_marks_the_simulated_ones(running_lab):
    out = scms("now", config=running_lab).stdout
    assert "gpu-a01 (simulated)" in out
    assert "cpu-01 (simulated)" in out


def test_json_gives_whole_rows_with_null_for_unknown(running_lab):
    rows = records("now", config=running_lab)
    cpu = next(row for row in rows if row["server"] == "cpu-01")
    assert cpu["gpus_total"] == 0
    assert cpu["gpu_utilization_ratio"] is None


def test_usage_of_a_week_by_user_has_names_and_hours(running_lab):
    rows = records("usage", "7d", "--by", "user", config=running_lab)
    assert sum(row["gpu_hours_used"] or 0 for row in rows) > 100
    assert all("user" in row for row in rows)


def test_find_prints_reasons_and_the_line_to_paste(running_lab):
    done = scms("find", "--gpus", "1", "--gpu-memory", "20GiB", "--hours", "4", config=running_lab)
    assert done.returncode == 0, done.stderr
    assert "CUDA_VISIBLE_DEVICES=GPU-" in done.stdout
    assert "ssh " in done.stdout
    assert "Not these:" in done.stdout


def test_find_with_hold_shows_among_the_holds_until_it_is_released(running_lab):
    assert scms("find", "--hold", "--user", "ada", config=running_lab).returncode == 0
    held = records("holds", config=running_lab)
    assert [row["user"] for row in held] == ["ada"]
    assert scms("release", "--user", "ada", config=running_lab).stdout == "Released 1 hold.\n"
    assert records("holds", config=running_lab) == []


def more_than_one_has_free(config) -> str:
    """So many GPUs as no server has free, and several have together."""
    free = [row["gpus_free"] or 0 for row in records("now", config=config)]
    return str(max(free) + 2)


def test_find_on_any_servers_holds_all_of_them_and_prints_a_line_for_each(running_lab):
    asked = ("find", "--gpus", more_than_one_has_free(running_lab), "--user", "eve")
    assert scms(*asked, config=running_lab).returncode == 1
    done = scms(*asked, "--any-server", "--hold", config=running_lab)
    assert done.returncode == 0, done.stderr
    assert "servers together" in done.stdout
    held = records("holds", config=running_lab)
    servers = {row["server"] for row in held if row["user"] == "eve"}
    assert len(servers) >= 2
    assert all(f"\nUse {server}:\nssh " in done.stdout for server in servers)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("Held on "))
    assert all(server in line for server in servers)
    freed = scms("release", "--user", "eve", config=running_lab).stdout
    assert freed == f"Released {len(held)} holds.\n"


def test_watch_on_any_servers_names_all_of_them(running_lab):
    gpus = more_than_one_has_free(running_lab)
    done = scms("watch", "--gpus", gpus, "--any-server", "--for", "1m", config=running_lab)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("CUDA_VISIBLE_DEVICES=GPU-") >= 2


def test_a_request_that_no_server_meets_says_why_and_exits_1(running_lab):
    done = scms("find", "--gpus", "64", config=running_lab)
    assert done.returncode == 1
    assert "64" in done.stdout


def test_the_forecast_prints_hours_with_intervals(running_lab):
    rows = records("forecast", "--horizon", "3h", "--server", "gpu-v02", config=running_lab)
    assert [row["horizon_hours"] for row in rows] == [1, 2, 3]


def test_a_report_is_written_by_the_suffix_of_its_file(running_lab, tmp_path):
    done = scms("report", "7d", "-o", str(tmp_path / "week.html"), config=running_lab)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "week.html").read_text()
    assert "gpu-a01" in page
    assert "cdn.bokeh.org" not in page


def test_sql_answers_any_question(running_lab):
    rows = records("sql", "select count(*) as n from servers", config=running_lab)
    assert rows[0]["n"] >= 20


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["usage", "soonish"], "soonish"),
        (["find", "--gpu-memory", "24 giraffes"], "'24 giraffes' is not a size in bytes; expected"),
        (["report", "7d", "-o", "week.docx"], ".docx"),
        (["sql", "select"], "scms: "),
        (["now"], "does not exist; expected a cluster.toml"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(running_lab, words, message):
    config = "nowhere.toml" if words == ["now"] else running_lab
    done = scms(*words, config=config)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_wrong_usage_is_exit_code_2():
    assert scms("usage", "--nonsense").returncode == 2


def test_debug_shows_the_traceback(tmp_path):
    done = scms("--debug", "now", config=tmp_path / "none.toml")
    assert "Traceback" in done.stderr


def test_the_reference_page_is_that_of_this_program(repository):
    page = (repository / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    assert page == reference(), "run: make docs"
