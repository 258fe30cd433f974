from __future__ import annotations

import pytest

from nvml.fake import FakeDriver
from scms.collect.doctor import examine, examine_all
from scms.collect.transport import connect
from servers.sshd import free_port, sshd_fleet, wait_until

pytestmark = pytest.mark.sshd


def test_a_healthy_server_is_up_with_what_it_has(tmp_path, sshd_program, fake_library):
    driver = FakeDriver(fake_library, tmp_path / "gpus.conf")
    driver.set(gpus=2)
    with sshd_fleet(tmp_path, environment={0: driver.environment}, program=sshd_program) as fleet:
        finding = examine(fleet[0].server(), connect=connect)
        assert (finding.state, finding.reason, finding.gpu_count) == ("up", None, 2)
        assert finding.python is not None
        wait_until(lambda: not fleet[0].probes(), 5)


def test_each_finding_names_the_mend_and_bad_servers_do_not_hide_good_ones(sshd):
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
