from __future__ import annotations

from typing import TYPE_CHECKING

from scms.widgets import DeviceMap
from scms.widgets.feed.figure import Figure
from scms.widgets.live.device_map import COLUMNS

if TYPE_CHECKING:
    from scms.cluster import Cluster


def test_it_has_a_row_per_gpu(lab: Cluster):
    view = DeviceMap(lab)
    assert list(view.data().columns) == list(COLUMNS)
    assert len(view.data()) == len(lab.devices())
    view.close()


def test_alone_it_says_whether_it_is_live(lab: Cluster):
    view = DeviceMap(lab)
    assert view.feed in view.children
    view.close()


def test_in_a_page_it_follows_the_feed_of_the_page(lab: Cluster):
    alone = DeviceMap(lab)
    within = DeviceMap(lab, feed=alone.feed)
    figures = [part for part in within.children if isinstance(part, Figure)]
    assert [figure.feed for figure in figures] == [alone.feed]
    assert alone.feed not in within.children
    alone.close()
