"""Verbs that set up: init, doctor, probe, authorize."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scms.cli.context import of
from scms.cli.output import CsvOption, Form, JsonOption, form, print_frame
from scms.errors import SettingsError
from scms.inventory import DEFAULT_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.collect.doctor import Finding
    from scms.inventory import Server

_COLUMNS = ("server", "state", "answer_seconds", "cpu_count", "gpu_count", "gpu_model", "reason")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command("init")(init)
    app.command("doctor")(doctor)
    app.command("probe")(probe)
    app.command("authorize")(authorize)


def init(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path(
        DEFAULT_FILE
    ),
    ssh_config: Annotated[
        Path, typer.Option("--ssh-config", help="File whose hosts are tried.")
    ] = (Path("~/.ssh/config")),
) -> None:
    """Write a cluster.toml of the servers in ~/.ssh/config, each tried, and this machine."""
    from scms.collect.doctor import examine_all
    from scms.collect.transport.aliases import aliases
    from scms.inventory import Server
    from scms.service import connect

    if output.exists():
        raise SettingsError(
            f"{output} is there already",
            expected="a file that is not",
            mend="name another with --output, or move it away",
        )
    here = socket.gethostname().split(".")[0] or "localhost"
    names = [n for n in aliases(ssh_config.expanduser()) if _NAME.fullmatch(n) and n != here]
    servers = [Server(name=here, local=True), *(Server(name=name) for name in names)]
    findings = examine_all(servers, connect=connect)
    output.write_text(_cluster_toml(servers, findings), encoding="utf-8")
    _print(findings, Form.TABLE)
    if any(finding.state != "up" for finding in findings):
        typer.echo(f"What is wrong, step by step: scms -c {output} doctor SERVER")
    typer.echo(f"Wrote {output}. Now: scms -c {output} up")


def doctor(
    context: typer.Context,
    server: Annotated[list[str] | None, typer.Argument(help="Some; all by default.")] = None,
    *,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Try every server once and say what is wrong with it, and what mends that."""
    from scms.collect.doctor import examine_all
    from scms.service import connect

    how = form(as_json=as_json, as_csv=as_csv)
    inventory = of(context).cluster().inventory
    chosen = [inventory[name] for name in server] if server else [*inventory.servers]
    findings = examine_all(chosen, connect=connect)
    _print(findings, how)
    if how is Form.TABLE:
        _print_steps(findings, every=len(chosen) == 1)
    if any(finding.state != "up" for finding in findings):
        raise typer.Exit(1)


def probe(
    *,
    shell: Annotated[bool, typer.Option("--shell", help="That of servers without Python.")] = False,
) -> None:
    """Print the program that runs on a server, as it is sent there."""
    from scms.collect.program import probe_source, shell_source

    typer.echo(shell_source() if shell else probe_source())


def authorize(
    key: Annotated[
        Path | None, typer.Argument(help="Public key; without one, what stands before a key.")
    ] = None,
) -> None:
    """Print a line for authorized_keys that lets a key start the probe and nothing else."""
    from scms.collect.authorize import authorized_line, authorized_options, read_public_key

    if key is None:
        typer.echo(authorized_options())
    else:
        typer.echo(authorized_line(read_public_key(key.expanduser())))


def _print(findings: Sequence[Finding], how: Form) -> None:
    import pandas as pd

    from scms.collect.doctor import Finding

    rows = [asdict(finding) for finding in findings]
    names = [field.name for field in fields(Finding)]
    frame = pd.DataFrame(rows, columns=names if how is Form.JSON else names[:-1])
    print_frame(frame, how, columns=_COLUMNS)


def _print_steps(findings: Sequence[Finding], *, every: bool) -> None:
    """The way to each server: all of its steps, or those only that could be better.

    What is bad is the reason in the table.
    """
    for finding in findings:
        for step in finding.steps:
            if every or step.verdict == "hint":
                said = "; ".join(part for part in (step.detail, step.mend) if part is not None)
                where = "" if every else f"{finding.server}: "
                typer.echo(f"{where}{step.name}: {step.verdict}{f' — {said}' if said else ''}")


def _cluster_toml(servers: Sequence[Server], findings: Sequence[Finding]) -> str:
    """The servers that answer; the others as comments, with the reason."""
    lines = ['name = "our lab"', f"timezone = {json.dumps(_timezone())}", 'interval = "5s"', ""]
    for server, finding in zip(servers, findings, strict=True):
        entry = ["[[servers]]", f"name = {json.dumps(server.name)}"]
        entry += ["local = true"] if server.local else []
        if finding.state == "down":
            reason = " ".join((finding.reason or "does not answer").split())
            entry = [f"# {line}" for line in [reason, *entry]]
        lines += [*entry, ""]
    return "\n".join(lines)


def _timezone() -> str:
    """The time zone of this machine as /etc says it, else UTC."""
    link = Path("/etc/localtime")
    parts = link.resolve().parts if link.exists() else ()
    return "/".join(parts[parts.index("zoneinfo") + 1 :]) if "zoneinfo" in parts else "UTC"
