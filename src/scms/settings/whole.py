"""All settings of a cluster, by section."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from scms.settings.sections import (
    DashboardSettings,
    FindingSettings,
    HoldSettings,
    HostKeys,
    MailSettings,
    PowerSettings,
    PrivacySettings,
    ReportSettings,
    RetentionSettings,
    Seconds,
    Section,
    Timezone,
    WarehouseSettings,
    WebhookSettings,
)


class Settings(Section):
    """Everything in cluster.toml but the servers."""

    name: str = "cluster"
    timezone: Timezone = "UTC"
    interval: Annotated[Seconds, Field(ge=0.5, le=3600)] = Field(
        5.0, description="seconds between samples"
    )
    data: str = Field(
        "scms-data", description="directory of the hot store and the embedded warehouse"
    )
    collector: str = Field(
        "main", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="name of this collector"
    )
    host_keys: HostKeys = Field(
        "strict", description="what to do with a host key that is not known"
    )
    warehouse: WarehouseSettings = WarehouseSettings()
    retention: RetentionSettings = RetentionSettings()
    power: PowerSettings = PowerSettings()
    privacy: PrivacySettings = PrivacySettings()
    dashboard: DashboardSettings = DashboardSettings()
    holds: HoldSettings = HoldSettings()
    findings: FindingSettings = FindingSettings()
    reports: ReportSettings = ReportSettings()
    mail: MailSettings = MailSettings()
    webhook: WebhookSettings = WebhookSettings()
    groups: dict[str, tuple[str, ...]] = Field(
        {}, description="who belongs to which group: name = [logins], for reports by group"
    )

    def zone(self) -> ZoneInfo:
        """The time zone in which days, weeks and months begin."""
        return ZoneInfo(self.timezone)
