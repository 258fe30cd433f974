from __future__ import annotations

import ipywidgets as w
import pytest

from scms.errors import ScmsError
from scms.widgets.base.address import Address


@pytest.fixture
def search() -> w.Text:
    return w.Text()


@pytest.fixture
def show() -> w.ToggleButtons:
    return w.ToggleButtons(options=["All", "Free GPUs"])


@pytest.fixture
def gpus() -> w.BoundedIntText:
    return w.BoundedIntText(1, min=0, max=64)


@pytest.fixture
def address(search: w.Text, show: w.ToggleButtons, gpus: w.BoundedIntText) -> Address:
    return Address(search=(search, "value"), show=(show, "value"), gpus=(gpus, "value"))


def test_defaults_need_no_words(address: Address):
    assert address.state() == {}


def test_choices_are_kept_by_their_label(address: Address, show: w.ToggleButtons):
    show.index = 1
    assert address.state() == {"show": "Free GPUs"}


def test_what_is_restored_is_the_state(address: Address):
    state = {"search": "gpu<5 & more", "show": "Free GPUs", "gpus": "3"}
    address.restore(state)
    assert address.state() == state


def test_what_is_not_given_returns_to_its_default(address: Address, search: w.Text):
    search.value = "gpu-a"
    address.restore({"gpus": "2"})
    assert search.value == ""


def test_unknown_words_are_ignored(address: Address):
    address.restore({"colour": "red"})
    assert address.state() == {}


@pytest.mark.parametrize("state", [{"show": "Everything"}, {"gpus": "many"}])
def test_refused_values_leave_the_default(address: Address, state: dict[str, str]):
    address.restore({"show": "Free GPUs", "gpus": "3"})
    address.restore(state)
    assert address.state() == {}


def test_truth_values_are_words(show: w.ToggleButtons):
    box = w.Checkbox(value=False)
    address = Address(box=(box, "value"))
    box.value = True
    assert address.state() == {"box": "yes"}
    address.restore({"box": "perhaps"})
    assert box.value is False


def test_none_is_a_value(show: w.ToggleButtons):
    choice = w.Dropdown(options=["a", "b"], value=None)
    address = Address(choice=(choice, "value"))
    address.restore({"choice": "b"})
    assert choice.value == "b"
    address.restore({})
    assert choice.value is None


def test_what_does_not_matter_now_is_not_said(search: w.Text, show: w.ToggleButtons):
    address = Address(search=(search, "value", lambda: show.index == 1))
    search.value = "ada"
    assert address.state() == {}
    show.index = 1
    assert address.state() == {"search": "ada"}
    address.restore({})
    assert search.value == "ada"  # a name that was typed once is not forgotten by a link


def test_one_restore_is_told_once(address: Address):
    told: list[dict[str, str]] = []
    address.on_change(lambda: told.append(address.state()))
    address.restore({"search": "a", "gpus": "2"})
    assert told == [{"search": "a", "gpus": "2"}]


def test_a_change_of_a_control_is_told(address: Address, search: w.Text):
    told: list[dict[str, str]] = []
    address.on_change(lambda: told.append(address.state()))
    search.value = "a"
    assert told == [{"search": "a"}]


def test_nothing_is_told_after_the_end(address: Address, search: w.Text):
    told: list[bool] = []
    address.on_change(lambda: told.append(True))
    address.close()
    search.value = "a"
    assert told == []


def test_what_no_address_can_hold_is_refused():
    with pytest.raises(ScmsError, match="no address can hold"):
        Address(many=(w.SelectMultiple(options=["a"]), "value"))
