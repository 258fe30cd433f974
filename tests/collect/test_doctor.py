"""The doctor walks the way to a server, and names the mend of the step that is not well."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from conftest import require_program
from nvml.fake import FakeDriver
from scms.collect import bootstrap as bootstrap_module
from scms.collect.doctor import Finding, examine, examine_all
from scms.collect.transport import connect
from servers.accounts import account
from servers.sshd import free_port, make_key, sshd_fleet, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scms.collect.steps import Step
    from servers.sshd import Sshd

pytestmark = pytest.mark.sshd

WAY = ["name", "port", "host key", "login", "shell", "Python", "driver", "NVML",
       "persistence mode", "hidepid", "clock"]  # fmt: skip


def verdicts(finding: Finding) -> dict[str, str]:
    assert [step.name for step in finding.steps] == WAY
    return {step.name: step.verdict for step in finding.steps}


def step(finding: Finding, name: str) -> Step:
    (found,) = (one for one in finding.steps if one.name == name)
    return found


@pytest.fixture
def driver(fake_library: Path, tmp_path: Path) -> FakeDriver:
    made = FakeDriver(fake_library, tmp_path / "gpus.conf")
    made.set(gpus=2)
    return made


@pytest.fixture
def equipped(tmp_path: Path, sshd_program: str, driver: FakeDriver) -> Iterator[Sshd]:
    """A server with the GPUs of the driver."""
    environment = {0: driver.environment}
    with sshd_fleet(tmp_path / "fleet", environment=environment, program=sshd_program) as fleet:
        yield fleet[0]


def test_a_healthy_server_is_well_at_every_step(equipped: Sshd) -> None:
    finding = examine(equipped.server(), connect=connect)
    assert (finding.state, finding.reason, finding.gpu_count) == ("up", None, 2)
    assert finding.python is not None
    assert set(verdicts(finding).values()) == {"ok"}
    assert step(finding, "NVML").detail == "2 devices"
    wait_until(lambda: not equipped.probes(), 5)


def test_each_finding_names_the_mend_and_bad_servers_do_not_hide_good_ones(sshd: Sshd) -> None:
    servers = [
        sshd.server(),
        sshd.server(name="closed", port=free_port()),
        sshd.server(name="stranger", known_hosts="/dev/null"),
    ]
    good, closed, stranger = examine_all(servers, connect=connect)
    assert good.state == "up"
    assert closed.state == stranger.state == "down"
    assert "refused" in (closed.reason or "")
    assert "the host key of 127.0.0.1 is not known" in (stranger.reason or "")


def changed(server: Sshd, folder: Path, what: str) -> Any:
    """A server's entry in which one thing is wrong."""
    if what == "login":
        make_key(folder / "other")
        return server.server(identity_file=str(folder / "other"))
    if what == "shell":
        server.stop()
        server.extra = "ForceCommand echo closed; exit 1\n"
        server.start()
        return server.server()
    changes: dict[str, dict[str, Any]] = {
        "name": {"address": "no-such-host.invalid"},
        "port": {"port": free_port()},
        "host key": {"known_hosts": "/dev/null"},
    }
    return server.server(**changes[what])


@pytest.mark.parametrize(
    ("what", "mend"),
    [
        ("name", "check its address in the inventory, and DNS"),
        ("port", "see that it is up"),
        ("host key", "ssh -o UserKnownHostsFile="),
        ("login", "ssh-copy-id"),
        ("shell", "see what it says: ssh"),
    ],
)
def test_the_way_ends_at_the_step_that_fails(
    what: str, mend: str, sshd: Sshd, tmp_path: Path
) -> None:
    finding = examine(changed(sshd, tmp_path, what), connect=connect)
    at = WAY.index(what)
    expected = ["ok"] * at + ["bad"] + ["not reached"] * (len(WAY) - at - 1)
    assert [*verdicts(finding).values()] == expected
    assert mend in (step(finding, what).mend or "")
    assert finding.state == "down"


def test_without_python_the_rest_is_walked_all_the_same(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap_module, "_PYTHONS", ("no-such-python",))
    finding = examine(sshd.server(), connect=connect)
    assert finding.state == "degraded"
    assert verdicts(finding)["Python"] == "bad"
    assert "apt install python3" in (step(finding, "Python").mend or "")
    assert verdicts(finding)["clock"] == "ok"


@pytest.mark.parametrize(
    ("lines", "name", "verdict", "mend"),
    [
        (["error.nvmlInitWithFlags=18"], "driver", "bad", "sudo reboot"),
        (["error.nvmlDeviceGetUtilizationRates=15"], "NVML", "bad", "dmesg"),
        (["persistence=0"], "persistence mode", "hint", "nvidia-smi -pm 1"),
    ],
)
def test_steps_of_the_driver(
    lines: list[str], name: str, verdict: str, mend: str, equipped: Sshd, driver: FakeDriver
) -> None:
    driver.set(*lines, gpus=2)
    finding = examine(equipped.server(), connect=connect)
    found = step(finding, name)
    assert (found.verdict, mend in (found.mend or "")) == (verdict, True)
    assert finding.state == ("up" if verdict == "hint" else "degraded")


def test_a_server_without_gpus_has_no_such_steps(sshd: Sshd) -> None:
    found = verdicts(examine(sshd.server(), connect=connect))
    assert [found[name] for name in ("driver", "NVML", "persistence mode")] == ["none"] * 3


def test_a_proc_that_hides_others_is_told(sshd: Sshd) -> None:
    unshare = require_program("unshare", "util-linux")
    # A /proc of its own, since its options hold for all who see it.
    mount = 'mount -t proc -o hidepid=2 proc /proc && exec "$@"'
    made = (unshare, "--mount", "sh", "-c", mount, "sh")
    with account(sshd) as seen:
        assert step(examine(seen, connect=connect), "hidepid").verdict == "ok"
    can = subprocess.run([*made, "true"], check=False, capture_output=True)
    if can.returncode != 0:
        pytest.skip(f"no /proc can be mounted: {can.stderr.decode().strip()}")
    sshd.wrapper = made
    with account(sshd) as hidden:
        found = step(examine(hidden, connect=connect), "hidepid")
    assert found.verdict == "hint"
    assert "remount,hidepid=0" in (found.mend or "")
