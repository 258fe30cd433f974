from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scms.errors import UnknownServer
from scms.widgets import ServerView

if TYPE_CHECKING:
    from scms.cluster import Cluster


def test_a_hold_is_given_back_by_who_took_it_and_by_nobody_else(lab: Cluster):
    now = lab.now()
    view = ServerView(lab, now[now["gpus_free"] > 0]["server"].iloc[0])
    free = next(row for row in view.devices.devices if row["can_hold"])
    view.user.value = "ada"
    view.hold(free["device"])
    assert set(lab.holds()["user"]) == {"ada"}
    view.user.value = "bob"
    view.release(free["device"])
    assert len(lab.holds()) == 1
    view.user.value = "ada"
    view.release(free["device"])
    assert lab.holds().empty
    view.close()


def test_a_hold_without_a_name_is_refused(lab: Cluster):
    view = ServerView(lab, "gpu-a01")
    view.hold("GPU-1")
    assert "who you are" in view.progress.problem
    view.close()


def test_how_far_back_it_looks_is_in_the_address(lab: Cluster):
    view = ServerView(lab, "gpu-a01")
    view.address.restore({"span": "30 days", "reach": "7 days"})
    assert view.hours.grid["hours"] == 168
    assert "30 days" in view.figure.subtitle
    view.close()


def test_its_rows_are_those_of_its_gpus(lab: Cluster):
    view = ServerView(lab, "gpu-a01")
    assert set(view.data()["server"]) == {"gpu-a01"}
    assert len(view.data()) == len(view.devices.devices)
    view.close()


def test_a_server_that_nobody_knows_is_refused(lab: Cluster):
    with pytest.raises(UnknownServer):
        ServerView(lab, "nobody")
