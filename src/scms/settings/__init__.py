"""The settings of a cluster: the sections of cluster.toml besides its servers.

Precedence: argument, environment (``SCMS_…``), file, default. Secrets are never in the file.
`sections` declares them, `whole` puts them together, `reading` lays one source over another.
"""

from __future__ import annotations

from scms.settings.reading import environment_overrides, merged, settings_error
from scms.settings.sections import (
    DashboardSettings,
    FindingSettings,
    HoldSettings,
    HostKeys,
    MailSettings,
    Names,
    PowerSettings,
    PrivacySettings,
    Section,
)
from scms.settings.whole import Settings

__all__ = [
    "DashboardSettings",
    "FindingSettings",
    "HoldSettings",
    "HostKeys",
    "MailSettings",
    "Names",
    "PowerSettings",
    "PrivacySettings",
    "Section",
    "Settings",
    "environment_overrides",
    "merged",
    "settings_error",
]
