"""Every finding can say why it is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scms.reports import rules_change, rules_room, rules_use
from scms.reports.explained import explained
from scms.settings import FindingSettings

_MODULES = (rules_change, rules_room, rules_use)
_SOURCES = "".join(Path(str(module.__file__)).read_text() for module in _MODULES)
KINDS = sorted(set(re.findall(r'Finding\(\s*"([a-z_]+)"', _SOURCES)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_rule_with_a_setting_that_exists(kind: str) -> None:
    rule = explained(kind, FindingSettings())
    assert rule.words.endswith(".")
    assert rule.limit
    assert rule.setting in {"", *FindingSettings.model_fields}


def test_all_kinds_were_found() -> None:
    assert len(KINDS) == 15


def test_the_limit_is_that_of_the_settings() -> None:
    assert explained("idle_held", FindingSettings(idle_held_ratio=0.2)).limit == "at least 20 %"
    assert explained("hot", FindingSettings(hot_celsius=91)).limit == "91 °C or more"
