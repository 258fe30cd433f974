"""Readers of GPUs are made where there is something to read, and answer as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from probe.running import running_probe
from scms.probe import readers

if TYPE_CHECKING:
    from pathlib import Path

    from nvml.fake import FakeDriver


class Reader:
    """Answers what it was given."""

    def __init__(self, **answer: Any) -> None:
        self.given = {"gpu": {"problem": None, "driver": None}, "devices": [], **answer}
        self.asked = 0

    def ask(self) -> None:
        self.asked += 1

    def answer(self, patience: float) -> dict[str, Any]:
        del patience
        return self.given


def test_where_there_is_nothing_to_read_there_are_no_gpus() -> None:
    none = readers.Readers(lambda: None)
    none.ask()
    assert none.answer(0.0) == {
        "gpu": {"problem": None, "driver": None, "cuda": None, "age_seconds": None},
        "devices": [],
    }


def test_what_comes_later_is_read_from_then_on() -> None:
    there: list[Reader] = []
    late = readers.Readers(lambda: there[0] if there else None)
    late.ask()
    there.append(Reader(devices=[{"uuid": "a"}]))
    late.ask()
    assert late.answer(0.0)["devices"] == []  # it is not looked for at every tick
    late.next_look = 0.0
    late.ask()
    late.ask()
    assert late.answer(0.0) is there[0].given
    assert there[0].asked == 2


def test_two_kinds_are_one_server() -> None:
    one = Reader(
        gpu={"problem": "GPU 3 hangs", "driver": "1", "cuda": "12.4", "age_seconds": 0.5},
        devices=[{"uuid": "a"}],
        device_facts={"a": {}},
    )
    two = Reader(
        gpu={"problem": "amd-smi hangs", "driver": "2"},
        devices=[{"uuid": "b"}],
        device_facts={"b": {}},
    )
    both = readers.Readers(lambda: one, lambda: two)
    both.ask()
    assert both.answer(0.0) == {
        "gpu": {
            "problem": "GPU 3 hangs; amd-smi hangs",
            "driver": "1",
            "cuda": "12.4",
            "age_seconds": 0.5,
        },
        "devices": [{"uuid": "a"}, {"uuid": "b"}],
        "device_facts": {"a": {}, "b": {}},
    }
    one.given["devices"] = None
    assert both.answer(0.0)["devices"] == [{"uuid": "b"}]
    two.given["devices"] = None
    assert both.answer(0.0)["devices"] is None


def test_a_library_is_looked_for_where_the_linker_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setattr(readers, "LINKER_CACHE", str(cache))
    monkeypatch.setattr(readers, "LIBRARIES", str(tmp_path / "lib"))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    assert not readers.library_is_there("libx.so.1")
    cache.write_bytes(b"\0libx.so.1\0/opt/libx.so.1\0")
    assert readers.library_is_there("libx.so.1")
    assert not readers.library_is_there("liby.so.1")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "liby.so.1").touch()
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/nowhere:{tmp_path / 'own'}")
    assert readers.library_is_there("liby.so.1")


@pytest.mark.parametrize(
    ("vendor", "kind", "there"),
    [("0x10de", "0x030200", True), ("0x10de", "0x040300", False), ("0x1002", "0x030000", False)],
)
def test_a_gpu_is_told_by_its_slot(tmp_path: Path, vendor: str, kind: str, there: bool) -> None:
    slot = tmp_path / "0000:01:00.0"
    slot.mkdir()
    (slot / "vendor").write_text(f"{vendor}\n")
    (slot / "class").write_text(f"{kind}\n")
    assert readers.nvidia_hardware(str(tmp_path)) == there
    assert not readers.nvidia_hardware(str(tmp_path / "absent"))


def test_a_driver_that_is_installed_while_the_probe_runs_is_found(
    driver: FakeDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scms.collect import bootstrap
    from scms.collect.program import packed, sections

    first = sections()["first"].replace("LOOK_SECONDS = 60.0", "LOOK_SECONDS = 0.1")
    sent = packed({**sections(), "first": first})
    monkeypatch.setattr(bootstrap, "program", lambda: sent)
    later = tmp_path / "later"
    later.mkdir()
    environment = {**driver.environment, "LD_LIBRARY_PATH": str(later)}
    with running_probe(environment) as probe:
        probe.next()
        assert probe.next()["devices"] == []
        (later / readers.NVML).symlink_to(driver.library_folder / readers.NVML)
        sample = probe.until(lambda message: message["devices"])
    assert len(sample["devices"]) == 8
