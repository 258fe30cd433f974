"""The application joins the address of the browser with the page that is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scms.widgets import App

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scms.cluster import Cluster


@pytest.fixture
def app(lab: Cluster) -> Iterator[App]:
    made = App(lab)
    yield made
    made.close()


def test_the_address_sets_the_controls(app: App):
    app.header.query = {"show": "Alerts", "search": "gpu-a"}
    assert app.live.show.value == "Alerts"
    assert app.live.search.value == "gpu-a"


def test_the_controls_are_said_in_the_address(app: App):
    app.live.order.value = "Name"
    assert app.header.shown["words"] == {"order": "Name"}


def test_words_that_mean_nothing_leave_the_address(app: App):
    app.header.query = {"colour": "red", "show": "Full"}
    assert app.header.shown == {"page": "live", "words": {"show": "Full"}}


def test_another_page_has_an_address_of_its_own(app: App):
    app.live.order.value = "Name"
    app.header.page = "server/gpu-a01"
    assert app.header.shown == {"page": "server/gpu-a01", "words": {}}


def test_a_page_that_is_opened_again_is_as_it_was_left(app: App):
    app.live.order.value = "Name"
    for page in ("server/gpu-a01", "live"):
        app.header.page = page
    assert app.live.order.value == "Name"
    assert app.header.shown["words"] == {"order": "Name"}
