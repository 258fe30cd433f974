"""What a cluster hands out, and what it takes in: written reports, and history from elsewhere."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scms.cluster.past import Past
from scms.errors import ReportError, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scms.importing import Imported
    from scms.recommend.answer import Recommendation
    from scms.reports.period import Period
    from scms.reports.schedule import Made


class Documents(Past):
    """The verbs that write for other people, and the one that reads from them."""

    def groups(self) -> tuple[str, ...]:
        """The groups that own servers, in the order of the inventory."""
        named = (server.group for server in self.inventory.servers)
        return tuple(dict.fromkeys(group for group in named if group is not None))

    def write_reports(
        self,
        period: str | Period = "last-month",
        folder: str | Path = "reports",
        *,
        forms: str = "html",
        groups: Sequence[str] | None = None,
        audience: str | None = None,
        commands: bool = False,
        template: str | Path | None = None,
        progress: Callable[[Made], None] | None = None,
    ) -> tuple[Made, ...]:
        """Write the report of all servers, and one for each group, into a folder.

        The names of the files say cluster, period and group; a second run replaces them whole.

        Args:
            period: As for `report`.
            folder: Made where it is missing.
            forms: One or several of html, pdf, xlsx, csv, md, json, with commas between them.
            groups: Those that get a report of their own; all with servers by default, none if
                empty.
            audience: As for `report`.
            commands: As for `report`.
            template: As for `report`.
            progress: Told each report that is made.

        Raises:
            ReportError: A report cannot be made or written; those before it are.
        """
        from scms.reports.schedule import suffixes_of, write

        suffixes = suffixes_of(forms)
        chosen = self.groups() if groups is None else groups
        made = []
        for group in (None, *chosen):
            report = self.report(
                period, group=group, audience=audience, commands=commands, template=template
            )
            cluster = self.inventory.settings.name
            made.append(write(report, Path(folder), suffixes, cluster=cluster, group=group))
            if progress is not None:
                progress(made[-1])
        return tuple(made)

    def mail_reports(self, made: Sequence[Made]) -> None:
        """Send reports that were written by mail, as ``[mail]`` says.

        Raises:
            ReportError: The mail server does not take them.
        """
        from scms.reports.delivery import letter, send

        settings = self.inventory.settings.mail
        send(letter(made, settings), settings, os.environ)

    def post_reports(self, made: Sequence[Made]) -> None:
        """Post a summary of each report to the webhook.

        Raises:
            ReportError: There is no webhook, or it does not take one of them.
        """
        from scms.reports.delivery import post
        from scms.reports.schedule import summary

        url = self.inventory.settings.webhook.url
        if url is None:
            raise ReportError(
                "a report cannot be posted: [webhook] has no url",
                expected="an http(s) URL in cluster.toml or SCMS_WEBHOOK__URL",
            )
        for one in made:
            post(url, summary(one), os.environ)

    def check_news(self, *, mail: Sequence[str] = (), webhook: bool = False) -> None:
        """Whether `send_news` could deliver, asked before anybody waits for it.

        Raises:
            RequestError: An address is none, or the settings name no server, sender or URL.
        """
        from scms.recommend.news import check_addresses

        check_addresses(mail, self.inventory.settings.mail)
        if webhook and self.inventory.settings.webhook.url is None:
            raise RequestError(
                "no news can be posted: [webhook] has no url",
                expected="an http(s) URL in cluster.toml or SCMS_WEBHOOK__URL",
            )

    def send_news(
        self,
        answer: Recommendation,
        *,
        mail: Sequence[str] = (),
        webhook: bool = False,
        held: bool = False,
    ) -> None:
        """Tell whoever waits that a job can run now.

        Args:
            answer: With a candidate.
            mail: Addresses, by the server and sender of ``[mail]``.
            webhook: Whether it is posted to ``[webhook]``.
            held: Whether the first choice is held for them.

        Raises:
            ReportError: It is not taken.
        """
        from scms.recommend.news import letter, payload
        from scms.reports.delivery import post, send

        settings, words = self.inventory.settings, {"what": "news", "mend": "it is tried again"}
        if mail:
            told = letter(answer, mail, settings.mail, cluster=settings.name, held=held)
            send(told, settings.mail, os.environ, **words)
        if webhook and settings.webhook.url is not None:
            body = payload(answer, cluster=settings.name, held=held)
            post(settings.webhook.url, body, os.environ, **words)

    def import_trace(
        self, path: str | Path, *, progress: Callable[[float], None] | None = None
    ) -> Imported:
        """Take a recording of other days into the warehouse, so that reports cover them.

        Importing the same recording again changes nothing.

        Args:
            path: A ``.parquet`` or ``.csv`` file with columns ``server, time, busy, total`` (or
                ``ts, busy_gpus, total_gpus``), a row per server and step, evenly spaced. A step
                that was not observed has no ``busy``.
            progress: Told the share that is done, from 0 to 1.

        Raises:
            ForecastError: A row cannot be used; the message names it by number.
            WarehouseError: Its days or servers are there already from elsewhere.
        """
        from scms.forecast.trace import read_trace
        from scms.importing import import_trace

        now = datetime.now(UTC)
        return import_trace(read_trace(path), self._warehouse, now=now, progress=progress)
