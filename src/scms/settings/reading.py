"""Reading settings: what lies over what, and what is said of a value that cannot be used."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from scms.errors import SettingsError
from scms.settings.whole import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def environment_overrides(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Settings from the environment: ``SCMS_INTERVAL``, ``SCMS_WAREHOUSE__CATALOG`` and so on."""
    environ = os.environ if environ is None else environ
    overrides: dict[str, Any] = {}
    for variable, value in sorted(environ.items()):
        path = variable.removeprefix("SCMS_").lower().split("__")
        if not variable.startswith("SCMS_") or path[0] not in Settings.model_fields:
            continue
        target = overrides
        for key in path[:-1]:
            target = target.setdefault(key, {})
        target[path[-1]] = value
    return overrides


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the values of ``over`` put over it, section by section."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def settings_error(source: str, error: ValidationError, model: type[BaseModel]) -> SettingsError:
    """The first complaint of a validation as one line: file, key, what was expected."""
    first = error.errors()[0]
    location = first["loc"]
    key = _dotted(location)
    if first["type"] == "extra_forbidden":
        known = list(_fields_at(model, location[:-1]))
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f'did you mean "{near[0]}"?' if near else None
        return SettingsError(
            f"{source}: {key} is no known key", expected=f"one of {', '.join(known)}", mend=hint
        )
    if first["type"] == "missing":
        return SettingsError(f"{source}: {key} is missing", expected=f"{key} to be set")
    expected = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return SettingsError(f"{source}: {key} is {first['input']!r}", expected=expected)


def _dotted(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> Iterator[str]:
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    yield from model.model_fields
