from __future__ import annotations

from datetime import UTC, datetime

import pytest

import scms
from scms.errors import HoldError, PeriodError, QueryError, RequestError, UnknownServer


@pytest.fixture(scope="module")
def lab(running_lab):
    return scms.open(running_lab)


def test_opening_a_cluster_touches_nothing(tmp_path):
    file = tmp_path / "cluster.toml"
    file.write_text("[[servers]]\nname = 'a'\n")
    assert "1 servers" in repr(scms.open(file))
    assert [path.name for path in tmp_path.iterdir()] == ["cluster.toml"]


def test_a_cluster_that_has_collected_nothing_answers_with_empty_tables(tmp_path):
    file = tmp_path / "cluster.toml"
    file.write_text("[[servers]]\nname = 'a'\n")
    lab = scms.open(file)
    assert list(lab.now()["state"]) == ["unknown"]
    assert lab.devices().empty
    assert lab.usage("today")["cpu_hours_used"].notna().sum() == 0
    assert lab.holds().empty


def test_now_has_a_row_per_server_of_the_inventory(lab):
    now = lab.now()
    assert list(now["server"]) == [server.name for server in lab.inventory.servers]
    up = now[now["state"] == "up"]
    assert len(up) > 15
    assert up["cpu_count"].notna().all()


def test_the_gpus_of_a_server_add_up_to_its_total(lab):
    snapshot = lab.snapshot()
    for server in snapshot.servers:
        states = ("free", "busy", "idle_held", "ghost", "faulty", "unknown")
        assert server["gpus_total"] == sum(server[f"gpus_{state}"] for state in states)


def test_usage_agrees_with_the_views_behind_it(lab):
    usage = lab.usage("7d", by="server").set_index("server")["gpu_hours_used"].dropna()
    query = """
        select server, sum(gpu_hours_used) as h from usage_15m
        where starts_at >= $start and starts_at < $end group by 1
    """
    period = lab.period("7d")
    sums = lab.sql(query, {"start": period.start, "end": period.end}).df().set_index("server")["h"]
    for server, hours in usage.items():
        assert hours == pytest.approx(sums[server], abs=0.02)


def test_the_hours_of_gpus_agree_with_their_use_and_name_their_users(lab):
    now = lab.now()
    server = now[now["gpus_total"] >= 8]["server"].iloc[0]
    hours = lab.device_hours(server, 24)
    begun = hours["ts"].min().to_pydatetime()
    span = (datetime.now(UTC) - begun).total_seconds()
    # A tick counts in the hour that it ends in: an hour may have a tick too much, all together not.
    assert (hours.groupby("device")["observed_seconds"].sum() <= span + 600).all()
    assert (hours["utilization_min"] <= hours["utilization_mean"] + 1e-9).all()
    assert (hours["utilization_mean"] <= hours["utilization_max"] + 1e-9).all()
    query = """
        select sum(gpu_hours_used) as used from usage_by_device_15m
        where server = $server and starts_at >= $start
    """
    start = hours["ts"].min()
    (used,) = lab.sql(query, {"server": server, "start": start}).df()["used"]
    assert hours["busy_seconds"].sum() / 3600 == pytest.approx(used, abs=0.05)
    assert any(len(users) > 0 for users in hours["users"])
    with pytest.raises(UnknownServer):
        lab.device_hours("nobody")


def test_a_recommended_device_is_not_recommended_again_while_it_is_held(lab):
    first = lab.recommend(gpus=1, hours=1).candidates[0]
    held = lab.hold(first.server, first.devices, user="ada")
    try:
        others = lab.recommend(gpus=1, hours=1, user="grace").candidates
        assert not {d for c in others for d in c.devices} & set(held["device"])
        with pytest.raises(HoldError, match="ada"):
            lab.hold(first.server, first.devices, user="grace")
    finally:
        assert lab.release(user="ada") == 1


def test_a_device_can_be_held_by_its_index(lab):
    first = lab.recommend(gpus=1, hours=1).candidates[0]
    held = lab.hold(first.server, [str(first.device_indices[0])], user="ada")
    lab.release(user="ada")
    assert list(held["device"]) == list(first.devices)


def test_the_forecast_covers_every_hour_of_the_horizon(lab):
    outlook = lab.forecast("6h")
    assert set(outlook["horizon_hours"]) == {1, 2, 3, 4, 5, 6}
    known = outlook.dropna(subset=["mean"])
    assert (known["lower"] <= known["upper"]).all()


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda lab: lab.usage("soonish"), PeriodError, "soonish"),
        (lambda lab: lab.usage("today", by="colour"), QueryError, "colour"),
        (lambda lab: lab.recommend(gpu_memory="24 giraffes"), ValueError, "24GiB"),
        (lambda lab: lab.recommend(gpu=2), RequestError, 'did you mean "gpus"'),
        (lambda lab: lab.sql("select * from usage_dayly"), QueryError, "usage_dayly"),
        (lambda lab: lab.hold("nowhere", ["0"]), UnknownServer, "nowhere"),
        (lambda lab: lab.hold("gpu-a01", ["99"]), HoldError, "99"),
    ],
)
def test_bad_input_says_what_was_got_and_what_is_accepted(lab, ask, error, message):
    with pytest.raises(error, match=message):
        ask(lab)
