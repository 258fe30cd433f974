from __future__ import annotations

from pathlib import Path

import pytest

from scms import widgets
from scms.cluster import Cluster
from scms.errors import ScmsError
from scms.widgets import App, Finder, LiveView
from scms.widgets.base.part import Part
from scms.widgets.feed.figure import Figure
from scms.widgets.feed.parts import Cards, Tiles
from widgets.light import heavy_imports


def test_the_live_view_gives_the_rows_it_shows(lab: Cluster):
    view = LiveView(lab)
    view.search.value = "gpu-a01"
    assert list(view.data()["server"]) == ["gpu-a01"]
    view.close()


def cards_of(view: LiveView) -> Cards:
    return next(child for child in view.children if isinstance(child, Cards))


def test_the_kernel_judges_conditions_for_the_page_again_with_every_snapshot(lab: Cluster):
    view = LiveView(lab)
    cards = cards_of(view)
    cards.search = "gpus>=8"
    assert "servers" not in cards.found  # nothing is known yet
    view.refresh()
    assert cards.found["servers"] == list(lab.now("gpus>=8")["server"])
    view.close()


def test_a_search_that_cannot_be_read_is_said_on_the_page(lab: Cluster):
    view = LiveView(lab)
    cards = cards_of(view)
    cards.search = "memry>5"
    assert 'did you mean "memory"?' in cards.found["problem"]
    view.close()


def test_the_order_of_the_control_is_that_of_the_rows(lab: Cluster):
    view = LiveView(lab)
    view.order.index = 4
    rows = list(view.data()["server"])
    assert rows == sorted(rows)
    assert len(rows) == 20
    view.close()


def test_a_misspelt_keyword_is_refused_with_the_nearest_name():
    with pytest.raises(ScmsError, match='did you mean "rows"'):
        Tiles(rowz=[])


def test_a_figure_asks_for_the_bokehjs_that_is_installed():
    import bokeh

    assert Figure().version == bokeh.__version__


def test_the_finder_reads_the_form(lab: Cluster):
    finder = Finder(lab)
    finder.fields["gpus"].value = 2
    finder.fields["gpu_memory"].value = "40"
    finder.fields["cpu_cores"].value = "8"
    assert finder.needs() == {"gpus": 2, "gpu_memory": "40 GiB", "hours": "8", "cpu_cores": 8.0}
    finder.close()


def test_a_wrong_need_is_said_and_nothing_breaks(lab: Cluster):
    finder = Finder(lab)
    finder.fields["hours"].value = "a while"
    finder.find()
    assert "a while" in finder.progress.problem
    assert not finder.button.disabled
    finder.close()


def test_the_finder_answers_with_a_command(lab: Cluster):
    finder = Finder(lab)
    finder.find()
    answer = finder.answer.answer
    assert answer["candidates"][0]["command"].startswith("ssh ")
    assert finder.data()["server"].iloc[0] == answer["candidates"][0]["server"]
    finder.close()


def test_a_hold_needs_a_name(lab: Cluster):
    finder = Finder(lab)
    finder.find()
    best = finder.answer.answer["candidates"][0]
    finder.hold(best["server"], list(best["devices"]))
    assert "who you are" in finder.progress.problem
    assert finder.answer.holds == []
    finder.close()


def test_a_hold_is_seen_by_another_lab_until_it_is_released(lab: Cluster):
    finder = Finder(lab)
    finder.find()
    best = finder.answer.answer["candidates"][0]
    finder.fields["user"].value = "ada"
    finder.hold(best["server"], list(best["devices"]))
    other = Cluster(lab.inventory)
    assert set(other.holds()["user"]) == {"ada"}
    finder.release(finder.answer.holds[0]["hold_id"], "ada")
    assert other.holds().empty
    finder.close()


def test_a_page_of_the_application_is_made_when_it_is_opened(lab: Cluster):
    app = App(lab)
    assert isinstance(app.page, LiveView)
    app.header.page = "find"
    assert isinstance(app.page, Finder)
    app.close()


def test_assets_ask_no_other_host():
    folder = Path(widgets.__file__).parent / "front"
    paths = [*folder.glob("*.js"), *folder.glob("*.css")]
    assert paths
    for path in paths:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path
        assert "https://" not in text, path
        assert "innerHTML" not in text, path


def test_every_part_has_its_files():
    for part in Part.__subclasses__():
        assert part._esm, part


def test_a_kernel_that_only_watches_stays_light(lab: Cluster, tmp_path: Path):
    script = "view = scms.LiveView(lab); view.feed.refresh()"
    assert heavy_imports(lab, tmp_path, script) == set()
