"""News for whoever waits, delivered to a real SMTP server and a real webhook on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scms
from recommend.fleet import NOW, devices, server
from reports.sinks import smtp_sink, webhook
from scms.errors import ReportError, RequestError
from scms.recommend.news import text
from scms.recommend.rank import recommend
from scms.recommend.request import Request
from scms.recommend.spread import spread

if TYPE_CHECKING:
    from pathlib import Path

    from scms.cluster import Cluster
    from scms.recommend.answer import Recommendation


@pytest.fixture
def answer() -> Recommendation:
    rows = [*devices("gpu-1", "ff"), *devices("gpu-2", "ffff")]
    return recommend(Request(gpus=2), [server("gpu-1"), server("gpu-2")], rows, now=NOW, seed=None)


def lab(folder: Path, **settings: Any) -> Cluster:
    config = folder / "cluster.toml"
    config.write_text('name = "Lab"\n[[servers]]\nname = "gpu-1"\n', encoding="utf-8")
    return scms.open(config, **settings)


def mail(port: int, **settings: Any) -> dict[str, Any]:
    own = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "scms@lab.example"}
    return {"mail": own | settings}


def test_the_letter_names_server_reasons_and_what_to_type(tmp_path: Path, answer):
    with smtp_sink() as box:
        lab(tmp_path, **mail(box.port)).send_news(answer, mail=["ann@lab.example"])
    (got,) = box.mails
    assert got["Subject"] == "Lab: gpu-1 has what you wait for"
    assert (got["From"], got["To"]) == ("scms@lab.example", "ann@lab.example")
    body = got.get_content()
    assert "- 2 of 2 GPUs free" in body
    assert "export CUDA_VISIBLE_DEVICES=" in body
    assert "So can gpu-2." in body


@pytest.fixture
def together() -> Recommendation:
    rows, own = (
        [server("gpu-1"), server("gpu-2")],
        [*devices("gpu-1", "ff"), *devices("gpu-2", "f")],
    )
    alone = recommend(Request(gpus=3, same_server=False), rows, own, now=NOW, seed=None)
    return spread(alone, rows, own, seed=None)


def test_the_letter_names_every_server_of_those_that_do_together(tmp_path: Path, together):
    with smtp_sink() as box:
        lab(tmp_path, **mail(box.port)).send_news(together, mail=["ann@lab.example"])
    (got,) = box.mails
    assert got["Subject"] == "Lab: gpu-1 and gpu-2 have what you wait for"
    body = "\n".join(got.get_content().splitlines())
    assert "gpu-1 and gpu-2 can take 3 GPUs, on any servers" in body
    assert "- 2 + 1 GPUs of 2 servers" in body
    assert "gpu-1:\n- 2 of 2 GPUs free" in body
    assert body.count("export CUDA_VISIBLE_DEVICES=") == 2
    assert "scms hold gpu-1 GPU-gpu-1-0 GPU-gpu-1-1\nscms hold gpu-2 GPU-gpu-2-0" in body


def test_the_webhook_gets_the_servers_that_do_together(tmp_path: Path, together):
    with webhook() as hook:
        lab(tmp_path, webhook={"url": hook.url}).send_news(together, webhook=True, held=True)
    ((_, body),) = hook.posts
    assert body["request"]["same_server"] is False
    assert [part["server"] for part in body["plans"][0]["parts"]] == ["gpu-1", "gpu-2"]
    assert body["text"].endswith("It is held for you.")


def test_several_addresses_get_one_letter(tmp_path: Path, answer):
    with smtp_sink() as box:
        cluster = lab(tmp_path, **mail(box.port))
        cluster.send_news(answer, mail=["ann@lab.example", "bob@lab.example"])
    assert box.mails[0]["To"] == "ann@lab.example, bob@lab.example"
    assert sum(command.upper().startswith("RCPT") for command in box.commands) == 2


def test_the_report_list_gets_no_news(tmp_path: Path, answer):
    with smtp_sink() as box:
        cluster = lab(tmp_path, **mail(box.port, to=("everybody@lab.example",)))
        cluster.send_news(answer, mail=["ann@lab.example"])
    assert not any("everybody" in command for command in box.commands)


def test_the_webhook_gets_text_and_answer(tmp_path: Path, answer, monkeypatch):
    monkeypatch.setenv("SCMS_WEBHOOK_TOKEN", "t0ken")
    with webhook() as hook:
        lab(tmp_path, webhook={"url": hook.url}).send_news(answer, webhook=True, held=True)
    ((headers, body),) = hook.posts
    assert headers["Authorization"] == "Bearer t0ken"
    assert body["text"].startswith("gpu-1 can take")
    assert (body["cluster"], body["held"]) == ("Lab", True)
    assert body["candidates"][0]["devices"] == ["GPU-gpu-1-0", "GPU-gpu-1-1"]


def test_a_deadline_travels_as_text(tmp_path: Path):
    wanted = Request(gpus=2, start_by=NOW)
    told = recommend(wanted, [server("gpu-1")], devices("gpu-1", "ff"), now=NOW)
    with webhook() as hook:
        lab(tmp_path, webhook={"url": hook.url}).send_news(told, webhook=True)
    assert hook.posts[0][1]["request"]["start_by"] == NOW.isoformat()


@pytest.mark.parametrize(
    ("held", "said"), [(True, "It is held for you."), (False, "To hold it: scms hold gpu-1 GPU-")]
)
def test_whether_it_is_held_is_said(answer, held: bool, said: str):
    assert said in text(answer, held=held)


def test_a_mail_that_is_refused_is_an_error_of_the_news(tmp_path: Path, answer):
    with smtp_sink(refuse="550 no such user") as box:
        cluster = lab(tmp_path, **mail(box.port))
        with pytest.raises(ReportError, match=r"does not take the news: .*no such user"):
            cluster.send_news(answer, mail=["ann@lab.example"])


def test_a_webhook_that_fails_is_an_error_of_the_news(tmp_path: Path, answer):
    with webhook(500) as hook, pytest.raises(ReportError, match="does not take the news: 500"):
        lab(tmp_path, webhook={"url": hook.url}).send_news(answer, webhook=True)


@pytest.mark.parametrize("address", ["ann", "a@b\nBcc: c@d", "ann@x, bob@y", "Ann <ann@x>", ""])
def test_what_is_no_address_is_refused_before_waiting(tmp_path: Path, address: str):
    with pytest.raises(RequestError, match="is no mail address"):
        lab(tmp_path, **mail(25)).check_news(mail=[address])


def test_missing_settings_are_named_before_waiting(tmp_path: Path):
    with pytest.raises(RequestError, match=r"\[mail\] does not say by which server"):
        lab(tmp_path).check_news(mail=["ann@lab.example"])
    with pytest.raises(RequestError, match=r"\[webhook\] has no url"):
        lab(tmp_path).check_news(webhook=True)


def test_settings_that_do_pass(tmp_path: Path):
    cluster = lab(tmp_path, **mail(25), webhook={"url": "http://127.0.0.1:9/x"})
    cluster.check_news(mail=["ann@lab.example"], webhook=True)
