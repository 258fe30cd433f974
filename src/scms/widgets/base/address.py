"""The state of a view as it stands in the address of the page, so that it can be sent as a link.

In: the controls of a view. Out: what differs from their defaults, as words and texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from scms.errors import ScmsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_YES, _NO = "yes", "no"


class Address:
    """What a view is asked to show.

    Args:
        **fields: The word of each part of the state, and the control and trait that holds it; a
            third part, if any, says whether it matters now. Texts, numbers, truth values and None
            can be kept; what the controls say at the making is what no address needs to say.

    Raises:
        ScmsError: A control holds something else.
    """

    def __init__(self, **fields: tuple[Any, str] | tuple[Any, str, Callable[[], bool]]) -> None:
        self._homes = {word: (field[0], field[1]) for word, field in fields.items()}
        self._matters = {word: field[2] for word, field in fields.items() if len(field) > 2}
        self._defaults = {word: self._value(word) for word in fields}
        for word, default in self._defaults.items():
            if not isinstance(default, (str, int, float, type(None))):
                raise ScmsError(
                    f"{word} holds {default!r}, which no address can hold",
                    expected="a text, a number, a truth value or None",
                )
        self._callbacks: list[Callable[[], None]] = []
        self._quiet = False
        for widget, trait in self._homes.values():
            widget.observe(self._tell, names=trait)

    def state(self) -> dict[str, str]:
        """What differs from the defaults and matters now, by its word."""
        return {
            word: _as_text(value)
            for word, default in self._defaults.items()
            if (value := self._value(word)) != default and self._is_asked(word)
        }

    def restore(self, state: Mapping[str, str]) -> None:
        """Set the controls to this state.

        Words that are not known and values that a control refuses are ignored: what is not given
        has its default again, but for what matters only now and then, which stays as it is.
        """
        self._quiet = True
        try:
            for word, default in self._defaults.items():
                if word in state or word not in self._matters:
                    self._set(word, state.get(word), default)
        finally:
            self._quiet = False
        self._tell(None)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call this whenever the state may be another one; once for a whole `restore`."""
        self._callbacks.append(callback)

    def close(self) -> None:
        """Follow the controls no more."""
        for widget, trait in self._homes.values():
            widget.unobserve(self._tell, names=trait)
        self._callbacks.clear()

    def _value(self, word: str) -> Any:
        widget, trait = self._homes[word]
        return getattr(widget, trait)

    def _is_asked(self, word: str) -> bool:
        return word not in self._matters or self._matters[word]()

    def _set(self, word: str, text: str | None, default: Any) -> None:
        widget, trait = self._homes[word]
        try:
            setattr(widget, trait, default if text is None else _as_value(text, default))
        except (traitlets.TraitError, ValueError):
            setattr(widget, trait, default)

    def _tell(self, _change: Any) -> None:
        if not self._quiet:
            for callback in self._callbacks:
                callback()


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return _YES if value else _NO
    return "" if value is None else str(value)


def _as_value(text: str, default: Any) -> Any:
    """The text as a value of the default's kind; of None it is a text, and nothing is None."""
    if isinstance(default, bool):
        if text not in {_YES, _NO}:
            raise ValueError(text)
        return text == _YES
    if isinstance(default, (int, float)):
        return type(default)(text)
    return None if default is None and text == "" else text
