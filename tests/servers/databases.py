"""Real PostgreSQL and MariaDB servers on loopback, for tests: on free ports, gone at the end.

    with postgresql(programs) as server:
        url = server.database("warehouse")     # postgresql://127.0.0.1:PORT/warehouse

Both refuse to run as root, so that root starts them as a user without rights.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ADDRESS = "127.0.0.1"
USER, PASSWORD = "keeper", "a/pass@word"
_READY_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind((ADDRESS, 0))
        return int(listening.getsockname()[1])


@dataclass
class DatabaseServer:
    """A server, its user `USER` with `PASSWORD`, and how to start and stop it."""

    scheme: str
    port: int
    command: Sequence[str]
    log: Path
    account: dict[str, Any]
    _process: subprocess.Popen[bytes] | None = None

    def database(self, name: str) -> str:
        """Make a database; its URL, without a user or password."""
        self.run(f"CREATE DATABASE {name}")
        return f"{self.scheme}://{ADDRESS}:{self.port}/{name}"

    def run(self, sql: str, *, user: str = USER, password: str = PASSWORD) -> None:
        """Run a statement outside any transaction."""
        driver = {"postgresql": "postgresql+psycopg2", "mysql": "mysql+pymysql"}[self.scheme]
        database = "postgres" if self.scheme == "postgresql" else None
        url = URL.create(driver, user, password, ADDRESS, self.port, database)
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(sql))

    def start(self, *, user: str = USER, password: str = PASSWORD) -> None:
        """Start it and wait until it answers this user."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd="/", **self.account
            )
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self.run("SELECT 1", user=user, password=password)
            except OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(self.log.read_text()) from error
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """Stop it at once: no connection is waited for."""
        if self._process is not None:
            self._process.kill() if self.scheme == "mysql" else self._process.send_signal(3)
            self._process.wait(_READY_SECONDS)
        self._process = None


@contextmanager
def postgresql(programs: Path) -> Iterator[DatabaseServer]:
    """PostgreSQL, from a folder with initdb and postgres."""
    with _folder("postgres") as (folder, account):
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data, port = folder / "data", free_port()
        make = [str(programs / "initdb"), "-D", str(data), "-U", USER, f"--pwfile={secret}"]
        make += ["--auth=scram-sha-256", "-E", "UTF8", "--no-sync", "--no-locale"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL, cwd="/", **account)
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-h", ADDRESS]
        command += ["-k", str(folder), "-c", "fsync=off"]
        server = DatabaseServer("postgresql", port, command, folder / "log", account)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def mariadb(install: str, program: str) -> Iterator[DatabaseServer]:
    """MariaDB, from mariadb-install-db and mariadbd."""
    with _folder("mysql") as (folder, account):
        data, port = folder / "data", free_port()
        usual = ["--no-defaults", f"--datadir={data}"]
        subprocess.run(
            [install, *usual, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            **account,
        )
        command = [program, *usual, f"--port={port}", f"--bind-address={ADDRESS}"]
        command += [f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--skip-name-resolve"]
        server = DatabaseServer("mysql", port, command, folder / "log", account)
        root = {"user": "root", "password": ""}
        server.start(**root)
        try:
            server.run(f"GRANT ALL ON *.* TO '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'", **root)
            yield server
        finally:
            server.stop()


@contextmanager
def _folder(preferred: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A folder for a server, and the account it has to run as."""
    folder = Path(tempfile.mkdtemp(prefix="scms-db-"))
    account: dict[str, Any] = {}
    try:
        if os.geteuid() == 0:
            import pwd

            entry = pwd.getpwnam(preferred if _known(preferred) else "nobody")
            account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        yield folder, account
    finally:
        shutil.rmtree(folder)


def _known(name: str) -> bool:
    import pwd

    return any(entry.pw_name == name for entry in pwd.getpwall())
