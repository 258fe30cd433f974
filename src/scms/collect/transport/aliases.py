"""The servers that ``~/.ssh/config`` names. In: its path. Out: the aliases without wildcards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paramiko import SSHConfig
from paramiko.ssh_exception import ConfigParseError

from scms.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def aliases(path: Path) -> list[str]:
    """The names after ``Host``, in order of the alphabet; none where there is no file.

    Files that it includes are not read.

    Raises:
        SettingsError: The file cannot be read.
    """
    if not path.exists():
        return []
    try:
        names = SSHConfig.from_path(str(path)).get_hostnames()
    except (ConfigParseError, OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", expected="an ssh_config") from error
    return sorted(name for name in names if not set(name) & set("*?!%"))
