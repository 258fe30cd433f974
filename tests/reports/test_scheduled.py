"""Reports that are written, mailed and posted by themselves, through the API of a lab."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

import scms
from reports.sinks import smtp_sink, webhook
from reports.written_lab import first_day, written_lab
from scms.errors import ReportError
from scms.reports.schedule import file_name, suffixes_of

if TYPE_CHECKING:
    from pathlib import Path

    from scms.cluster import Cluster
    from scms.reports.schedule import Made

DAY = f"{first_day():%Y-%m-%d}"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written_lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture
def lab(config: Path) -> Cluster:
    return scms.open(config)


@pytest.fixture(scope="module")
def made(config: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, ...]:
    """The reports of all and of one group, written once for what is sent many times."""
    lab = scms.open(config)
    folder = tmp_path_factory.mktemp("made")
    return lab.write_reports(DAY, folder, forms="csv,json,xlsx", groups=["vision"])


def _mailing(config: Path, port: int, **settings: Any) -> Cluster:
    mail = {"host": "127.0.0.1", "port": port, "security": "none"}
    mail |= {"sender": "SCMS <scms@example.org>", "to": ["head@example.org", "admin@example.org"]}
    return scms.open(config, mail=mail | settings)


def test_there_is_a_file_for_all_and_one_for_each_group(lab: Cluster, tmp_path: Path) -> None:
    lab.write_reports(DAY, tmp_path / "reports", forms="json,csv")
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == sorted(
        f"example-lab-{DAY}{group}.{form}"
        for group in ("", "-vision", "-speech")
        for form in ("csv", "json")
    )


def test_a_second_run_gives_the_same_names_and_figures(lab: Cluster, tmp_path: Path) -> None:
    first, second = (lab.write_reports(DAY, tmp_path, forms="json") for _ in range(2))
    assert [one.paths for one in first] == [one.paths for one in second]
    assert all(one.totals.equals(two.totals) for one, two in _pairs(first, second))
    assert len(list(tmp_path.iterdir())) == 3


def _pairs(first: Any, second: Any) -> Any:
    return zip((one.report for one in first), (two.report for two in second), strict=True)


def test_the_report_of_a_group_is_about_its_servers_only(lab: Cluster) -> None:
    everything, theirs = lab.report(DAY), lab.report(DAY, group="vision")
    assert set(theirs.tables["server"]["server"]) == {"atlas", "borg"}
    row = everything.tables["group"].set_index("group").loc["vision"]
    total = theirs.totals.iloc[0]
    for name in ("gpu_hours_used", "gpu_hours_free", "cpu_hours_used", "coverage_ratio"):
        assert total[name] == pytest.approx(row[name])
    assert set(theirs.tables["user"]["user"].dropna()) == {"ann", "bob", "cleo"}
    assert theirs.tables["hour"]["gpu_hours_used"].sum() == pytest.approx(row["gpu_hours_used"])
    assert theirs.name == "Example lab, vision"


def test_a_filter_gives_the_same_report_as_the_group_it_means(lab: Cluster) -> None:
    theirs, filtered = lab.report(DAY, group="vision"), lab.report(DAY, where="group:vision")
    assert filtered.totals.equals(theirs.totals)
    assert filtered.name == "Example lab, group:vision"
    with pytest.raises(ReportError, match="means no server"):
        lab.report(DAY, where="group:nobody")


def test_groups_add_up_to_all(lab: Cluster) -> None:
    parts = [lab.report(DAY, group=group).totals["gpu_hours_used"].item() for group in lab.groups()]
    table = lab.report(DAY).tables["group"].set_index("group")["gpu_hours_used"]
    assert sum(parts) == pytest.approx(table.loc[["vision", "speech"]].sum())


def test_an_unknown_group_is_an_error_with_the_nearest(lab: Cluster) -> None:
    with pytest.raises(ReportError, match=r'group .visoin.; .*did you mean "vision"'):
        lab.report(DAY, group="visoin")


def test_a_reader_never_finds_half_a_file(lab: Cluster, tmp_path: Path) -> None:
    report = lab.report(DAY)
    path = report.save(tmp_path / "r.json")
    stop, torn = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            try:
                json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                torn.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(30):
        report.save(path)
    stop.set()
    reader.join()
    assert torn == []
    assert [item.name for item in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize(
    ("group", "name"),
    [
        (None, "our-lab-2026-10.pdf"),
        ("vision", "our-lab-2026-10-vision.pdf"),
        ("../etc", "our-lab-2026-10-etc-5c5b1e.pdf"),
    ],
)
def test_names_of_files_are_plain(group: str | None, name: str) -> None:
    got = file_name("Our  lab", "2026-10", ".pdf", group=group)
    assert got[:17] == name[:17]
    assert "/" not in got
    assert got.endswith(".pdf")


def test_groups_that_look_alike_have_files_of_their_own() -> None:
    names = {file_name("x", "2026", ".md", group=group) for group in ("a b", "a/b", "A b", "a-b")}
    assert len(names) == 4


def test_a_form_that_is_none_is_refused_before_any_work() -> None:
    assert suffixes_of("HTML, .pdf,html") == (".html", ".pdf")
    with pytest.raises(ReportError, match="as 'docx'; expected some of html, pdf, xlsx"):
        suffixes_of("docx")


def test_reports_are_mailed_with_their_files(config: Path, made: tuple[Made, ...]) -> None:
    with smtp_sink() as box:
        _mailing(config, box.port).mail_reports(made)
    (mail,) = box.mails
    assert mail["From"] == "SCMS <scms@example.org>"
    assert mail["To"] == "head@example.org, admin@example.org"
    assert "Example lab" in mail["Subject"]
    body = mail.get_body(("plain",))
    assert body is not None
    assert "GPU-hours used" in body.get_content()
    attached = {part.get_filename(): part for part in mail.iter_attachments()}
    assert set(attached) == {path.name for one in made for path in one.paths}
    path = made[1].paths[1]
    assert attached[path.name].get_payload(decode=True) == path.read_bytes()
    assert [c for c in box.commands if c.lower().startswith("rcpt")] == [
        "rcpt TO:<head@example.org>",
        "rcpt TO:<admin@example.org>",
    ]


def test_the_same_mail_sent_twice_has_one_identity(config: Path, made: tuple[Made, ...]) -> None:
    with smtp_sink() as box:
        lab = _mailing(config, box.port)
        for _ in range(2):
            lab.mail_reports(made)
    assert len({mail["Message-ID"] for mail in box.mails}) == 1
    assert len(box.mails) == 2


def test_a_login_takes_its_password_from_the_environment(
    config: Path, made: tuple[Made, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with smtp_sink() as box:
        lab = _mailing(config, box.port, user="scms")
        with pytest.raises(ReportError, match="SCMS_MAIL_PASSWORD is not set"):
            lab.mail_reports(made)
        monkeypatch.setenv("SCMS_MAIL_PASSWORD", "secret")
        lab.mail_reports(made)
    assert len(box.mails) == 1
    assert any(command.startswith("AUTH PLAIN") for command in box.commands)


def test_a_mail_that_is_refused_says_why(config: Path, made: tuple[Made, ...]) -> None:
    with smtp_sink(refuse="550 no such user") as box:
        lab = _mailing(config, box.port)
        with pytest.raises(ReportError, match=r"does not take the report: .*no such user"):
            lab.mail_reports(made)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_without_encryption_gets_nothing_where_it_is_asked_for(
    config: Path, made: tuple[Made, ...], security: str
) -> None:
    with smtp_sink() as box:
        lab = _mailing(config, box.port, security=security)
        with pytest.raises(ReportError, match=f"security '{security}'"):
            lab.mail_reports(made)
    assert box.mails == []


def test_a_mail_server_that_is_not_there_is_an_error(config: Path, made: tuple[Made, ...]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        lab = _mailing(config, unused.getsockname()[1])
        with pytest.raises(ReportError, match=r"refused.*the files are written"):
            lab.mail_reports(made)


def test_a_webhook_gets_a_summary_of_each_report(
    config: Path, made: tuple[Made, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCMS_WEBHOOK_TOKEN", "t0ken")
    with webhook() as hook:
        lab = scms.open(config, webhook={"url": hook.url})
        lab.post_reports(made)
    (headers, whole), (_, theirs) = hook.posts
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["Content-Type"].startswith("application/json")
    assert (whole["group"], theirs["group"]) == (None, "vision")
    written = json.loads(made[0].paths[1].read_text(encoding="utf-8"))
    assert whole["totals"] == written["totals"]
    assert whole["findings"] == written["findings"]
    assert whole["text"].startswith("Example lab: ")
    assert f"example-lab-{DAY}-vision.json" in theirs["files"]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_does_not_take_it_is_an_error(
    config: Path, made: tuple[Made, ...], status: int
) -> None:
    with webhook(status) as hook:
        lab = scms.open(config, webhook={"url": hook.url})
        with pytest.raises(ReportError, match=f"does not take the summary: {status} "):
            lab.post_reports(made)
    assert len(hook.posts) == 1


def test_without_settings_nothing_is_sent(lab: Cluster, made: tuple[Made, ...]) -> None:
    with pytest.raises(ReportError, match=r"\[mail\] does not say from whom"):
        lab.mail_reports(made)
    with pytest.raises(ReportError, match=r"\[webhook\] has no url"):
        lab.post_reports(made)


def test_an_audience_gets_pseudonyms_from_the_key_of_the_lab(lab: Cluster) -> None:
    for _ in range(2):
        users = lab.report(DAY, audience="public").tables["user"]
        assert users.empty
    hashed = scms.open(lab.inventory.directory.parent / "cluster.toml", privacy={"hashed": ["x"]})
    names = [set(hashed.report(DAY, audience="x").tables["user"]["user"]) for _ in range(2)]
    assert names[0] == names[1]
    assert "ann" not in names[0]
