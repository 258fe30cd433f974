"""What a viewer may not do, by trying: run code or SQL, reach files, start or end things."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from scms.serve import Dashboard, serve, wait_until_ready
from scms.serve.application import Kernels
from serve.speaking import Viewer, viewer
from widgets.simulated import Collector, inventory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow
KERNEL = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    found = inventory(tmp_path_factory.mktemp("closed"), servers=2)
    collector = Collector(found)
    collector.past(minutes=0.2, step=2)
    collector.close()
    with serve(found, port=0, pool=0) as started:
        wait_until_ready(started, timeout=60)
        yield started


def ask(url: str, method: str, body: bytes | None = None) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer."""
    headers = {"Content-Type": "application/json"}
    request = Request(url, body, headers=headers, method=method)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.status, dict(answer.headers)
    except HTTPError as error:
        return error.code, dict(error.headers)


CODE = "import pathlib; pathlib.Path({path!r}).write_text('run')"


def test_kernels_take_messages_of_widgets_only():
    kinds = {"comm_open", "comm_close", "comm_msg", "comm_info_request", "kernel_info_request"}
    assert {*Kernels().allowed_message_types} == kinds


def test_code_that_is_sent_is_not_run(dashboard: Dashboard, tmp_path: Path):
    proof = tmp_path / "proof"
    code = CODE.format(path=str(proof))

    async def scenario() -> list[str]:
        async with viewer(dashboard.url) as seen:
            content = {"code": code, "silent": False, "store_history": False,
                       "user_expressions": {"a": code}, "allow_stdin": False}  # fmt: skip
            for channel in ("shell", "control"):
                await seen.send("execute_request", content, channel)
            await seen.send("debug_request", {"type": "request", "command": "evaluate"}, "control")
            await seen.send("shutdown_request", {"restart": False}, "control")
            return await answers_until_info(seen)

    kinds = asyncio.run(scenario())
    assert kinds[-1] == "kernel_info_reply"  # the kernel is there and has seen all before
    assert not {"execute_reply", "execute_input", "debug_reply", "shutdown_reply"} & {*kinds}
    assert not proof.exists()


async def answers_until_info(seen: Viewer) -> list[str]:
    await seen.send("kernel_info_request", {})
    kinds: list[str] = []
    async with asyncio.timeout(60):
        while "kernel_info_reply" not in kinds:
            kinds.append((await seen.receive())[0]["msg_type"])
    return kinds


def test_no_widget_runs_what_it_is_sent(dashboard: Dashboard, tmp_path: Path):
    """Every model of the page is sent code and SQL as state and as a message."""
    proof = tmp_path / "proof"
    code = CODE.format(path=str(proof))
    sql = f"'; COPY (SELECT 1) TO '{proof}'; --"

    async def scenario() -> list[str]:
        async with viewer(dashboard.url) as seen:
            await seen.feed()
            for target in ("jupyter.widget", "jupyter.widget.control", "scms"):
                state = {"_model_module": "os", "_model_name": "system", "_view_name": code}
                opened = {"comm_id": KERNEL, "target_name": target, "data": {"state": state}}
                await seen.send("comm_open", opened)
            for comm in await models(seen):
                for said in (code, sql):
                    state = {"value": said, "search": said, "code": said}
                    await seen.custom(comm, {"method": "update", "state": state})
                    content = {"kind": said, "event": said, "code": said, "sql": said}
                    await seen.custom(comm, {"method": "custom", "content": content})
            return await answers_until_info(seen)

    assert asyncio.run(scenario())[-1] == "kernel_info_reply"
    assert not proof.exists()


async def models(seen: Viewer) -> list[str]:
    """The ids of all models of the page."""
    await seen.send("comm_info_request", {"target_name": "jupyter.widget"})
    while True:
        header, content = await seen.receive()
        if header["msg_type"] == "comm_info_reply":
            return [*json.loads(content)["comms"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "api/contents"),
        ("GET", "api/contents/scms.ipynb"),
        ("PUT", "api/contents/mine.ipynb"),
        ("GET", "voila/api/contents"),
        ("GET", "files/scms.ipynb"),
        ("GET", "voila/files/scms.ipynb"),
        ("GET", "voila/tree"),
        ("GET", "voila/render/scms.ipynb"),
        ("GET", "nbconvert/html/scms.ipynb"),
        ("GET", "api/kernels"),
        ("POST", "api/kernels"),
        ("POST", f"api/kernels/{KERNEL}/restart"),
        ("POST", f"api/kernels/{KERNEL}/interrupt"),
        ("GET", "api/kernelspecs"),
        ("GET", "api/sessions"),
        ("POST", "api/sessions"),
        ("GET", "api/terminals"),
        ("POST", "api/terminals"),
        ("GET", "terminals/websocket/1"),
        ("GET", "api/config/notebook"),
        ("GET", "api/status"),
        ("POST", "api/shutdown"),
        ("GET", "lab"),
        ("GET", "scms/..%2f..%2fscms.ipynb"),
        ("GET", "voila/templates/..%2f..%2f..%2fscms.ipynb"),
        ("GET", "voila/static/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd"),
    ],
)
def test_there_is_no_way_to_files_kernels_and_terminals(
    dashboard: Dashboard, method: str, path: str
):
    status, _ = ask(f"{dashboard.url}{path}", method, b"{}" if method != "GET" else None)
    assert status >= 400, (method, path)


def test_a_kernel_is_neither_restarted_nor_ended_by_the_interface(dashboard: Dashboard):
    async def scenario() -> list[tuple[int, str]]:
        async with viewer(dashboard.url) as seen:
            kernel = f"{dashboard.url}api/kernels/{seen.kernel}"
            asked: list[Any] = [
                ("POST", f"{kernel}/restart"),
                ("POST", f"{kernel}/interrupt"),
                ("DELETE", kernel),
            ]
            found = [
                ((await asyncio.to_thread(ask, url, method, b"{}"))[0], method)
                for method, url in asked
            ]
            assert (await answers_until_info(seen))[-1] == "kernel_info_reply"
            return found

    assert all(status in {403, 404, 405} for status, _ in asyncio.run(scenario()))


@pytest.mark.parametrize("path", ["", "plain"])
def test_every_page_carries_a_strict_policy(dashboard: Dashboard, path: str):
    _, headers = ask(f"{dashboard.url}{path}", "GET")
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == "'none'"
    known = {"'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "blob:", "data:"}
    assert {word for said in policy.values() for word in said.split()} <= known
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_page_elsewhere_cannot_open_the_websocket(dashboard: Dashboard):
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus

    async def scenario() -> int:
        where = f"{dashboard.url.replace('http', 'ws', 1)}api/kernels/{KERNEL}/channels"
        try:
            async with connect(where, origin="https://evil.example", proxy=None):  # type: ignore[arg-type]
                return 101
        except InvalidStatus as error:
            return error.response.status_code

    assert asyncio.run(scenario()) in {403, 404}
