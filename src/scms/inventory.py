"""What is watched: the servers of cluster.toml, with the settings beside them.

Input: a TOML file. Output: an `Inventory`, checked and frozen. Nothing is connected to.
"""

from __future__ import annotations

import os
import socket
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, field_validator

from scms.errors import SettingsError, UnknownServer
from scms.settings import HostKeys, Section, Settings, environment_overrides, merged, settings_error

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
#: The name of the file that is looked for in the working directory.
DEFAULT_FILE = "cluster.toml"


class Server(Section):
    """One machine.

    ``address`` is anything ``ssh`` accepts, also an alias of ``~/.ssh/config``. ``local`` means
    this very machine, read without SSH; ``simulated`` means that the simulator answers for it.
    """

    name: Annotated[str, Field(pattern=_NAME)]
    address: Annotated[str, Field(pattern=r"^[^-\s][^\s]*$")] | None = None
    user: Annotated[str, Field(pattern=r"^[^-\s][^\s]*$")] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    via: Annotated[str, Field(pattern=r"^[^-\s][^\s]*$")] | None = None
    identity_file: str | None = None
    known_hosts: str | None = None
    host_keys: HostKeys | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    local: bool = False
    simulated: bool = False

    @field_validator("address", "user", "via", "group", "tags")
    @classmethod
    def _can_be_seen(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        # Others read it on pages and terminals: no escapes, and nothing that turns text about.
        if not "".join(value or ()).isprintable():
            raise ValueError("characters that can be seen")
        return value

    @property
    def target(self) -> str:
        """What to type after ``ssh``."""
        host = self.address or self.name
        return f"{self.user}@{host}" if self.user else host


class _File(Settings):
    servers: tuple[Server, ...] = ()


class Inventory:
    """The servers that are watched and the settings of their cluster.

    Attributes:
        servers: In the order of the file.
        settings: All sections but the servers.
        directory: The data directory (hot store, embedded warehouse), absolute.
        source: Where it was read from, for messages.
    """

    def __init__(
        self, servers: tuple[Server, ...], settings: Settings, *, directory: Path, source: str
    ) -> None:
        self.servers = servers
        self.settings = settings
        self.directory = directory
        self.source = source
        self._by_name = {server.name: server for server in servers}

    def __getitem__(self, name: str) -> Server:
        server = self._by_name.get(name)
        if server is None:
            raise UnknownServer(
                f"no server is called {name!r}", expected=f"one of {', '.join(self._by_name)}"
            )
        return server

    @classmethod
    def this_machine(
        cls, directory: str | Path = ".", overrides: Mapping[str, Any] | None = None
    ) -> Inventory:
        """An inventory of this machine alone, read without SSH, every 2 s."""
        name = socket.gethostname().split(".")[0] or "localhost"
        defaults = {"name": name, "interval": 2, "servers": [{"name": name, "local": True}]}
        return cls.from_mapping(
            defaults, base=Path(directory), source="this machine", overrides=overrides
        )

    @classmethod
    def from_file(cls, path: str | Path, overrides: Mapping[str, Any] | None = None) -> Inventory:
        """Read cluster.toml.

        Raises:
            SettingsError: The file cannot be read or a key of it cannot be used.
        """
        path = Path(path)
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(
                f"{path} does not exist", expected="a cluster.toml", mend="make one with: scms init"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{path} cannot be read: {error}", expected="a text file"
            ) from error
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path}: {error}", expected="TOML") from error
        return cls.from_mapping(
            data, base=path.resolve().parent, source=path.name, overrides=overrides
        )

    @classmethod
    def from_mapping(
        cls,
        data: Mapping[str, Any],
        *,
        base: Path,
        source: str,
        overrides: Mapping[str, Any] | None = None,
    ) -> Inventory:
        """Check what was said: overrides go over the environment, and that over ``data``."""
        layered = merged(merged(data, environment_overrides()), overrides or {})
        try:
            parsed = _File.model_validate(layered)
        except ValidationError as error:
            raise settings_error(source, error, _File) from error
        _check_servers(parsed.servers, source)
        values = {name: getattr(parsed, name) for name in Settings.model_fields}
        directory = (base / Path(parsed.data).expanduser()).resolve()
        if parsed.reports.template is not None:
            template = (base / Path(parsed.reports.template).expanduser()).resolve()
            values["reports"] = parsed.reports.model_copy(update={"template": str(template)})
        servers = tuple(
            server.model_copy(update={"host_keys": server.host_keys or parsed.host_keys})
            for server in parsed.servers
        )
        return cls(servers, Settings.model_construct(**values), directory=directory, source=source)


def find_inventory(
    path: str | Path | None = None, overrides: Mapping[str, Any] | None = None
) -> Inventory:
    """The inventory of the argument, of ``SCMS_CONFIG``, of ./cluster.toml, or this machine."""
    chosen = path if path is not None else os.environ.get("SCMS_CONFIG")
    if chosen is not None:
        return Inventory.from_file(chosen, overrides)
    if Path(DEFAULT_FILE).exists():
        return Inventory.from_file(DEFAULT_FILE, overrides)
    return Inventory.this_machine(overrides=overrides)


def _check_servers(servers: tuple[Server, ...], source: str) -> None:
    seen: set[str] = set()
    for position, server in enumerate(servers, start=1):
        if server.name in seen:
            raise SettingsError(
                f"{source}: servers[{position}].name {server.name!r} is taken by another server",
                expected="a name of its own for each server",
            )
        seen.add(server.name)
        if server.local and (server.address or server.via or server.port):
            raise SettingsError(
                f"{source}: servers[{position}] is local and has an address",
                expected="either local = true, or address, port and via",
            )
