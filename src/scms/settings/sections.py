"""The sections of cluster.toml besides its servers, each with its keys, limits and defaults."""

from __future__ import annotations

import difflib
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
)

from scms.errors import SettingsError
from scms.tables import FACTS, SAID
from scms.units import parse_duration


def _known_timezone(name: str) -> str:
    if name in available_timezones():
        return name
    near = difflib.get_close_matches(name, available_timezones(), n=1)
    hint = f', did you mean "{near[0]}"?' if near else ""
    raise ValueError(f'an IANA time zone such as "Europe/Berlin" or "UTC"{hint}')


def _seconds(value: str | float) -> float:
    return parse_duration(value)


Timezone = Annotated[str, AfterValidator(_known_timezone)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Ratio = Annotated[float, Field(ge=0, le=1)]
#: What to do with a host key that is not known: refuse it, or record it. A changed one is refused.
HostKeys = Literal["strict", "accept-new"]
#: What an audience sees of login names: all, pseudonyms, or nothing by user.
Names = Literal["shown", "hashed", "totals"]


class Section(BaseModel):
    """A section of cluster.toml: frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class WarehouseSettings(Section):
    """Where the Iceberg catalog and its files are; relative to the data directory by default."""

    catalog: str | None = Field(None, description="SQLAlchemy URL, or the URL of a REST catalog")
    location: str | None = Field(None, description="URL of the directory or bucket for the files")
    engine: str | None = Field(
        None,
        description="sc://host:port of a Spark Connect server that answers queries instead",
    )
    flush_interval: Annotated[Seconds, Field(ge=5)] = Field(
        600.0, description="how often samples move from the hot store to Iceberg"
    )


class RetentionSettings(Section):
    """How long things are kept."""

    hot: Annotated[Seconds, Field(ge=900)] = Field(
        7200.0, description="committed rows stay this long in the hot store"
    )
    facts: Annotated[Seconds, Field(ge=86400)] = Field(
        90 * 86400.0, description="samples in the warehouse"
    )
    tables: dict[str, Annotated[Seconds, Field(ge=86400)]] = Field(
        {}, description="by table, where some are to be kept longer or shorter"
    )

    @field_validator("tables")
    @classmethod
    def _known(cls, tables: dict[str, float]) -> dict[str, float]:
        known = [table.name for table in (*FACTS, *SAID)]
        unknown = sorted(set(tables) - set(known))
        if unknown:
            raise ValueError(f"{unknown[0]} is kept for ever or is no table; {', '.join(known)}")
        return tables


class PowerSettings(Section):
    """What energy costs and emits."""

    price_per_kwh: Annotated[float, Field(ge=0)] | None = None
    currency: str = "EUR"
    carbon_grams_per_kwh: Annotated[float, Field(ge=0)] | None = None


class PrivacySettings(Section):
    """What is recorded of people, and who may see it in a report."""

    commands: bool = Field(default=True, description="record program names (never arguments)")
    audience: str = Field("lab", description="whom a report is for, where nobody is named")
    shown: tuple[str, ...] = Field(("lab",), description="audiences that see names")
    hashed: tuple[str, ...] = Field((), description="audiences that see pseudonyms")
    totals: tuple[str, ...] = Field(
        ("public",), description="audiences that see nothing by user, only totals of groups"
    )

    def names_for(self, audience: str | None = None) -> Names:
        """What of names an audience sees; of several lists that name it, the strictest counts.

        Raises:
            SettingsError: No list names it: nobody is shown names by mistake.
        """
        wanted = self.audience if audience is None else audience
        lists: tuple[tuple[Names, tuple[str, ...]], ...] = (
            ("totals", self.totals),
            ("hashed", self.hashed),
            ("shown", self.shown),
        )
        for names, audiences in lists:
            if wanted in audiences:
                return names
        known = sorted({name for _, audiences in lists for name in audiences})
        raise SettingsError(
            f"no audience is called {wanted!r}",
            expected=f"one of {', '.join(known)}",
            mend="name it under [privacy] in cluster.toml: shown, hashed or totals",
        )


class ReportSettings(Section):
    """How reports are written."""

    template: str | None = Field(
        None, description="a Jinja template for the page, relative to cluster.toml"
    )


class MailSettings(Section):
    """Who sends reports by mail, and to whom. The password is in the environment."""

    host: str | None = Field(None, description="SMTP server; without one nothing is mailed")
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = Field(None, description="to log in as; its password in SCMS_MAIL_PASSWORD")
    sender: str | None = Field(None, description="address in From")
    to: tuple[str, ...] = Field((), description="addresses it is sent to")


class WebhookSettings(Section):
    """Where the summary of a report is posted to."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")] | None = Field(
        None, description="takes JSON; a token for it in SCMS_WEBHOOK_TOKEN"
    )


class DashboardSettings(Section):
    """How the dashboard is served."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8866
    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")] | None = Field(
        None, description="how people reach it behind a proxy, https://lab.example.org/scms/"
    )
    max_viewers: Annotated[int, Field(ge=1)] = Field(
        30, description="pages that may be open at once; each takes about 120 MB"
    )


class HoldSettings(Section):
    """How long a hold lasts and how many devices one user may hold."""

    duration: Annotated[Seconds, Field(ge=60, le=86400)] = 1200.0
    max_devices_per_user: Annotated[int, Field(ge=1)] = 16


class FindingSettings(Section):
    """From where on a report points something out."""

    idle_held_ratio: Ratio = Field(0.05, description="share of available GPU time held idle")
    little_use_ratio: Ratio = Field(0.20, description="use at which a server is little used")
    much_use_ratio: Ratio = Field(0.85, description="use at which one is nearly always busy")
    coverage_ratio: Ratio = Field(0.80, description="observed share below which nothing is said")
    broken_ratio: Ratio = Field(0.02, description="share of GPU time faulty or unreadable")
    free_while_full_ratio: Ratio = Field(
        0.10, description="share of available GPU time free while other servers were full"
    )
    contention_ratio: Ratio = Field(
        0.05, description="share of the time in which a request had no place"
    )
    top_three_ratio: Ratio = Field(0.50, description="share of all use on three servers")
    down_ratio: Ratio = Field(0.02, description="share of the time that a server was down")
    others_ratio: Ratio = Field(
        0.50, description="share of the use of a group's servers by people of other groups"
    )
    change_ratio: Ratio = Field(0.10, description="change of use against the period before")
    throttled_ratio: Ratio = Field(0.05, description="share of GPU time with the clock held back")
    hot_celsius: Annotated[float, Field(ge=0)] = Field(
        88.0, description="temperature at which a GPU is called hot"
    )
    gpu_hours: Annotated[float, Field(ge=0)] = Field(
        1.0, description="what is less than this is not worth a sentence"
    )
